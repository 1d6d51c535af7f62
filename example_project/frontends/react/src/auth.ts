import { createClient, FastAuthError } from "fastauth-django-client";

/** Where Django is: empty behind the proxy of vite.config.ts, or a whole origin, as VITE_API=https://api.example.com. */
const api = import.meta.env.VITE_API ?? "";

export const auth = createClient({ baseUrl: `${api}/auth/` });

/** Ask the API as the signed-in user. The client refreshes where that is needed. */
export async function ask<T>(path: string, method = "GET", data?: object): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  const response = await auth.fetch(api + path, { method, headers, body: data && JSON.stringify(data) });
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new FastAuthError(response, body);
  return body;
}
