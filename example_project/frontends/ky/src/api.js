import ky from "ky";

let signedOut = () => {};
export const onSignedOut = (listener) => (signedOut = listener);

let refreshes = 0; // how many worked
let refreshing = null;

/** New cookies: one refresh at a time in this tab, and none if there was one since the request was sent. */
function refresh(seen) {
  if (seen !== refreshes) return Promise.resolve();
  refreshing ??= ky
    .post("/auth/refresh", { credentials: "include" })
    .then(() => void (refreshes += 1))
    .finally(() => (refreshing = null));
  return refreshing;
}

/** For everything but the acts below. `credentials` matters where the API is on another origin. */
const client = ky.create({
  credentials: "include",
  hooks: {
    init: [(options) => void (options.context = { ...options.context, refreshes })],
    afterResponse: [
      async ({ options, response }) => {
        if (response.status !== 401 || options.context.hasRefreshed) return;
        try {
          await refresh(options.context.refreshes);
        } catch (error) {
          // Only a 401 says that nobody is signed in. Without a network, at a 429 or a 503 the cookies are still good.
          if (error.response?.status !== 401) throw error;
          signedOut();
          return;
        }
        options.context.hasRefreshed = true; // ky itself may have tried before, for another reason
        return ky.retry({ delay: 0, code: "REFRESHED" });
      },
    ],
  },
});

// Plain ky: a wrong password is a 401 too, and no reason to refresh.
export const signIn = (fields) => ky.post("/auth/login", { json: fields, credentials: "include" });
export const signOut = () => ky.post("/auth/logout", { credentials: "include" });

export const notes = () => client.get("/api/notes/").json();
export const addNote = (text) => client.post("/api/notes/", { json: { text } });
