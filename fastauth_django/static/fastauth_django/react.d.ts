import type { Client, Snapshot } from "./fastauth.d.ts";

/**
 * What `client` knows of who is signed in; the component renders again when that changes. On a server, and in the first
 * render of a page that a server rendered, nothing is known (`signedIn` is null). Once mounted it asks `client.me()`, once
 * for all components.
 *
 * @param client made once, outside of components.
 */
export function useAuth(client: Pick<Client, "subscribe" | "getSnapshot" | "getServerSnapshot" | "me">): Snapshot;
