/**
 * The browser's half of fastauth_django: sign up, sign in, stay signed in, sign out, in every tab.
 *
 *     const auth = createClient({ baseUrl: "/auth/" });
 *     auth.onChange(({ signedIn, user }) => draw(signedIn, user));
 *     await auth.me();                                  // signed in from before? Refreshes if need be
 *     await auth.signIn({ email, password, remember: true });
 *     const notes = await (await auth.fetch("/api/notes/")).json();
 *
 * In cookie delivery no script sees a token. In JSON delivery the tokens live in this closure and go with the tab:
 * nothing is ever put into a storage or a cookie. What each function takes, gives and throws: fastauth.d.ts.
 */

/** @typedef {import("./fastauth.d.ts").Change} Change */

const MARGIN = 30_000; // ms before the access token runs out at which a visible page refreshes
const HANDOVER = 50; // ms the lock is kept after a change, so that the tab that gets it next has heard the news
const TIMEOUT = 30_000; // ms after which a silent server is given up, and with it the lock
const LONGEST = 2 ** 31 - 1; // ms; setTimeout fires at once for more

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
    this.retryAfter = Number(response.headers.get("Retry-After")) || null;
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
  locks = globalThis.navigator?.locks,
  csrfCookieName = "csrftoken",
  csrfHeaderName = "X-CSRFToken",
  csrfToken = () => cookieValue(csrfCookieName),
} = {}) {
  const base = new URL(baseUrl.replace(/\/?$/, "/"), globalThis.location?.href);
  const name = `fastauth:${base.href}`;
  const channel = globalThis.BroadcastChannel && new BroadcastChannel(name);
  const listeners = new Set(/** @type {((change: Change) => void)[]} */ ([]));
  let signedIn = /** @type {boolean | null} */ (null); // null: nobody asked yet
  let version = 0; // counts the sign-ins, refreshes and sign-outs that this tab did or heard of
  let tokens = /** @type {{ access: string, refresh: string } | null} */ (null); // JSON delivery: this tab's own
  // In ms since the epoch; 0: not known. When the access token runs out and was given, and when the session ends.
  const NO_TIMES = { expiresAt: 0, refreshedAt: 0, refreshExpiresAt: 0 };
  let times = NO_TIMES;
  let current = /** @type {string | null} */ (null); // this session's id, once sessions() has told
  let deviceBound = false; // the session is bound to this device: the browser renews it, and no refresh of ours can
  let refreshing = /** @type {Promise<boolean> | null} */ (null);
  let timer = /** @type {any} */ (undefined);

  // --- what this tab knows and tells

  /** @type {(reason: Change["reason"], more?: Partial<Change>) => void} */
  function emit(reason, more) {
    const change = { signedIn: signedIn === true, user: null, reason, code: null, elsewhere: false, ...more };
    // Each in a microtask: a listener that throws, or that calls the client again, disturbs nothing here.
    listeners.forEach((listener) => queueMicrotask(() => listener(change)));
  }

  /** Plan the next refresh. A hidden page makes no plans: forgotten tabs must not keep a session busy. */
  function schedule() {
    clearTimeout(timer);
    if (!times.expiresAt || globalThis.document?.visibilityState === "hidden") return;
    const left = times.expiresAt - Date.now();
    const wait = Math.max(left - Math.min(MARGIN, left / 5), 1000);
    timer = setTimeout(() => refresh(version).catch(() => {}), Math.min(wait, LONGEST)); // failed: the next request will
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

  /** @type {(reason: Change["reason"], code?: string | null, elsewhere?: boolean) => void} Said twice it counts once. */
  function leave(reason, code = null, elsewhere = false) {
    // A sign-out concerns every tab; the end of a session those that share its cookies.
    const shared = reason === "signed-out" || (signedIn && !tokens);
    if (shared && !elsewhere) channel?.postMessage({ type: "left", reason, code });
    version += 1;
    times = NO_TIMES;
    deviceBound = false;
    tokens = current = null;
    clearTimeout(timer);
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

  // --- one at a time

  /** @typedef {{ request(name: string, run: () => Promise<void>): Promise<any> }} Locks */
  let tail = /** @type {Promise<any>} */ (Promise.resolve());
  let busyUntil = 0;
  const inThisTab = /** @type {Locks} */ ({ request: (_, run) => (tail = tail.then(run)) });
  // Without Web Locks (plain http, old engines) tabs tell each other; what slips through, the server's grace answers.
  const byMessage = /** @type {Locks} */ ({
    request: (_, run) => inThisTab.request(name, async () => {
      while (Date.now() < busyUntil) await pause(HANDOVER);
      channel?.postMessage({ type: "busy", until: Date.now() + TIMEOUT });
      await run();
      channel?.postMessage({ type: "busy", until: 0 });
    }),
  });
  const acrossTabs = /** @type {Locks} */ (locks === null ? inThisTab : locks ?? byMessage);

  /**
   * Run what changes the cookies while nothing else does, so that answers arrive in the order they were made.
   * @template T
   * @param {() => Promise<T>} task
   * @returns {Promise<T>}
   */
  const exclusive = (task) => new Promise((resolve, reject) => {
    acrossTabs.request(name, async () => {
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
    const staying = globalThis.location?.origin === base.origin
      ? { mode: /** @type {const} */ ("same-origin"), redirect }
      : { mode, redirect: redirect === "follow" ? /** @type {const} */ ("error") : redirect };
    return send(new Request(request, { ...staying, referrer, referrerPolicy }));
  }

  /** @type {(route: string, method?: string, data?: object | null) => Request} */
  function toRoute(route, method = "GET", data) {
    const headers = { Accept: "application/json", ...(data && { "Content-Type": "application/json" }) };
    const [body, signal] = [data && JSON.stringify(data), AbortSignal.timeout?.(TIMEOUT)];
    return new Request(new URL(route, base), { method, headers, body, signal, credentials: "include" });
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
        leave("ended", error.code);
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

  if (channel) channel.onmessage = hear;
  globalThis.document?.addEventListener("visibilitychange", schedule);

  return {
    signUp: (data) => enter("register", data),
    signIn: (data) => enter("login", data),
    signOut,
    async me() {
      const before = signedIn;
      const response = await authorised(() => toRoute("me"), { always: true });
      if (response.status === 401) return null;
      const user = await bodyOf(response);
      if (before || signedIn !== before) return user;
      signedIn = true;
      emit("restored", { user });
      return user;
    },
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
      const url = new URL(input instanceof Request ? input.url : input, base);
      if (url.origin !== base.origin) return send(input instanceof Request ? input : url, init);
      const make = () => new Request(input instanceof Request ? input.clone() : url, { ...init, credentials: "include" });
      return authorised(make, { once: init?.body instanceof ReadableStream }); // a stream is gone after the first try
    },
    refresh: () => refresh(version),
    get status() {
      return { signedIn, ...times, deviceBound };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      clearTimeout(timer);
      channel?.close();
      listeners.clear();
      globalThis.document?.removeEventListener("visibilitychange", schedule);
    },
  };
}
