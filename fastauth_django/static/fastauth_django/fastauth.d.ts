/** What the server's `USER_SERIALIZER` tells of a user. */
export type User = Record<string, any>;

export interface Options {
  /** Where `fastauth_django.urls` is included: a path, or a URL when the API has another origin. Default: "/auth/". */
  baseUrl?: string;
  /** What sends the requests. Default: the browser's `fetch`. */
  fetch?: typeof globalThis.fetch;
  /**
   * What lets one tab at a time change the cookies. Default: `navigator.locks`; where the browser has none, tabs tell
   * each other. `null` switches it off: two tabs may then present one refresh token, within the server's grace.
   */
  locks?: Pick<LockManager, "request"> | null;
  /**
   * The project's `CSRF_COOKIE_NAME`. Default: `csrftoken`. Of two cookies of that name the last one counts, as Django
   * has it.
   */
  csrfCookieName?: string;
  /** The header of the project's `CSRF_HEADER_NAME`, without `HTTP_` and with hyphens. Default: `X-CSRFToken`. */
  csrfHeaderName?: string;
  /**
   * Reads Django's CSRF token, for `CSRF_PROTECTION = "token"`. Default: from the cookie, if there is one.
   * `null` never sends the header. A request that carries it follows no redirect to another origin, and from a page of
   * another origin than the API's none at all: browsers would take the header along.
   */
  csrfToken?: (() => string | null) | null;
}

/**
 * - "signed-in": a sign-in or a sign-up;
 * - "restored": `me()` found somebody signed in from before;
 * - "signed-out": somebody chose to;
 * - "ended": the server refused to go on; `code` says why;
 * - "nobody": `me()` found nobody, and nothing tells that somebody was signed in before;
 * - "away": the person leaves the page, and the browser keeps it for its Back button. Hide what it shows of somebody:
 *   whoever comes back sees it as it is left now. When it is seen again, the client asks `me()` by itself;
 * - "unreachable": `me()` could not ask; `code` is the server's word, if it had one. The client asks again when the
 *   network is back or the page is seen again.
 */
export type Reason = "signed-in" | "restored" | "signed-out" | "ended" | "nobody" | "away" | "unreachable";

/** Somebody signed in or out, or it is not known any more whether somebody is. */
export interface Change {
  /** Null: not known. */
  readonly signedIn: boolean | null;
  /** Who signed in. Null after a sign-in in another tab (ask `me()`) and when nobody is signed in. */
  readonly user: User | null;
  readonly reason: Reason;
  /** With "ended", the server's word: `session_revoked`, `token_expired`, `password_changed`, `device_binding_required` … */
  readonly code: string | null;
  /** Whether another tab did it. */
  readonly elsewhere: boolean;
}

/** The last {@link Change}, with the user as `me()` told last. Before the first one nothing is known: `reason` is null. */
export interface Snapshot extends Omit<Change, "reason"> {
  readonly reason: Reason | null;
}

/** One device of the user. Times are ISO 8601. */
export interface Session {
  id: string;
  created_at: string;
  last_used_at: string;
  expires_at: string;
  ip_address: string | null;
  user_agent: string;
  /** Whether only the key of that device renews the session. */
  device_bound: boolean;
  /** Whether this very client asks. */
  current: boolean;
}

export interface SignIn {
  password: string;
  /** Keep the session for `REMEMBER_ME_TTL`. */
  remember?: boolean;
  /** The user model's `USERNAME_FIELD`: `email`, `username` … */
  [identifier: string]: any;
}

export interface SignUp {
  password: string;
  /** The user model's `USERNAME_FIELD` and `REQUIRED_FIELDS`, and its name where it has one. */
  [field: string]: any;
}

export interface Sessions {
  /** The user's devices. */
  (): Promise<Session[]>;
  /** Sign one device out. */
  end(id: string): Promise<void>;
  /** Sign every device out, this one included unless `keepCurrent`. */
  endAll(options?: { keepCurrent?: boolean }): Promise<void>;
}

/**
 * Every function but `fetch` rejects with a {@link FastAuthError} when the server answers with an error, and with
 * fetch's own `TypeError` or a `TimeoutError` when it cannot be reached. Only a 401 to a refresh signs out: a failing
 * network, a busy server or a refused origin does not.
 */
export interface Client {
  /** Make an account and sign in, unless the account has to be activated first (`status.signedIn` tells). */
  signUp(data: SignUp): Promise<User>;
  signIn(data: SignIn): Promise<User>;
  /**
   * Sign out in every tab, whatever state the tokens are in. Rejects when the server could not be told: the session
   * goes on, because only the server can take an HttpOnly cookie away.
   */
  signOut(): Promise<void>;
  /** Who is signed in, or null. All who ask at the same time share one answer. */
  me(): Promise<User | null>;
  sessions: Sessions;
  /** Change the password. Every session of before ends; this client goes on with a new one. */
  changePassword(currentPassword: string, newPassword: string): Promise<void>;
  /**
   * `fetch` as the signed-in user; after a 401 it refreshes once and repeats the request once. A path is taken from the
   * origin of `baseUrl`. A request to any other origin goes out untouched and never carries the token. A body that is
   * a stream can be sent only once: its 401 is returned after the refresh, for the caller to make a new stream.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** Refresh now, unless the browser does. Resolves to whether somebody is signed in. There is no need to call it. */
  refresh(): Promise<boolean>;
  /**
   * Whether somebody is signed in (null: not known before `me()` or a sign-in), and when the access token runs out and
   * was given, as `Date.now()` counts (0: not known before the next refresh, since no script can read the cookie).
   * `refreshExpiresAt`: when the session ends if nothing refreshes it.
   * `deviceBound`: the session is known to be bound to this device. The browser renews it by itself then, this client
   * plans no refresh, and the times are not known.
   */
  readonly status: {
    signedIn: boolean | null;
    expiresAt: number;
    refreshedAt: number;
    refreshExpiresAt: number;
    deviceBound: boolean;
  };
  /** Hear of each sign-in and sign-out, in this tab and in others. Returns what ends it. */
  onChange(listener: (change: Change) => void): () => void;
  /**
   * For frameworks that watch a store (React's `useSyncExternalStore`; `useAuth` of `fastauth-django-client/react` does
   * it): be called after each change of the snapshot. Returns what ends it.
   */
  subscribe(watcher: () => void): () => void;
  /** What is known now: the same object until it changes. */
  getSnapshot(): Snapshot;
  /** What a server knows that renders the page, and the page before it asks: nothing. */
  getServerSnapshot(): Snapshot;
  /** Let go of timers, channel and listeners, for good. Signs nobody out. */
  close(): void;
}

/**
 * A client looks at nothing of a browser before it is used, so a module that is also loaded by a server, or at build time,
 * can make one. Without a page a call rejects with a `TypeError`, unless `baseUrl` is a whole URL.
 */
export function createClient(options?: Options): Client;

/** An answer that was not a success. */
export class FastAuthError extends Error {
  constructor(response: Response, body: unknown);
  /** The HTTP status. */
  status: number;
  /** The server's short word: `invalid_credentials`, `user_exists`, `csrf_failed` … Null for errors of a form's fields. */
  code: string | null;
  /** What is wrong with each field of a form (400). */
  fields: Record<string, string[]>;
  /** Seconds to wait before trying again (429, 503). */
  retryAfter: number | null;
}
