import { createClient } from "fastauth-django-client";

/** The page's own half: signs in and out, and keeps the session alive while the page is open. */
export const auth = createClient({ baseUrl: "/auth/" });
