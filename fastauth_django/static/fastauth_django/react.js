"use client";

/** For React 18 and newer. */

import { useEffect, useSyncExternalStore } from "react";

/** @type {typeof import("./react.d.ts").useAuth} */
export function useAuth(client) {
  const auth = useSyncExternalStore(client.subscribe, client.getSnapshot, client.getServerSnapshot);
  // Nobody has asked yet; or somebody signed in in another tab, which does not tell who.
  const isUnasked = auth.reason === null || (auth.signedIn && !auth.user);
  useEffect(() => {
    if (isUnasked) client.me().catch(() => {}); // told as "unreachable"
  }, [client, isUnasked]);
  return auth;
}
