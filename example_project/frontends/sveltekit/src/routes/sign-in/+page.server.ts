import { fail, redirect, type RequestEvent } from "@sveltejs/kit";

import type { Actions } from "./$types";

async function enter(route: "login" | "register", { request, locals: { visitor } }: RequestEvent) {
  const form = await request.formData();
  const body = JSON.stringify({ email: form.get("email"), password: form.get("password") });
  const headers = { "Content-Type": "application/json" };
  const response = await visitor.fetch(`/auth/${route}`, { method: "POST", headers, body });
  if (response.ok) redirect(303, "/"); // with the cookies: handle adds them
  const { detail, ...fields } = await response.json();
  return fail(response.status, { message: detail ?? Object.values(fields).flat().join(" ") });
}

export const actions: Actions = {
  signIn: (event) => enter("login", event),
  signUp: (event) => enter("register", event),
};
