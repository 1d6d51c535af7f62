import { createClient } from "fastauth-django-client";
import createApi from "openapi-fetch";

import type { components, paths } from "./schema.js"; // npm run schema

const auth = createClient();
/** Every request of the generated client goes by `auth.fetch`, which refreshes once for all tabs. */
const api = createApi<paths>({ baseUrl: location.origin, fetch: auth.fetch });

export const onSignedOut = (listener: () => void) => auth.onChange(({ signedIn }) => void (signedIn || listener()));
export const signIn = (fields: components["schemas"]["AuthLoginRequest"]) => auth.signIn(fields);
export const signOut = () => auth.signOut();

export async function notes() {
  const { data, error } = await api.GET("/api/notes/");
  if (!data) throw new Error(error.detail);
  return data;
}

export async function addNote(text: string) {
  const { data, error } = await api.POST("/api/notes/", { body: { text } });
  if (!data) throw new Error(JSON.stringify(error));
  return data;
}
