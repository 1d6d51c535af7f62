import { json } from "@sveltejs/kit";

import type { RequestHandler } from "./$types";

export const GET: RequestHandler = async ({ locals: { visitor } }) => {
  const response = await visitor.fetch("/api/notes/");
  return json(await response.json(), { status: response.status });
};

export const POST: RequestHandler = async ({ request, locals: { visitor } }) => {
  const body = JSON.stringify({ text: await request.text() });
  const headers = { "Content-Type": "application/json" };
  const response = await visitor.fetch("/api/notes/", { method: "POST", headers, body });
  return json(await response.json(), { status: response.status });
};
