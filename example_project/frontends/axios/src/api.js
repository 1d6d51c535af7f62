import axios from "axios";

import { refresh, stamp } from "./refresh.js";

let signedOut = () => {};
export const onSignedOut = (listener) => (signedOut = listener);

/** For everything but the acts below. `withCredentials` matters where the API is on another origin. */
const client = axios.create({ withCredentials: true });

client.interceptors.request.use(stamp);
client.interceptors.response.use(undefined, async (error) => {
  const { config, response } = error;
  if (response?.status !== 401 || config.again) throw error;
  try {
    await refresh(config);
  } catch (refusal) {
    // Only a 401 says that nobody is signed in. Without a network, at a 429 or a 503 the cookies are still good.
    if (refusal.response?.status !== 401) throw refusal;
    signedOut();
    throw error;
  }
  return client({ ...config, again: true });
});

// Plain axios: a wrong password is a 401 too, and no reason to refresh.
export const signIn = (fields) => axios.post("/auth/login", fields, { withCredentials: true });
export const signOut = () => axios.post("/auth/logout", null, { withCredentials: true });

export const notes = async () => (await client.get("/api/notes/")).data;
export const addNote = (text) => client.post("/api/notes/", { text });
