import axios from "axios";

let refreshes = 0; // how many worked
let refreshing = null;

/** Stamp each request with what it knows, so that a refusal which comes late makes no second refresh. */
export const stamp = (config) => ({ ...config, refreshes });

/**
 * New cookies: one refresh at a time in this tab, and none if there was one since the request of `config` was sent.
 * Rejects with a 401 if the session has ended, and with another error if that could not be found out.
 */
export function refresh(config) {
  if (config.refreshes !== refreshes) return Promise.resolve();
  refreshing ??= axios
    .post("/auth/refresh", null, { withCredentials: true })
    .then(() => void (refreshes += 1))
    .finally(() => (refreshing = null));
  return refreshing;
}
