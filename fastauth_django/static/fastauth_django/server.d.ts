import type { User } from "./fastauth.js";

export interface ServerOptions {
  /** Where this server reaches `fastauth_django.urls`: `http://127.0.0.1:8000/auth/`. Its host is in `ALLOWED_HOSTS`. */
  baseUrl: string;
  /** The project's `COOKIE_NAME_ACCESS`. Default: `access_token`. */
  accessCookieName?: string;
  /** The project's `COOKIE_NAME_REFRESH`. Default: `refresh_token`. */
  refreshCookieName?: string;
  /** For `CSRF_PROTECTION = "token"`: the project's `CSRF_COOKIE_NAME`. Default: `csrftoken`. */
  csrfCookieName?: string;
  /** For `CSRF_PROTECTION = "token"`: the header of `CSRF_HEADER_NAME`. Default: `X-CSRFToken`. */
  csrfHeaderName?: string;
  /** Milliseconds after which an API that does not answer is given up. Default: 10,000. */
  timeout?: number;
  /** What sends the calls. Default: the global `fetch`. */
  fetch?: (input: URL, init: RequestInit) => Promise<Response>;
}

export interface VisitorOptions {
  /**
   * The address of whoever sent the request, appended to `X-Forwarded-For` as a proxy does: in SvelteKit
   * `event.getClientAddress()`. Count this server in Django's `NUM_PROXIES` then. Next.js knows none: it sends the
   * header as it came.
   */
  clientAddress?: string;
}

/** What `me()` found out. */
export type Found =
  | { signedIn: true; user: User; error: null }
  | { signedIn: false; user: null; error: null }
  /**
   * Not known: the API did not answer (`error` says why), or the access token has run out and nobody has refreshed.
   * Render what everybody may see, and let the browser find out.
   */
  | { signedIn: null; user: null; error: Error | null };

/** The visitor whose request is being answered. Not to be kept longer than that. */
export interface Visitor {
  /**
   * `fetch` as the visitor, of a path or URL of the API's origin. The call carries the visitor's cookies, address and
   * browser, and what the browser says of the page that asked: so Django refuses (403 `csrf_failed`) what another
   * site's page has caused. Answers never come from a cache, and a redirect is returned, not followed.
   *
   * @throws {FastAuthServerError} `other_origin`, `cookies_cannot_be_set`, `change_not_asked_for`, `api_unreachable`
   */
  fetch(path: string | URL, init?: RequestInit): Promise<Response>;
  /** Whether somebody is signed in, and who. Never throws. Costs no call if the visitor has neither cookie. */
  me(): Promise<Found>;
  /** The headers of the visitor's request, with the cookies as they are now: for what renders next. */
  readonly headers: Headers;
}

export interface ServerClient {
  /**
   * The visitor who sent `incoming`, where no cookie can be set: a server component, a streamed part of a page. Does
   * not refresh, and calls no route of `baseUrl` that changes something, since the new cookies would be lost.
   *
   * @throws {FastAuthServerError} `no_request`
   */
  visitor(incoming: Request | Headers, options?: VisitorOptions): Visitor;
  /**
   * Answer `request`, where cookies can be set: in Next.js's `proxy.ts` and route handlers, in SvelteKit's `handle`.
   *
   * If the access token has run out, this refreshes first. With new cookies it answers 307 to the same address, so that
   * the browser comes back with them, and does not call `answer`. Otherwise it calls `answer` with the visitor, and adds
   * each `Set-Cookie` line that a call of the visitor's got to its response: after a sign-in, a sign-out, a new
   * password. An error of `answer`'s goes to the caller.
   *
   * @throws {FastAuthServerError} `no_request`
   */
  respond(
    request: Request,
    answer: (visitor: Visitor) => Response | Promise<Response>,
    options?: VisitorOptions,
  ): Promise<Response>;
}

/** One for the whole server: it keeps nothing of a visitor, but knows of the refreshes that are on their way. */
export function createServerClient(options: ServerOptions): ServerClient;

export class FastAuthServerError extends Error {
  constructor(code: FastAuthServerError["code"], message: string, cause?: unknown);
  /**
   * - `no_request`: there is no visitor's request;
   * - `other_origin`: not the API's origin. The visitor's cookies go nowhere else;
   * - `cookies_cannot_be_set`: a call that sets cookies, outside of `respond()` or after its response went out;
   * - `change_not_asked_for`: a call that changes something while the visitor only reads (GET). Django could not tell it
   *   from one that a link on another site has caused;
   * - `api_unreachable`: no answer, within `timeout`.
   */
  code: "no_request" | "other_origin" | "cookies_cannot_be_set" | "change_not_asked_for" | "api_unreachable";
}
