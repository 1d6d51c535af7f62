import axios from "axios";
import { createAuthRefresh } from "axios-auth-refresh";

import { refresh, stamp } from "./refresh.js";

let signedOut = () => {};
export const onSignedOut = (listener) => (signedOut = listener);

const client = axios.create({ withCredentials: true });

client.interceptors.request.use(stamp);
createAuthRefresh(
  client,
  (error) =>
    refresh(error.config).catch((refusal) => {
      if (refusal.response?.status === 401) signedOut();
      throw refusal;
    }),
  // Its default rejects requests that were on their way when the refresh began. `refresh` sends one at a time anyway.
  { deduplicateRefresh: false, maxRetries: 1 },
);

// Plain axios: a wrong password is a 401 too, and no reason to refresh.
export const signIn = (fields) => axios.post("/auth/login", fields, { withCredentials: true });
export const signOut = () => axios.post("/auth/logout", null, { withCredentials: true });

export const notes = async () => (await client.get("/api/notes/")).data;
export const addNote = (text) => client.post("/api/notes/", { text });
