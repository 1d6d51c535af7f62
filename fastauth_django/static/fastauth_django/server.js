/**
 * fastauth_django for frameworks that render on a server: calls to Django on behalf of the visitor whose request is
 * being answered.
 *
 *     const django = createServerClient({ baseUrl: "http://127.0.0.1:8000/auth/" });
 *
 *     const visitor = django.visitor(request);                   // a Request or its Headers; refreshes nothing
 *     const notes = await (await visitor.fetch("/api/notes/")).json();
 *
 *     return django.respond(request, (visitor) => new Response(…)); // where cookies can be set: refreshes if need be
 *
 * Django decides by what the visitor's browser says of a request whether it may act. So each call repeats that. Else the
 * framework's server, which holds the cookies, would speak for any page. What each function takes, gives and throws:
 * server.d.ts.
 */

/** @typedef {import("./server.d.ts").Visitor} Visitor */

const SAFE_METHODS = ["GET", "HEAD", "OPTIONS", "TRACE"]; // RFC 9110, section 9.2.1
const MARGIN = 10_000; // ms of life that an access token needs, to last for every call of one answer
const TIMEOUT = 10_000; // ms after which a silent API is given up

/** @type {(input: URL, init: RequestInit) => Promise<Response>} */
const serverFetch = (input, init) => globalThis.fetch(input, init);

/** Who asks, and by which way: for Django's limits, its list of sessions and its idea of https. */
const OF_THE_VISITOR = ["User-Agent", "Accept-Language", "X-Forwarded-For", "X-Forwarded-Proto"];
/** Which page asks, and of which host: what Django's origin rule compares, and no page can change. */
const OF_THE_PAGE = ["Origin", "Sec-Fetch-Site", "Referer", "Forwarded", "X-Forwarded-Host"];

export class FastAuthServerError extends Error {
  /**
   * @param {import("./server.d.ts").FastAuthServerError["code"]} code
   * @param {string} message
   * @param {unknown} [cause]
   */
  constructor(code, message, cause) {
    super(message, { cause });
    this.name = "FastAuthServerError";
    this.code = code;
  }
}

/** The cookies of a request, and what becomes of them. There may be several of one name. */
class Cookies {
  /** @param {string | null} [header] */
  constructor(header) {
    this.pairs = (header ?? "").split(";").map((pair) => pair.trim()).filter(Boolean);
  }

  /** @param {string} name */
  values(name) {
    return this.pairs.filter((pair) => pair.startsWith(`${name}=`)).map((pair) => pair.slice(name.length + 1));
  }

  /** Do with a Set-Cookie line what the browser is going to do with it. @param {string} line */
  apply(line) {
    const [pair, ...attributes] = line.split(";").map((part) => part.trim());
    const name = pair.split("=", 1)[0];
    this.pairs = this.pairs.filter((each) => !each.startsWith(`${name}=`));
    if (!attributes.some((attribute) => /^max-age=0$/i.test(attribute))) this.pairs.push(pair);
  }

  toString() {
    return this.pairs.join("; ");
  }
}

/**
 * When a token was given and when it runs out, in ms. Django verifies its signature. This only decides when to ask for
 * the next one.
 * @param {string} token
 */
function timesOf(token) {
  try {
    const { iat, exp } = JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
    return { issued: iat * 1000, expires: exp * 1000 };
  } catch {
    return { issued: 0, expires: 0 };
  }
}

/** @type {(incoming: any) => Headers} */
function headersOf(incoming) {
  const isHeaders = typeof incoming?.get === "function"; // those of Next.js have a property "headers" too
  const headers = isHeaders ? incoming : incoming?.headers;
  if (typeof headers?.get === "function") return headers;
  const what = "A call to Django needs the visitor's request: a Request, or its Headers (in Next.js: await headers()).";
  throw new FastAuthServerError("no_request", what);
}

/**
 * Whether the visitor asked for a change. Where there are only headers, Origin tells: browsers send it with every
 * request that is not GET or HEAD.
 * @type {(incoming: Request | Headers) => boolean}
 */
const asksForChange = (incoming) =>
  "method" in incoming ? !SAFE_METHODS.includes(incoming.method) : incoming.has("Origin");

/**
 * A copy of the response with these Set-Cookie lines. Of some responses, as of a redirect, no header can be changed.
 * @type {(response: Response, lines: string[]) => Response}
 */
function withCookies(response, lines) {
  if (!lines.length) return response;
  const copy = new Response(response.body, response);
  copy.headers.set("Cache-Control", "no-store");
  lines.forEach((line) => copy.headers.append("Set-Cookie", line));
  return copy;
}

