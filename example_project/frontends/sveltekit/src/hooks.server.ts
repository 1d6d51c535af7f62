import { building } from "$app/environment";
import type { Handle } from "@sveltejs/kit";

import { django } from "$lib/server/django";

export const handle: Handle = ({ event, resolve }) => {
  const answer = (visitor: App.Locals["visitor"]) => {
    event.locals.visitor = visitor;
    return resolve(event);
  };
  // A page that is prerendered is nobody's.
  const clientAddress = building ? undefined : event.getClientAddress();
  return django.respond(event.request, answer, { clientAddress });
};
