import { NextResponse, type NextRequest } from "next/server";

import { django } from "@/lib/django";

export const proxy = (request: NextRequest) =>
  django.respond(request, ({ headers }) => NextResponse.next({ request: { headers } }));

// Every page and route handler of this app. Not what Django answers itself: there the page's own client refreshes.
export const config = { matcher: ["/((?!auth/|api/|_next/|favicon.ico).*)"] };
