/** Each function of the client as a strict TypeScript project uses it. `@ts-expect-error` marks what must not pass. */

import { createClient, FastAuthError } from "fastauth-django-client";
import type { Change, Client, Options, Reason, Session, Snapshot, User } from "fastauth-django-client";
import { useAuth } from "fastauth-django-client/react";

const options: Options = { baseUrl: "/auth/", fetch, locks: null, csrfCookieName: "csrftoken", csrfToken: () => null };
const auth: Client = createClient(options);
createClient();
// @ts-expect-error: no such option
createClient({ baseURL: "/auth/" });

const stop: () => void = auth.onChange(({ signedIn, user, reason, code, elsewhere }: Change) => {
  const known: boolean | null = signedIn;
  const word: Reason = reason;
  console.log(known, user?.email, word, code?.length, elsewhere === true);
});
const unwatch: () => void = auth.subscribe(() => {});
const snapshot: Snapshot = auth.getSnapshot();
const before: Reason | null = auth.getServerSnapshot().reason;
// @ts-expect-error: a snapshot is not to be written to
snapshot.signedIn = true;
// @ts-expect-error: nobody may be signed in
snapshot.user.email;

export async function everything(): Promise<void> {
  const user: User = await auth.signIn({ email: "ada@example.com", password: "…", remember: true });
  const nobody: User | null = await auth.me();
  await auth.signUp({ email: "ada@example.com", password: "…", name: "Ada" });
  // @ts-expect-error: a sign-in needs a password
  await auth.signIn({ email: "ada@example.com" });
  const devices: Session[] = await auth.sessions();
  await auth.sessions.end(devices[0]!.id);
  await auth.sessions.endAll({ keepCurrent: true });
  await auth.changePassword("…", "…");
  const response: Response = await auth.fetch("/api/notes/", { method: "POST", body: "a note" });
  const signedIn: boolean = await auth.refresh();
  const { expiresAt, refreshedAt, refreshExpiresAt, deviceBound } = auth.status;
  console.log(user, nobody, response, signedIn, expiresAt + refreshedAt + refreshExpiresAt, deviceBound === true);
  await auth.signOut().catch((error: unknown) => {
    if (!(error instanceof FastAuthError)) throw error;
    const { status, code, fields, retryAfter } = error;
    console.log(status, code, fields.email?.join(" "), retryAfter);
  });
  stop();
  unwatch();
  auth.close();
  console.log(before);
}

export function Component(): string {
  const { signedIn, user } = useAuth(auth);
  return signedIn === null ? "?" : signedIn ? String(user?.email) : "nobody";
}
