/**
 * The browser's half of fastauth_django: sign up, sign in, stay signed in, sign out, in every tab.
 *
 *     const auth = createClient({ baseUrl: "/auth/" });
 *     auth.onChange(({ signedIn, user }) => draw(signedIn, user));
 *     await auth.me();                                  // signed in from before? Refreshes if need be
 *     await auth.signIn({ email, password, remember: true });
 *     const notes = await (await auth.fetch("/api/notes/")).json();
 *
 * In cookie delivery no script sees a token. In JSON delivery the tokens live in this closure and go with the page:
 * nothing is ever put into a storage or a cookie. A server that renders the page may make a client too: it looks at
 * nothing of a browser before it is used. What each function takes, gives and throws: fastauth.d.ts.
 */

/** @typedef {import("./fastauth.d.ts").Change} Change */
/** @typedef {import("./fastauth.d.ts").Snapshot} Snapshot */

const MARGIN = 30_000; // ms before the access token runs out at which a visible page refreshes, and between two tries
const HANDOVER = 50; // ms the lock is kept after a change, so that the tab that gets it next has heard the news
const TIMEOUT = 30_000; // ms after which a silent server is given up, and with it the lock
const LONGEST = 2 ** 31 - 1; // ms; setTimeout fires at once for more

/** What a page knows before it asks, and all that a server knows that renders it. @type {Snapshot} */
const UNKNOWN = Object.freeze({ signedIn: null, user: null, reason: null, code: null, elsewhere: false });

const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** @type {typeof globalThis.fetch} */
const browserFetch = (input, init) => globalThis.fetch(input, init);
/** The last cookie of that name, because Django takes the last one too. @type {(name: string) => string | null} */
const cookieValue = (name) => globalThis.document?.cookie.split("; ").filter((cookie) => cookie.startsWith(`${name}=`))
  .pop()?.slice(name.length + 1) || null;

export class FastAuthError extends Error {
  /**
   * @param {Response} response
   * @param {any} body
   */
  constructor(response, body) {
    const fields = Object.fromEntries(Object.entries(body ?? {}).filter(([, value]) => Array.isArray(value)));
    super(body?.detail ?? Object.values(fields).flat()[0] ?? `The server answered ${response.status}.`);
    this.name = "FastAuthError";
    this.status = response.status;
    this.code = body?.code ?? null;
    this.fields = fields;
    // A page of another origin may not be allowed to read the header.
    this.retryAfter = Number(response.headers.get("Retry-After") ?? body?.retry_after) || null;
  }
}

/** @type {(response: Response) => Promise<any>} */
async function bodyOf(response) {
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new FastAuthError(response, body);
  return body;
}

