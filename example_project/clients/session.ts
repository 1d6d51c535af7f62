/**
 * A phone app's half of fastauth_django (JSON delivery): sign in, stay signed in, sign out. For React Native, or whatever
 * else has `fetch`. Imports nothing.
 *
 *     const session = new Session("https://example.com", keychain, (code) => showSignIn(code));
 *     await session.signIn({ email, password });
 *     const notes = await (await session.fetch("/api/notes/")).json();
 */

/** What is worth keeping of an answer: nothing else of it opens or renews anything. */
interface Tokens {
  access_token: string;
  refresh_token: string;
}

/** One place that the platform guards: an item of the Keychain, or a value that a key of the Keystore encrypts. */
export interface Store {
  get(): Promise<string | null>;
  set(value: string): Promise<void>;
  delete(): Promise<void>;
}

/** The server refused: `code` is its short word, such as `invalid_credentials`. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string | null;
  readonly body: any;

  constructor(status: number, body: any) {
    super(body?.detail ?? `The server answered ${status}.`);
    this.name = "Refused";
    this.status = status;
    this.code = body?.code ?? null;
    this.body = body;
  }
}

export class Session {
  private readonly origin: string;
  private readonly store: Store;
  private readonly onSignedOut: (code: string) => void;
  private readonly routes: string;
  private readonly send: typeof fetch;
  private tail: Promise<unknown> = Promise.resolve();

  /**
   * `origin` is scheme and host of the API, without a slash at the end. `onSignedOut` hears that the server ended the
   * session, and its word for why. `routes` is where the project includes `fastauth_django.urls`, and `send` the
   * platform's `fetch`.
   */
  constructor(
    origin: string,
    store: Store,
    onSignedOut: (code: string) => void,
    routes = "/auth/",
    send: typeof fetch = (input, init) => fetch(input, init),
  ) {
    this.origin = origin;
    this.store = store;
    this.onSignedOut = onSignedOut;
    this.routes = routes;
    this.send = send;
  }

  /** Sign in with the fields of `POST login`. Returns the user; throws `Refused`. */
  signIn(fields: Record<string, unknown>): Promise<any> {
    return this.alone(async () => {
      await this.end(); // or a session that nobody uses would live on for weeks
      const body = await this.act("login", fields);
      await this.keep(body);
      return body.user;
    });
  }

  /** Sign out. If the server cannot be reached this throws, and the session goes on: try again, or tell the user. */
  signOut(): Promise<void> {
    return this.alone(() => this.end());
  }

  /** Whether somebody was signed in when the app was last used. No request is made. */
  async isSignedIn(): Promise<boolean> {
    return (await this.tokens()) !== null;
  }

  /**
   * `fetch` for a path of the API, as the signed-in user. After a 401 it refreshes, and repeats the request once. If
   * nobody is signed in, or not any more, the answer is the server's 401. A body must be one that can be sent twice:
   * text, a form or bytes.
   */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    // A path, because URLs are parsed in different ways: what follows origin and slash can only be on this host.
    if (!path.startsWith("/")) throw new TypeError(`A path begins with a slash: ${path}`);
    const tokens = await this.tokens();
    const answer = await this.request(path, init, tokens);
    if (answer.status !== 401 || tokens === null) return answer;
    const renewed = await this.alone(() => this.renew(tokens));
    return renewed ? this.request(path, init, renewed) : answer;
  }

  private request(path: string, init: RequestInit, tokens: Tokens | null): Promise<Response> {
    const headers = new Headers(init.headers);
    if (tokens) headers.set("Authorization", `Bearer ${tokens.access_token}`);
    return this.transmit(path, { ...init, headers });
  }

  /** No cookie of the platform's jar goes along, and no redirect takes tokens or a password to another host. */
  private transmit(path: string, init: RequestInit): Promise<Response> {
    return this.send(this.origin + path, { ...init, credentials: "omit", redirect: "error" });
  }

  private async act(route: string, fields: object): Promise<any> {
    const headers = { Accept: "application/json", "Content-Type": "application/json" };
    const answer = await this.transmit(this.routes + route, { method: "POST", headers, body: JSON.stringify(fields) });
    const body = await answer.json().catch(() => null);
    if (!answer.ok) throw new Refused(answer.status, body);
    return body;
  }

  /** Other tokens than `spent`, or null if the session has ended. Runs alone. */
  private async renew(spent: Tokens): Promise<Tokens | null> {
    // From the store: whoever was alone before has renewed them, or an extension of the app, which is another process.
    const tokens = await this.tokens();
    if (tokens?.access_token !== spent.access_token) return tokens;
    try {
      return await this.keep(await this.act("refresh", { refresh_token: tokens.refresh_token }));
    } catch (error) {
      // Only a 401 is final. Everything else leaves the tokens as they are: the network may be gone in the middle, and
      // the server answers the same refresh token again if nobody has used what it gave before.
      if (!(error instanceof Refused) || error.status !== 401) throw error;
      await this.store.delete();
      this.onSignedOut(error.code ?? "signed_out");
      return null;
    }
  }

  private async end(): Promise<void> {
    const tokens = await this.tokens();
    if (tokens === null) return;
    await this.act("logout", { refresh_token: tokens.refresh_token });
    await this.store.delete();
  }

  /** Stores tokens before anything uses them: an app that dies in between goes on with the old ones. */
  private async keep(body: any): Promise<Tokens> {
    const { access_token, refresh_token } = body ?? {};
    if (!access_token || !refresh_token) throw new Error("The answer has no tokens. Is TOKEN_DELIVERY 'json'?");
    await this.store.set(JSON.stringify({ access_token, refresh_token }));
    return { access_token, refresh_token };
  }

  private async tokens(): Promise<Tokens | null> {
    return JSON.parse((await this.store.get()) ?? "null");
  }

  /** One after another: two refreshes, or a refresh and a sign-out, would overtake each other. */
  private alone<T>(task: () => Promise<T>): Promise<T> {
    const run = this.tail.then(task);
    this.tail = run.catch(() => {});
    return run;
  }
}