/** Have the browser send the same request once more, with its body. @type {(request: Request) => Response} */
function onceMore(request) {
  const { pathname, search, protocol, host } = new URL(request.url);
  const path = pathname.replace(/^\/+/, "/") + search; // as a relative address, //evil.example would be another host
  // Behind a proxy the framework may have an address of its own, and the browser would send its form there. The first of
  // several values is the one that the visitor's browser used. No relative address: Next.js takes none from proxy.ts.
  const first = (/** @type {string} */ name) => request.headers.get(name)?.split(",")[0].trim();
  const origin = `${first("X-Forwarded-Proto") ?? protocol.slice(0, -1)}://${first("X-Forwarded-Host") ?? first("Host") ?? host}`;
  const url = URL.canParse(path, origin) ? new URL(path, origin) : new URL(path, request.url);
  return new Response(null, { status: 307, headers: { Location: url.href } });
}

/** @type {import("./server.d.ts").createServerClient} */
export function createServerClient({
  baseUrl,
  accessCookieName = "access_token",
  refreshCookieName = "refresh_token",
  csrfCookieName = "csrftoken",
  csrfHeaderName = "X-CSRFToken",
  timeout = TIMEOUT,
  fetch: send = serverFetch,
}) {
  const base = new URL(baseUrl.replace(/\/?$/, "/"));
  const refreshing = /** @type {Map<string, Promise<string[]>>} */ (new Map());
  let clockDifference = 0; // ms by which Django's clock is ahead of this one, as far as a refresh has told

  /** @type {(url: URL, init: RequestInit) => Promise<Response>} */
  async function transmit(url, init) {
    try {
      // From a cache one visitor would get another's answer, and a redirect could take the cookies anywhere.
      const signal = init.signal ?? AbortSignal.timeout(timeout);
      return await send(url, { ...init, signal, cache: "no-store", redirect: "manual" });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new FastAuthServerError("api_unreachable", `The API at ${base.origin} does not answer: ${error}`, error);
    }
  }

  /**
   * The headers of a call: `own`, but what is said of the visitor is what the visitor's request says.
   * @param {Request | Headers} incoming
   * @param {Cookies} cookies
   * @param {string | undefined} address of who sent the request, which a proxy appends to those before
   * @param {HeadersInit} [own]
   */
  function introduce(incoming, cookies, address, own) {
    const [headers, visitors] = [new Headers(own), headersOf(incoming)];
    for (const name of ["Cookie", ...OF_THE_VISITOR, ...OF_THE_PAGE]) headers.delete(name);
    for (const name of OF_THE_VISITOR) if (visitors.has(name)) headers.set(name, visitors.get(name) ?? "");
    if (address) headers.append("X-Forwarded-For", address);
    if (cookies.pairs.length) headers.set("Cookie", `${cookies}`);
    return headers;
  }

  // --- refresh

  /** @param {Cookies} cookies */
  function isRefreshDue(cookies) {
    const now = Date.now() + clockDifference;
    const lasts = cookies.values(accessCookieName).map(timesOf)
      .some(({ issued, expires }) => expires - Math.min(MARGIN, (expires - issued) / 5) > now);
    return !lasts && cookies.values(refreshCookieName).length > 0;
  }

  /**
   * The Set-Cookie lines of a refresh: of new cookies, or, if the session has ended, of none any more. An empty list if
   * the API cannot say for now; the cookies stay as they are. Requests that carry the same cookie at once share one.
   *
   * This server acts here, whatever the visitor asked for: who comes by a link on another site is to be signed in too.
   * So nothing is said of the page. For CSRF_PROTECTION = "token", which wants a page, it is one of the API's own.
   * @type {(request: Request, cookies: Cookies, address?: string) => Promise<string[]>}
   */
  function refresh(request, cookies, address) {
    const key = cookies.values(refreshCookieName).join();
    const headers = introduce(request, cookies, address, { Accept: "application/json" });
    const scheme = /^https?/.exec(headers.get("X-Forwarded-Proto") ?? "")?.[0];
    headers.set("Referer", `${scheme ? `${scheme}:` : base.protocol}//${base.host}/`);
    const csrfToken = cookies.values(csrfCookieName).pop(); // the last one, as Django has it
    if (csrfToken) headers.set(csrfHeaderName, csrfToken);

    const ask = async () => {
      const response = await transmit(new URL("refresh", base), { method: "POST", headers });
      const lines = response.headers.getSetCookie();
      if (response.ok) learnClock(lines, await response.json().catch(() => ({})));
      return response.ok || response.status === 401 ? lines : [];
    };
    const lines = refreshing.get(key) ?? ask().catch(() => []).finally(() => refreshing.delete(key));
    refreshing.set(key, lines);
    return lines;
  }

  /**
   * If this clock is ahead, each new token looks as if it had run out, and the browser would be sent on for ever.
   * @type {(lines: string[], body: any) => void}
   */
  function learnClock(lines, { expires_in }) {
    const given = new Cookies();
    lines.forEach((line) => given.apply(line));
    const { expires } = timesOf(given.values(accessCookieName)[0]);
    if (expires && expires_in) clockDifference = expires - expires_in * 1000 - Date.now();
  }

  // --- calls

  /**
   * @param {Request | Headers} incoming
   * @param {Cookies} cookies
   * @param {string | undefined} address
   * @param {() => string[] | null} lines what goes to the browser; null where nothing can
   * @returns {Visitor}
   */
  function visitorOf(incoming, cookies, address, lines) {
    const visitors = headersOf(incoming);
    const calledBy = "url" in incoming ? new URL(incoming.url).host : null; // HTTP/2 has no Host
    const host = visitors.get("X-Forwarded-Host") ?? visitors.get("Host") ?? calledBy;

    /** As Django will read the path. @type {(url: URL) => boolean} */
    function isBelowBase({ pathname }) {
      try {
        return decodeURIComponent(pathname).startsWith(decodeURIComponent(base.pathname));
      } catch {
        return true; // "%" and no number: Django reads it in a way of its own.
      }
    }

    /** @type {(url: URL, method: string) => void} */
    function refuse(url, method) {
      if (url.origin !== base.origin) {
        const why = `${url.origin} is not the API's origin, ${base.origin}: it must not get the visitor's cookies.`;
        throw new FastAuthServerError("other_origin", why);
      }
      if (SAFE_METHODS.includes(method)) return;
      if (lines() === null && isBelowBase(url)) {
        const why = `${method} ${url.pathname} sets cookies, and from here none reaches the browser. Use respond().`;
        throw new FastAuthServerError("cookies_cannot_be_set", why);
      }
      if (!asksForChange(incoming)) {
        const why = `${method} ${url.pathname} while a page is only read: any link could cause it. POST to this server.`;
        throw new FastAuthServerError("change_not_asked_for", why);
      }
    }

    const visitor = /** @type {Visitor} */ ({
      async fetch(path, init = {}) {
        if (typeof path === "object" && !(path instanceof URL)) throw new TypeError("visitor.fetch takes a path or a URL.");
        const url = new URL(path, base);
        const method = (init.method ?? "GET").toUpperCase();
        refuse(url, method);
        const headers = introduce(incoming, cookies, address, init.headers);
        for (const name of OF_THE_PAGE) if (visitors.has(name)) headers.set(name, visitors.get(name) ?? "");
        if (host) headers.set("X-Forwarded-Host", host);
        const csrfToken = visitors.get(csrfHeaderName);
        if (csrfToken && !headers.has(csrfHeaderName)) headers.set(csrfHeaderName, csrfToken);
        const response = await transmit(url, { ...init, method, headers });
        for (const line of response.headers.getSetCookie()) {
          cookies.apply(line);
          lines()?.push(line);
        }
        return response;
      },

      async me() {
        const isCarried = () => cookies.values(refreshCookieName).length > 0;
        const nobody = { signedIn: false, user: null, error: null };
        if (!isCarried() && !cookies.values(accessCookieName).length) return nobody;
        try {
          const response = await visitor.fetch(new URL("me", base));
          if (response.ok) return { signedIn: true, user: await response.json(), error: null };
          // With a refresh cookie it is not known yet: nobody has asked for the next access token.
          if (response.status === 401) return isCarried() ? { ...nobody, signedIn: null } : nobody;
          throw new FastAuthServerError("api_unreachable", `The API at ${base.origin} answered ${response.status}.`);
        } catch (error) {
          return { signedIn: null, user: null, error: /** @type {Error} */ (error) };
        }
      },

      get headers() {
        const headers = new Headers(visitors);
        headers.delete("Cookie");
        if (cookies.pairs.length) headers.set("Cookie", `${cookies}`);
        return headers;
      },
    });
    return visitor;
  }

  return {
    visitor: (incoming, { clientAddress } = {}) =>
      visitorOf(incoming, new Cookies(headersOf(incoming).get("Cookie")), clientAddress, () => null),

    async respond(request, answer, { clientAddress } = {}) {
      const cookies = new Cookies(headersOf(request).get("Cookie"));
      const lines = /** @type {string[]} */ ([]);
      let sent = false;
      if (isRefreshDue(cookies)) {
        const before = cookies.values(refreshCookieName).join();
        lines.push(...await refresh(request, cookies, clientAddress));
        lines.forEach((line) => cookies.apply(line));
        const after = cookies.values(refreshCookieName).join();
        // To Django the first use of the new access token means that the new cookies have arrived, and that the old ones
        // are stolen if they come again. So the browser has to use it first: it may have given up on this page.
        if (after && after !== before) {
          // Else the browser would be sent here for ever.
          if (isRefreshDue(cookies)) console.error(`No cookie ${accessCookieName} came with a refresh. Is it accessCookieName?`);
          else return withCookies(onceMore(request), lines);
        }
      }
      const response = await answer(visitorOf(request, cookies, clientAddress, () => (sent ? null : lines)));
      sent = true; // What a streamed page asks for from now on comes too late for the headers.
      return withCookies(response, lines);
    },
  };
}