/** @type {import("./fastauth.d.ts").createClient} */
export function createClient({
  baseUrl = "/auth/",
  fetch: send = browserFetch,
  locks,
  csrfCookieName = "csrftoken",
  csrfHeaderName = "X-CSRFToken",
  csrfToken = () => cookieValue(csrfCookieName),
} = {}) {
  let base = /** @type {URL | null} */ (null); // null: not used yet
  let channel = /** @type {BroadcastChannel | null} */ (null);
  const closing = new AbortController();
  const listeners = new Set(/** @type {((change: Change) => void)[]} */ ([]));
  const watchers = new Set(/** @type {(() => void)[]} */ ([]));
  let signedIn = /** @type {boolean | null} */ (null); // null: not known
  let snapshot = UNKNOWN;
  let version = 0; // counts the sign-ins, refreshes and sign-outs that this tab did or heard of
  let tokens = /** @type {{ access: string, refresh: string } | null} */ (null); // JSON delivery: this tab's own
  // In ms since the epoch; 0: not known. When the access token runs out and was given, and when the session ends.
  const NO_TIMES = { expiresAt: 0, refreshedAt: 0, refreshExpiresAt: 0 };
  let times = NO_TIMES;
  let current = /** @type {string | null} */ (null); // this session's id, once sessions() has told
  let deviceBound = false; // the session is bound to this device: the browser renews it, and no refresh of ours can
  let refreshing = /** @type {Promise<boolean> | null} */ (null);
  let asking = /** @type {{ version: number, answer: Promise<any> } | null} */ (null);
  let timer = /** @type {any} */ (undefined);

  /** Look at the page, at first use: a server that renders has none. Returns the URL of the routes. */
  function begin() {
    if (base) return base;
    const { location, document, BroadcastChannel } = globalThis;
    if (!location && !/^https?:/.test(baseUrl)) {
      throw new TypeError(`createClient: without a page nobody knows the origin of ${baseUrl}. Give a whole URL.`);
    }
    base = new URL(baseUrl.replace(/\/?$/, "/"), location?.href);
    if (!location) return base;
    if (BroadcastChannel) {
      channel = new BroadcastChannel(nameOf(base));
      channel.onmessage = hear;
    }
    const { signal } = closing;
    document?.addEventListener("visibilitychange", wake, { signal });
    globalThis.addEventListener?.("online", wake, { signal });
    globalThis.addEventListener?.("pagehide", putAway, { signal });
    globalThis.addEventListener?.("pageshow", takeOut, { signal });
    return base;
  }

  const nameOf = (/** @type {URL} */ { href }) => `fastauth:${href}`;

  // --- what this tab knows and tells

  /** @type {(reason: Change["reason"], more?: Partial<Change>) => void} */
  function emit(reason, more) {
    const change = { signedIn, user: null, reason, code: null, elsewhere: false, ...more };
    show(change);
    listeners.forEach((listener) => queueMicrotask(() => listener(change)));
  }

  /** @type {(next: Snapshot) => void} */
  function show(next) {
    snapshot = Object.freeze(next);
    // Each in a microtask: a listener that throws, or that calls the client again, disturbs nothing here.
    watchers.forEach((watcher) => queueMicrotask(watcher));
  }

  /** Plan the next refresh. A hidden page makes no plans: forgotten tabs must not keep a session busy. */
  function schedule() {
    clearTimeout(timer);
    const isHidden = globalThis.document?.visibilityState === "hidden";
    if (!times.expiresAt || isHidden || closing.signal.aborted) return;
    const left = times.expiresAt - Date.now();
    const wait = Math.max(left - Math.min(MARGIN, left / 5), 1000);
    timer = setTimeout(() => refresh(version).catch(later), Math.min(wait, LONGEST));
  }

  /** The planned refresh failed: try again, here or when the network is back, whichever comes first. */
  function later(/** @type {any} */ error) {
    clearTimeout(timer);
    timer = setTimeout(schedule, Math.max(MARGIN, (error.retryAfter ?? 0) * 1000));
  }

  /** The page is seen again, or the network is back. */
  function wake() {
    schedule();
    if (snapshot.reason === "unreachable") me().catch(() => {});
  }

  /** @type {(news: typeof times) => void} */
  function renewed({ expiresAt, refreshedAt, refreshExpiresAt = 0 }) {
    version += 1;
    times = { expiresAt, refreshedAt, refreshExpiresAt };
    schedule();
  }

  /** @type {(elsewhere?: boolean) => void} Stay out of the way: what we refresh, the browser renews by itself. */
  function leaveItToTheBrowser(elsewhere = false) {
    if (!deviceBound && !elsewhere) channel?.postMessage({ type: "bound" });
    deviceBound = true;
    renewed({ ...NO_TIMES, refreshedAt: times.refreshedAt });
  }

  /**
   * Take what a sign-in, a refresh or a password change gave. To a refresh that another tab was faster than, the server
   * sets an access cookie alone: the refresh cookie in the jar is the other tab's, and good.
   * @type {(body: any, entered?: boolean) => void}
   */
  function adopt(body, entered = false) {
    deviceBound = false; // a pair is for a session that is not, or not yet
    tokens = body.refresh_token ? { access: body.access_token, refresh: body.refresh_token } : null;
    const now = Date.now();
    const after = (/** @type {any} */ seconds) => (seconds > 0 ? now + seconds * 1000 : 0);
    renewed({ expiresAt: after(body.expires_in), refreshedAt: now, refreshExpiresAt: after(body.refresh_expires_in) });
    if (!tokens) channel?.postMessage({ type: entered ? "entered" : "renewed", ...times });
    if (!entered) return;
    signedIn = true;
    emit("signed-in", { user: body.user ?? null });
  }

  function forget() {
    version += 1;
    times = NO_TIMES;
    deviceBound = false;
    tokens = current = null;
    clearTimeout(timer);
  }

  /** @type {(reason: Change["reason"], code?: string | null, elsewhere?: boolean) => void} Said twice it counts once. */
  function leave(reason, code = null, elsewhere = false) {
    // A sign-out concerns every tab; the end of a session those that share its cookies.
    const shared = reason === "signed-out" || (signedIn && !tokens);
    if (shared && !elsewhere) channel?.postMessage({ type: "left", reason, code });
    forget();
    const changed = signedIn !== false;
    signedIn = false;
    if (changed) emit(reason, { code, elsewhere });
  }

  /** @type {(event: { data: any }) => void} */
  function hear({ data: news }) {
    if (news.type === "busy") busyUntil = news.until;
    else if (tokens) {
      // This tab's session is its own, and would outlive a sign-out next door.
      if (news.reason === "signed-out") signOut().catch(() => {});
    } else if (news.type === "left") leave(news.reason, news.code, true);
    else if (news.type === "bound") leaveItToTheBrowser(true);
    else {
      deviceBound = false;
      renewed(news);
      if (news.type === "renewed") return;
      signedIn = true;
      emit("signed-in", { elsewhere: true });
    }
  }

  // --- a page that the browser keeps for its Back button

  // It comes back as it was left, perhaps to somebody else, and has missed what the other tabs told. So it forgets who is
  // signed in while its listeners can still hide what it shows, and asks when it is seen again.

  let inSight = /** @type {Promise<void>} */ (Promise.resolve());
  let comeIntoSight = () => {};

  /** @type {(event: PageTransitionEvent) => void} */
  function putAway({ persisted }) {
    if (!persisted) return;
    inSight = new Promise((resolve) => (comeIntoSight = resolve));
    const known = signedIn !== null;
    forget();
    signedIn = null;
    if (known) emit("away");
  }

  /** @type {(event: PageTransitionEvent) => void} */
  function takeOut({ persisted }) {
    comeIntoSight();
    if (persisted && snapshot.reason === "away") me().catch(() => {});
  }

  // --- one at a time

  /** @typedef {{ request(name: string, run: () => Promise<void>): Promise<any> }} Locks */
  let tail = /** @type {Promise<any>} */ (Promise.resolve());
  let busyUntil = 0;
  const inThisTab = /** @type {Locks} */ ({ request: (_, run) => (tail = tail.then(run)) });
  // Without Web Locks (plain http, old engines) tabs tell each other; what slips through, the server's grace answers.
  const byMessage = /** @type {Locks} */ ({
    request: (name, run) => inThisTab.request(name, async () => {
      while (Date.now() < busyUntil) await pause(HANDOVER);
      channel?.postMessage({ type: "busy", until: Date.now() + TIMEOUT });
      await run();
      channel?.postMessage({ type: "busy", until: 0 });
    }),
  });
  const acrossTabs = () => /** @type {Locks} */ (
    locks === null ? inThisTab : locks ?? globalThis.navigator?.locks ?? byMessage
  );

  /**
   * Run what changes the cookies while nothing else does, so that answers arrive in the order they were made.
   * @template T
   * @param {() => Promise<T>} task
   * @returns {Promise<T>}
   */
  const exclusive = (task) => new Promise((resolve, reject) => {
    acrossTabs().request(nameOf(begin()), async () => {
      const before = version;
      await task().then(resolve, reject);
      if (version !== before) await pause(HANDOVER);
    }).catch(reject);
  });

  // --- requests

  /** @type {(request: Request, token?: string | null) => Promise<Response>} Only for the origin of baseUrl. */
  function transmit(request, token = tokens?.access) {
    const { headers, method } = request;
    if (token && !headers.has("Authorization")) headers.set("Authorization", `Bearer ${token}`);
    const csrf = ["GET", "HEAD", "OPTIONS"].includes(method) ? null : csrfToken?.();
    if (csrf && !headers.has(csrfHeaderName)) headers.set(csrfHeaderName, csrf);
    if (!headers.has(csrfHeaderName)) return send(request);
    // Browsers take this header along to wherever a redirect leads, so none may lead to another origin. Without the mode,
    // which only a page of the same origin can have, none is followed.
    const { mode, redirect, referrer, referrerPolicy } = request;
    const staying = globalThis.location?.origin === begin().origin
      ? { mode: /** @type {const} */ ("same-origin"), redirect }
      : { mode, redirect: redirect === "follow" ? /** @type {const} */ ("error") : redirect };
    return send(new Request(request, { ...staying, referrer, referrerPolicy }));
  }

  /** @type {(route: string, method?: string, data?: object | null) => Request} */
  function toRoute(route, method = "GET", data) {
    const url = new URL(route, begin());
    // No cache may say who is signed in, and a service worker's looks at the URL alone.
    if (method === "GET") url.searchParams.set("now", String(Date.now()));
    const headers = { Accept: "application/json", ...(data && { "Content-Type": "application/json" }) };
    const [body, signal] = [data && JSON.stringify(data), AbortSignal.timeout?.(TIMEOUT)];
    return new Request(url, { method, headers, body, signal, credentials: "include", cache: "no-store" });
  }

  /** @type {(route: string, data?: object | null) => Promise<any>} No token, no second try: a wrong password is final. */
  const act = async (route, data) => bodyOf(await transmit(toRoute(route, "POST", data), null));
  const proof = () => tokens && { refresh_token: tokens.refresh };

  /**
   * Resolves to whether somebody is signed in; rejects if that could not be found out.
   * @param {number} seen the version that the caller's request went out with
   */
  function refresh(seen) {
    refreshing ??= exclusive(async () => {
      // While we waited, or while the request was on its way, another tab refreshed or signed out: that counts.
      if (version !== seen) return signedIn !== false;
      try {
        const body = await act("refresh", proof());
        if (version !== seen && signedIn === false) return false; // overtaken by a sign-out
        adopt(body);
      } catch (error) {
        if (!(error instanceof FastAuthError) || error.status !== 401) throw error;
        if (error.code === "device_proof_required") {
          leaveItToTheBrowser();
          return true;
        }
        if (version !== seen) return signedIn !== false; // overtaken by a sign-in
        if (!signedIn && error.code === "refresh_token_required") leave("nobody");
        else leave("ended", error.code);
        return false;
      }
      return true;
    }).finally(() => (refreshing = null));
    return refreshing;
  }

  /** @type {(make: () => Request, how?: { alone?: boolean, always?: boolean, once?: boolean }) => Promise<Response>} */
  async function authorised(make, { alone = false, always = false, once = false } = {}) {
    const attempt = () => (alone ? exclusive(() => transmit(make())) : transmit(make()));
    const seen = version;
    const response = await attempt();
    if (response.status !== 401 || (signedIn === false && !always)) return response;
    return (await refresh(seen)) && !once ? attempt() : response;
  }

  /** @type {() => Promise<any>} All who ask at the same time get the same answer. */
  function me() {
    if (asking?.version !== version) {
      const asked = { version, answer: ask().finally(() => asking === asked && (asking = null)) };
      asking = asked;
    }
    return asking.answer;
  }

  /** @type {() => Promise<any>} */
  async function ask() {
    const page = inSight;
    await page;
    const before = signedIn;
    try {
      // Where nothing tells of a session the answer to this is 204: no error in the console, and nothing to refresh.
      const route = before || tokens ? "me" : "me?optional=true";
      const response = await authorised(() => toRoute(route), { always: true });
      // The page was away, or somebody signed in: the answer is to a question of before.
      if (page !== inSight || (response.status === 204 && signedIn)) return ask();
      if (response.status === 204) leave("nobody");
      if (response.status === 204 || response.status === 401) return null;
      const user = await bodyOf(response);
      if (!before && signedIn === before) {
        signedIn = true;
        emit("restored", { user });
      } else if (signedIn && JSON.stringify(user) !== JSON.stringify(snapshot.user)) show({ ...snapshot, user });
      return user;
    } catch (error) {
      const code = error instanceof FastAuthError ? error.code : null;
      if (signedIn === null && page === inSight) emit("unreachable", { code });
      throw error;
    }
  }

  /** @type {(route: string, data: object) => Promise<any>} */
  const enter = (route, data) => exclusive(async () => {
    const body = await act(route, data);
    if ("expires_in" in body) adopt(body, true); // else a new account that has to be activated first
    return body.user;
  });

  const signOut = () => exclusive(async () => {
    await act("logout", proof());
    leave("signed-out");
  });

  /** @type {(path: string) => Promise<any>} */
  const end = async (path) => bodyOf(await authorised(() => toRoute(`sessions/${path}`, "DELETE"), { alone: true }));

  async function list() {
    const sessions = await bodyOf(await authorised(() => toRoute("sessions")));
    const own = sessions.find((/** @type {any} */ session) => session.current);
    current = own?.id ?? null;
    if (own?.device_bound && !deviceBound) leaveItToTheBrowser();
    return sessions;
  }

  return {
    signUp: (data) => enter("register", data),
    signIn: (data) => enter("login", data),
    signOut,
    me,
    sessions: Object.assign(list, {
      end: (/** @type {string} */ id) => end(encodeURIComponent(id)).then(() => void (id === current && leave("signed-out"))),
      endAll: ({ keepCurrent = false } = {}) =>
        end(keepCurrent ? "all?keep_current=true" : "all").then(() => void (keepCurrent || leave("signed-out"))),
    }),
    async changePassword(current_password, new_password) {
      const make = () => toRoute("account/change-password", "POST", { current_password, new_password });
      adopt(await bodyOf(await authorised(make, { alone: true })));
    },
    async fetch(input, init) {
      const { origin } = begin();
      const url = new URL(input instanceof Request ? input.url : input, begin());
      if (url.origin !== origin) return send(input instanceof Request ? input : url, init);
      const make = () => new Request(input instanceof Request ? input.clone() : url, { ...init, credentials: "include" });
      return authorised(make, { once: init?.body instanceof ReadableStream }); // a stream is gone after the first try
    },
    refresh: () => refresh(version),
    get status() {
      return { signedIn, ...times, deviceBound };
    },
    getSnapshot: () => snapshot,
    getServerSnapshot: () => UNKNOWN,
    subscribe: (watcher) => listen(watchers, watcher),
    onChange: (listener) => listen(listeners, listener),
    close() {
      clearTimeout(timer);
      channel?.close();
      channel = null;
      closing.abort();
      listeners.clear();
      watchers.clear();
    },
  };

  /** @type {<T>(all: Set<T>, one: T) => () => void} */
  function listen(all, one) {
    if (globalThis.location) begin(); // to hear of other tabs
    all.add(one);
    return () => void all.delete(one);
  }
}
