import { fail } from "@sveltejs/kit";

import type { Actions, PageServerLoad } from "./$types";

type Note = { id: number; text: string };

export const load: PageServerLoad = async ({ locals: { visitor } }) => {
  const { signedIn, user, error } = await visitor.me();
  const answer = signedIn ? await visitor.fetch("/api/notes/") : null;
  const notes: Note[] = answer?.ok ? await answer.json() : [];
  return { signedIn, user, notes, isDown: error !== null || answer?.ok === false };
};

export const actions: Actions = {
  async add({ request, locals: { visitor } }) {
    const form = await request.formData();
    const body = new URLSearchParams({ text: String(form.get("text")) });
    const response = await visitor.fetch("/api/notes/", { method: "POST", body });
    if (!response.ok) return fail(response.status, { message: await response.text() });
  },

  async signOut({ locals: { visitor } }) {
    const response = await visitor.fetch("/auth/logout", { method: "POST" });
    if (!response.ok) return fail(response.status, { message: await response.text() });
  },
};
