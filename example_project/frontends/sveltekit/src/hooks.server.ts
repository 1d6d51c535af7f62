import type { Handle } from "@sveltejs/kit";

import { django } from "$lib/server/django";

export const handle: Handle = ({ event, resolve }) => {
  const answer = (visitor: App.Locals["visitor"]) => {
    event.locals.visitor = visitor;
    return resolve(event);
  };
  return django.respond(event.request, answer, { clientAddress: event.getClientAddress() });
};
