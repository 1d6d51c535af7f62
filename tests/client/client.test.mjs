/**
 * The JavaScript client against a server, a channel and a lock manager made for the test: `node --test tests/client`.
 * What only a real browser can tell is in tests/browser.
 */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { afterEach, beforeEach, mock, test } from "node:test";

import { createClient, FastAuthError } from "../../fastauth_django/static/fastauth_django/fastauth.js";

const ORIGIN = "https://api.example.test";
const ADA = { id: 1, email: "ada@example.test" };
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Every tab of the browser but the one that speaks hears a message, a moment later. */
class Channel {
  static open = new Set();
  constructor(name) {
    this.name = name;
    Channel.open.add(this);
  }
  postMessage(data) {
    if (!Channel.open.has(this)) throw new DOMException("closed", "InvalidStateError");
    const copy = structuredClone(data);
    for (const other of Channel.open) {
      if (other !== this && other.name === this.name) setImmediate(() => other.onmessage?.({ data: copy }));
    }
  }
  close() {
    Channel.open.delete(this);
  }
}

/** Web Locks for all tabs of one browser: one holder at a time, in order. */
function lockManager() {
  let tail = Promise.resolve();
  return { request: (name, run) => (tail = tail.then(() => run())) };
}

/** A server that keeps one session, and the cookie jar of the browser that talks to it. */
function makeServer({ delivery = "cookie", latency = 0 } = {}) {
  const server = {
    calls: [],
    signedIn: false,
    jar: false, // whether the browser has cookies, good or not
    generation: 0, // of the refresh token
    fresh: false, // whether the access token of this generation is still good
    bound: false, // whether the browser renews the session: it does so before each request, and this client cannot
    failure: null, // an answer to the next refreshes
    expiresIn: 900,
    refreshExpiresIn: 2_592_000,
    count: (path) => server.calls.filter((call) => call.path === path).length,
    expire: () => (server.fresh = false),
    async fetch(input, init) {
      const request = new Request(input, init);
      const { pathname: path, search, origin } = new URL(request.url);
      const body = await request.text();
      const { method, headers, credentials, cache } = request;
      server.calls.push({ path, search, origin, method, headers, credentials, cache, body });
      await settle();
      for (let turn = 0; turn < latency; turn += 1) await settle();
      return server.answer({ path, search, method, headers, body });
    },
    answer({ path, search, headers, body }) {
      const reply = (status, data, extra = {}) => Response.json(data, { status, headers: extra });
      const pair = (extra = {}) => {
        const tokens = { access_token: `access-${server.generation}`, refresh_token: `refresh-${server.generation}` };
        const lifetimes = { expires_in: server.expiresIn, refresh_expires_in: server.refreshExpiresIn };
        return { ...(delivery === "json" && tokens), ...lifetimes, ...extra };
      };
      const carried = (kind, given) =>
        server.signedIn && (delivery === "cookie" || given === `${kind}-${server.generation}`);
      switch (path) {
        case "/auth/register":
        case "/auth/login":
          if (body.includes("wrong")) return reply(401, { detail: "No.", code: "invalid_credentials" });
          if (body.includes("invalid")) return reply(400, { email: ["Not an address."] });
          Object.assign(server, { signedIn: true, fresh: true, generation: server.generation + 1 });
          server.jar = delivery === "cookie";
          return reply(200, pair({ user: ADA }));
        case "/auth/refresh":
          if (server.failure) return server.failure();
          if (server.bound && server.signedIn) return reply(401, { detail: "No.", code: "device_proof_required" });
          if (!carried("refresh", JSON.parse(body || "{}").refresh_token)) {
            const code = server.jar || body ? "session_revoked" : "refresh_token_required";
            server.jar = false;
            return reply(401, { detail: "The session has ended.", code });
          }
          Object.assign(server, { fresh: true, generation: server.generation + 1 });
          return reply(200, pair());
        case "/auth/logout":
          if (server.failure) return server.failure();
          server.signedIn = server.jar = false;
          return reply(200, { message: "Logged out" });
        case "/busy":
          return reply(503, {}, { "Retry-After": "7" });
        case "/teapot":
          return reply(401, { detail: "Not for you, ever." });
      }
      const good = server.fresh && carried("access", headers.get("Authorization")?.replace("Bearer ", ""));
      const asksOptionally = path === "/auth/me" && search.includes("optional=true");
      if (asksOptionally && !server.jar && !headers.has("Authorization")) return new Response(null, { status: 204 });
      if (!good) return reply(401, { detail: "The token has expired.", code: "token_expired" });
      switch (path) {
        case "/auth/me":
          return reply(200, ADA);
        case "/auth/sessions":
          return reply(200, [
            { id: "this-one", current: true, device_bound: server.bound },
            { id: "other", current: false, device_bound: !server.bound },
          ]);
        case "/auth/account/change-password":
          Object.assign(server, { generation: server.generation + 1 });
          return reply(200, pair({ user: ADA }));
        default:
          if (path === "/auth/sessions/all" || path === "/auth/sessions/this-one") server.signedIn = false;
          return reply(200, { path, body });
      }
    },
  };
  return server;
}

let tabs;
let locks;

/** A tab: its client, and what it was told. */
function openTab(server, options = {}) {
  const auth = createClient({ baseUrl: `${ORIGIN}/auth/`, fetch: server.fetch, locks, ...options });
  const changes = [];
  auth.onChange(({ signedIn, reason, code, elsewhere }) => changes.push([signedIn, reason, code, elsewhere]));
  tabs.push(auth);
  return { auth, changes };
}

async function openSignedInTab(server, options) {
  const tab = openTab(server, options);
  await tab.auth.signIn({ email: ADA.email, password: "right", remember: true });
  tab.changes.length = 0;
  server.calls.length = 0;
  return tab;
}

const aWhile = (ms = 120) => new Promise((resolve) => setTimeout(resolve, ms));

beforeEach(() => {
  tabs = [];
  locks = lockManager();
  globalThis.BroadcastChannel = Channel;
  globalThis.location = new URL("https://app.example.test/");
});

afterEach(() => {
  tabs.forEach((auth) => auth.close());
  mock.timers.reset();
  delete globalThis.document;
  delete globalThis.location;
  delete globalThis.addEventListener;
});

// --- signing in and out

test("signing in sends the form with credentials, resolves to the user and is told", async () => {
  const server = makeServer();
  const { auth, changes } = openTab(server);
  const user = await auth.signIn({ email: ADA.email, password: "right", remember: true });
  assert.deepEqual(user, ADA);
  assert.equal(server.calls[0].credentials, "include");
  assert.deepEqual(JSON.parse(server.calls[0].body), { email: ADA.email, password: "right", remember: true });
  assert.deepEqual(changes, [[true, "signed-in", null, false]]);
});

test("a wrong password is an error with status and code, and no reason to refresh", async () => {
  const server = makeServer();
  const { auth, changes } = openTab(server);
  await assert.rejects(auth.signIn({ email: ADA.email, password: "wrong" }), (error) => {
    assert.ok(error instanceof FastAuthError);
    assert.equal(error.status, 401);
    assert.equal(error.code, "invalid_credentials");
    return true;
  });
  assert.equal(server.count("/auth/refresh"), 0);
  assert.deepEqual(changes, []);
});

test("the errors of a form's fields come with the error", async () => {
  const { auth } = openTab(makeServer());
  await assert.rejects(auth.signUp({ email: "invalid", password: "right" }), (error) => {
    assert.deepEqual(error.fields, { email: ["Not an address."] });
    assert.equal(error.message, "Not an address.");
    return true;
  });
});

test("an account that must be activated first is signed up but not in", async () => {
  const server = makeServer();
  server.answer = () => Response.json({ message: "Activate it.", user: ADA }, { status: 201 });
  const { auth, changes } = openTab(server);
  assert.deepEqual(await auth.signUp({ email: ADA.email, password: "right" }), ADA);
  assert.notEqual(auth.status.signedIn, true);
  assert.deepEqual(changes, []);
});

test("signing out needs no living access token", async () => {
  const server = makeServer();
  const { auth, changes } = await openSignedInTab(server);
  server.expire();
  await auth.signOut();
  assert.deepEqual(server.calls.map((call) => call.path), ["/auth/logout"]);
  await auth.signOut(); // once more: nobody is told twice
  assert.deepEqual(changes, [[false, "signed-out", null, false]]);
});

test("a sign-out that did not reach the server leaves the user signed in and says so", async () => {
  const server = makeServer();
  const { auth, changes } = await openSignedInTab(server);
  server.failure = () => Response.json({}, { status: 503 });
  await assert.rejects(auth.signOut(), { status: 503 });
  assert.equal(auth.status.signedIn, true);
  assert.deepEqual(changes, []);
});

test("a first visit finds nobody, with one request and without an error", async () => {
  const server = makeServer();
  const { auth, changes } = openTab(server);
  assert.equal(await auth.me(), null);
  assert.deepEqual(server.calls.map(({ path }) => path), ["/auth/me"]);
  assert.deepEqual(changes, [[false, "nobody", null, false]]);
  assert.equal(await auth.me(), null); // once more: nobody is told twice
  assert.equal(changes.length, 1);
});

test("a first visit to a server that cannot see the refresh cookie finds nobody too", async () => {
  const server = makeServer();
  const { answer } = server;
  server.answer = (call) => answer({ ...call, search: "" });
  const { auth, changes } = openTab(server);
  assert.equal(await auth.me(), null);
  assert.deepEqual(server.calls.map(({ path }) => path), ["/auth/me", "/auth/refresh"]);
  assert.deepEqual(changes, [[false, "nobody", null, false]]);
});

test("whose session ended while no page was open is told so at the next visit", async () => {
  const server = makeServer();
  await openSignedInTab(server);
  server.signedIn = false;
  const { auth, changes } = openTab(server);
  assert.equal(await auth.me(), null);
  assert.deepEqual(changes, [[false, "ended", "session_revoked", false]]);
});

test("who is signed in and has lost the cookies is told so", async () => {
  const server = makeServer();
  const { auth, changes } = await openSignedInTab(server);
  server.signedIn = server.jar = false;
  assert.equal(await auth.me(), null);
  assert.deepEqual(changes, [[false, "ended", "refresh_token_required", false]]);
});

test("an answer that says nobody, to a question of before a sign-in, signs nobody out", async () => {
  const server = makeServer();
  const { auth, changes } = openTab(server);
  const { answer } = server;
  server.answer = async (call) => {
    const response = answer(call);
    if (call.path === "/auth/me" && response.status === 204) await auth.signIn({ email: ADA.email, password: "right" });
    return response;
  };
  assert.deepEqual(await auth.me(), ADA);
  assert.deepEqual(changes, [[true, "signed-in", null, false]]);
});

test("no cache is asked who is signed in, nor one that looks at the address alone", async () => {
  const server = makeServer();
  const { auth } = await openSignedInTab(server);
  await auth.me();
  await aWhile(5);
  await auth.me();
  const [first, second] = server.calls;
  assert.deepEqual([first.cache, second.cache], ["no-store", "no-store"]);
  assert.notEqual(first.search, second.search);
});

test("who asks at the same time shares the answer, unless somebody signed in in between", async () => {
  const server = makeServer();
  const { auth, changes } = openTab(server);
  const { answer } = server;
  let late;
  server.answer = (call) => {
    server.answer = answer;
    const response = answer(call);
    return new Promise((resolve) => (late = () => resolve(response)));
  };
  const early = [auth.me(), auth.me()];
  for (let turn = 0; turn < 5; turn += 1) await settle();
  await auth.signIn({ email: ADA.email, password: "right" });
  assert.deepEqual(await auth.me(), ADA);
  assert.equal(server.count("/auth/me"), 2);
  late();
  assert.deepEqual(await Promise.all(early), [ADA, ADA]);
  assert.deepEqual(changes, [[true, "signed-in", null, false]]);
});

test("me() after a reload finds the user of before, refreshing if need be", async () => {
  const server = makeServer();
  await openSignedInTab(server);
  server.expire();
  const { auth, changes } = openTab(server);
  assert.deepEqual(await auth.me(), ADA);
  assert.deepEqual(changes, [[true, "restored", null, false]]);
});

test("me() that is answered after a sign-out does not sign in again", async () => {
  const server = makeServer();
  await openSignedInTab(server);
  const { auth } = openTab(server);
  const { answer } = server;
  server.answer = async (call) => {
    const response = answer(call);
    if (call.path === "/auth/me") await auth.signOut();
    return response;
  };
  await auth.me();
  assert.equal(auth.status.signedIn, false);
});

test("ending this very session signs out, ending another does not", async () => {
  const server = makeServer();
  const { auth, changes } = await openSignedInTab(server);
  assert.equal((await auth.sessions()).length, 2);
  await auth.sessions.end("other");
  assert.deepEqual(changes, []);
  await auth.sessions.endAll({ keepCurrent: true });
  assert.equal(server.calls.at(-1).search, "?keep_current=true");
  assert.deepEqual(changes, []);
  server.signedIn = true;
  await auth.sessions.end("this-one");
  assert.deepEqual(changes, [[false, "signed-out", null, false]]);
});

test("a changed password goes on with the new pair", async () => {
  const server = makeServer({ delivery: "json" });
  const { auth } = await openSignedInTab(server);
  await auth.changePassword("right", "better");
  assert.equal((await auth.fetch("/api/notes/")).status, 200);
  assert.equal(server.count("/auth/refresh"), 0);
});

// --- refreshing

test("a 401 is refreshed once and the request is repeated once, body and all", async () => {
  const server = makeServer();
  const { auth } = await openSignedInTab(server);
  server.expire();
  const response = await auth.fetch("/api/notes/", { method: "POST", body: "a note" });
  assert.equal((await response.json()).body, "a note");
  assert.deepEqual(server.calls.map((call) => call.path), ["/api/notes/", "/auth/refresh", "/api/notes/"]);
  assert.equal(server.calls[0].origin, ORIGIN);
});

test("a Request object is repeated too, and a stream is refreshed for but not sent twice", async () => {
  const server = makeServer();
  const { auth } = await openSignedInTab(server);
  server.expire();
  const response = await auth.fetch(new Request(`${ORIGIN}/api/notes/`, { method: "POST", body: "a note" }));
  assert.equal((await response.json()).body, "a note");

  server.expire();
  server.calls.length = 0;
  const body = new Blob(["a stream"]).stream();
  const refused = await auth.fetch("/api/notes/", { method: "POST", body, duplex: "half" });
  assert.equal(refused.status, 401);
  assert.deepEqual(server.calls.map((call) => call.path), ["/api/notes/", "/auth/refresh"]);
});

test("a 401 that stays is returned, not retried for ever", async () => {
  const server = makeServer();
  const { auth, changes } = await openSignedInTab(server);
  const response = await auth.fetch("/teapot");
  assert.equal(response.status, 401);
  assert.deepEqual(server.calls.map((call) => call.path), ["/teapot", "/auth/refresh", "/teapot"]);
  assert.deepEqual(changes, []);
});

test("ten requests that fail together share one refresh", async () => {
  const server = makeServer({ latency: 3 });
  const { auth } = await openSignedInTab(server);
  server.expire();
  const responses = await Promise.all(Array.from({ length: 10 }, (_, i) => auth.fetch(`/api/notes/${i}/`)));
  assert.deepEqual(responses.map((response) => response.status), Array(10).fill(200));
  assert.equal(server.count("/auth/refresh"), 1);
});

test("a refused refresh signs out once, and later requests do not ask again", async () => {
  const server = makeServer();
  const { auth, changes } = await openSignedInTab(server);
  server.signedIn = false;
  const responses = await Promise.all([1, 2, 3].map(() => auth.fetch("/api/notes/")));
  assert.deepEqual(responses.map((response) => response.status), [401, 401, 401]);
  await auth.fetch("/api/notes/");
  assert.equal(server.count("/auth/refresh"), 1);
  assert.deepEqual(changes, [[false, "ended", "session_revoked", false]]);
});

for (const status of [403, 429, 500, 503]) {
  test(`a ${status} to a refresh signs nobody out`, async () => {
    const server = makeServer();
    const { auth, changes } = await openSignedInTab(server);
    server.expire();
    server.failure = () => Response.json({ detail: "Later." }, { status, headers: { "Retry-After": "7" } });
    await assert.rejects(auth.fetch("/api/notes/"), { status, retryAfter: 7 });
    assert.deepEqual(changes, []);
    server.failure = null;
    assert.equal((await auth.fetch("/api/notes/")).status, 200);
  });
}

test("the seconds to wait are read from the body where a header of another origin cannot be", async () => {
  const server = makeServer();
  const { auth } = openTab(server);
  server.answer = () => Response.json({ detail: "Later.", code: "throttled", retry_after: 42 }, { status: 429 });
  await assert.rejects(auth.signIn({ email: ADA.email, password: "right" }), { status: 429, retryAfter: 42 });
});

test("requests that fail together do not hammer a server that cannot refresh", async () => {
  const server = makeServer({ latency: 3 });
  const { auth } = await openSignedInTab(server);
  server.expire();
  server.failure = () => Response.json({}, { status: 503 });
  await Promise.allSettled(Array.from({ length: 10 }, () => auth.fetch("/api/notes/")));
  assert.equal(server.count("/auth/refresh"), 1);
});

test("a network that fails during a refresh signs nobody out", async () => {
  const server = makeServer();
  const { auth, changes } = await openSignedInTab(server);
  server.expire();
  server.failure = () => Promise.reject(new TypeError("Failed to fetch"));
  await assert.rejects(auth.fetch("/api/notes/"), TypeError);
  assert.deepEqual(changes, []);
  server.failure = null;
  assert.deepEqual(await auth.me(), ADA);
});

test("a page of HTML instead of JSON is still an error with its status", async () => {
  const { auth } = openTab({ fetch: async () => new Response("<h1>Bad gateway</h1>", { status: 502 }) });
  await assert.rejects(auth.me(), { name: "FastAuthError", status: 502, code: null });
});

// --- several tabs

for (const [what, choose] of [["the lock", () => locks], ["messages, where there is no lock,", () => undefined]]) {
  test(`with ${what} two tabs refresh once, and the one that waited reuses the result`, async () => {
    const server = makeServer({ latency: 10 });
    const first = await openSignedInTab(server, { locks: choose() });
    const second = openTab(server, { locks: choose() });
    await second.auth.me();
    await aWhile();
    server.calls.length = 0;
    server.expire();
    const early = first.auth.fetch("/api/one/");
    for (let turn = 0; turn < 5; turn += 1) await settle();
    const late = second.auth.fetch("/api/two/");
    assert.deepEqual([(await early).status, (await late).status], [200, 200]);
    assert.equal(server.count("/auth/refresh"), 1);
    assert.equal(second.auth.status.refreshedAt, first.auth.status.refreshedAt);
    assert.deepEqual([...first.changes, ...second.changes], [[true, "restored", null, false]]);
  });
}

test("with the lock switched off each tab refreshes for itself", async () => {
  const server = makeServer({ latency: 2 });
  const first = await openSignedInTab(server, { locks: null });
  const second = openTab(server, { locks: null });
  await second.auth.me();
  await aWhile();
  server.expire();
  server.calls.length = 0;
  await Promise.all([first.auth.fetch("/api/one/"), second.auth.fetch("/api/two/")]);
  assert.equal(server.count("/auth/refresh"), 2);
});

test("signing in and out is told in every tab", async () => {
  const server = makeServer();
  const first = openTab(server);
  const second = openTab(server);
  await first.auth.signIn({ email: ADA.email, password: "right" });
  await aWhile();
  assert.deepEqual(second.changes, [[true, "signed-in", null, true]]);
  await second.auth.signOut();
  await aWhile();
  assert.deepEqual(first.changes.at(-1), [false, "signed-out", null, true]);
});

test("a session that the server ended is told once in each tab that shares it", async () => {
  const server = makeServer();
  const first = await openSignedInTab(server);
  const second = openTab(server);
  await second.auth.me();
  await aWhile();
  second.changes.length = 0;
  server.signedIn = false;
  await first.auth.fetch("/api/notes/");
  await aWhile();
  await second.auth.fetch("/api/notes/");
  assert.deepEqual(first.changes, [[false, "ended", "session_revoked", false]]);
  assert.deepEqual(second.changes, [[false, "ended", "session_revoked", true]]);
  assert.equal(server.count("/auth/refresh"), 1);
});

for (const delivery of ["cookie", "json"]) {
  test(`in ${delivery} delivery the status says when the session ends if nothing refreshes it`, async () => {
    mock.timers.enable({ apis: ["Date"] });
    const server = makeServer({ delivery });
    const { auth } = openTab(server, { locks: null });
    assert.equal(auth.status.refreshExpiresAt, 0);
    await auth.signIn({ email: ADA.email, password: "right" });
    assert.equal(auth.status.refreshExpiresAt, Date.now() + 2_592_000_000);
    server.refreshExpiresIn = 86_400;
    await auth.refresh();
    assert.equal(auth.status.refreshExpiresAt, Date.now() + 86_400_000);
    await auth.signOut();
    assert.equal(auth.status.refreshExpiresAt, 0);
  });
}

test("another tab hears when the session ends", async () => {
  const server = makeServer();
  const second = openTab(server);
  const first = await openSignedInTab(server);
  await aWhile();
  assert.ok(first.auth.status.refreshExpiresAt > Date.now());
  assert.equal(second.auth.status.refreshExpiresAt, first.auth.status.refreshExpiresAt);
});

test("an answer with an access cookie alone signs nobody out, and plans the next refresh", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  fakeDocument("visible");
  const server = makeServer();
  const { auth, changes } = await openSignedInTab(server, { locks: null });
  server.failure = () => {
    server.failure = null;
    return Response.json({ message: "Authentication successful", expires_in: 900, refresh_expires_in: 2_591_996 });
  };
  for (const refreshes of [1, 2]) {
    mock.timers.tick(900_000);
    for (let each = 0; each < 10; each += 1) await settle();
    assert.equal(server.count("/auth/refresh"), refreshes);
  }
  assert.equal(auth.status.signedIn, true);
  assert.deepEqual(changes, []);
});

test("a sign-out that overtakes a refresh is not undone by the refresh's answer", async () => {
  const server = makeServer();
  const first = await openSignedInTab(server, { locks: null });
  const second = openTab(server, { locks: null });
  await second.auth.me();
  server.expire();
  const { answer } = server;
  server.answer = async (call) => {
    if (call.path !== "/auth/refresh") return answer(call);
    await second.auth.signOut();
    await aWhile(); // the other tab's word is here before this answer
    return Response.json({ expires_in: 900, refresh_expires_in: 2_592_000 });
  };
  assert.equal((await first.auth.fetch("/api/notes/")).status, 401);
  assert.deepEqual(first.auth.status, {
    signedIn: false, expiresAt: 0, refreshedAt: 0, refreshExpiresAt: 0, deviceBound: false,
  });
  assert.deepEqual(first.changes, [[false, "signed-out", null, true]]);
});

test("unsubscribing is final", async () => {
  const server = makeServer();
  const { auth, changes } = openTab(server);
  const heard = [];
  const stop = auth.onChange(() => heard.push("unsubscribed"));
  stop();
  await auth.signIn({ email: ADA.email, password: "right" });
  assert.deepEqual(heard, []);
  assert.equal(changes.length, 1);
});

// --- the timer

/** @param {"visible" | "hidden"} visibilityState */
function fakeDocument(visibilityState) {
  const document = Object.assign(new EventTarget(), { visibilityState, cookie: "" });
  globalThis.document = document;
  return {
    become(state) {
      document.visibilityState = state;
      document.dispatchEvent(new Event("visibilitychange"));
    },
    document,
  };
}

test("a visible page refreshes shortly before the access token runs out", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  fakeDocument("visible");
  const server = makeServer();
  await openSignedInTab(server, { locks: null });
  mock.timers.tick(50);
  mock.timers.tick(869_000);
  await settle();
  assert.equal(server.count("/auth/refresh"), 0);
  mock.timers.tick(1_000);
  for (let turn = 0; turn < 10; turn += 1) await settle();
  assert.equal(server.count("/auth/refresh"), 1);
  mock.timers.tick(871_000); // and again
  for (let turn = 0; turn < 10; turn += 1) await settle();
  assert.equal(server.count("/auth/refresh"), 2);
});

test("a hidden page waits until it is seen again", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const page = fakeDocument("hidden");
  const server = makeServer();
  await openSignedInTab(server, { locks: null });
  mock.timers.tick(2_000_000);
  for (let turn = 0; turn < 10; turn += 1) await settle();
  assert.equal(server.count("/auth/refresh"), 0);
  page.become("visible");
  mock.timers.tick(1_000);
  for (let turn = 0; turn < 10; turn += 1) await settle();
  assert.equal(server.count("/auth/refresh"), 1);
});

test("a planned refresh that fails is tried again after half a minute, or when the network is back", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  fakeDocument("visible");
  const page = fakeWindow();
  const server = makeServer();
  const { auth, changes } = await openSignedInTab(server, { locks: null });
  mock.timers.tick(50);
  const turns = async (ms) => {
    mock.timers.tick(ms);
    for (let turn = 0; turn < 20; turn += 1) await settle();
    return server.count("/auth/refresh");
  };
  server.failure = () => Promise.reject(new TypeError("Failed to fetch"));
  assert.equal(await turns(870_000), 1);
  assert.equal(await turns(29_000), 1);
  assert.equal(await turns(1_000), 1); // planned anew: in a second
  assert.equal(await turns(1_000), 2);
  page.dispatchEvent(new Event("online"));
  assert.equal(await turns(1_000), 3);
  server.failure = () => Response.json({ retry_after: 60 }, { status: 503 });
  assert.equal(await turns(30_000), 3);
  assert.equal(await turns(1_000), 4);
  assert.equal(await turns(30_000), 4);
  assert.equal(await turns(1_000), 4); // a minute, said the server
  server.failure = null;
  assert.equal(await turns(29_000), 4);
  assert.equal(await turns(1_000), 5);
  assert.deepEqual([auth.status.signedIn, changes], [true, []]);
});

test("a refresh that is never answered, as when the laptop sleeps, is given up and the next one gets the lock", async () => {
  const server = makeServer();
  const { auth } = await openSignedInTab(server);
  await aWhile(); // the lock is free again
  server.expire();
  const giveUp = new AbortController();
  const timeout = mock.method(AbortSignal, "timeout", () => giveUp.signal);
  server.failure = () => new Promise((_, reject) => {
    giveUp.signal.addEventListener("abort", () => reject(giveUp.signal.reason));
  });
  const first = auth.fetch("/api/notes/");
  for (let turn = 0; turn < 10; turn += 1) await settle();
  assert.equal(server.count("/auth/refresh"), 1);
  giveUp.abort(new DOMException("late", "TimeoutError"));
  await assert.rejects(first, { name: "TimeoutError" });
  timeout.mock.restore();
  server.failure = null;
  assert.equal((await auth.fetch("/api/notes/")).status, 200);
  assert.equal(auth.status.signedIn, true);
});

// --- what is known, as a snapshot

test("a snapshot stays the same object until it changes, and watchers hear of each change", async () => {
  const server = makeServer();
  const { auth } = openTab(server);
  const seen = [];
  const stop = auth.subscribe(() => seen.push(auth.getSnapshot()));
  const nothing = { signedIn: null, user: null, reason: null, code: null, elsewhere: false };
  assert.deepEqual(auth.getSnapshot(), nothing);
  await auth.signIn({ email: ADA.email, password: "right" });
  await auth.me(); // says nothing new
  await auth.refresh();
  assert.equal(auth.getSnapshot(), auth.getSnapshot());
  assert.ok(Object.isFrozen(auth.getSnapshot()));
  assert.deepEqual(auth.getSnapshot(), { ...nothing, signedIn: true, user: ADA, reason: "signed-in" });
  assert.equal(auth.getServerSnapshot(), auth.getServerSnapshot());
  assert.deepEqual(auth.getServerSnapshot(), nothing); // for ever: what a server rendered
  await auth.signOut();
  assert.deepEqual(seen.map(({ signedIn, reason }) => [signedIn, reason]), [[true, "signed-in"], [false, "signed-out"]]);
  stop();
  await auth.signIn({ email: ADA.email, password: "right" });
  assert.equal(seen.length, 2);
});

test("a snapshot takes what me() says anew of the user, and who signed in in another tab", async () => {
  const server = makeServer();
  const { auth, changes } = openTab(server);
  const other = await openSignedInTab(server);
  await aWhile();
  assert.deepEqual([auth.getSnapshot().signedIn, auth.getSnapshot().user], [true, null]);
  await auth.me();
  assert.deepEqual(auth.getSnapshot().user, ADA);
  const { answer } = server;
  server.answer = (call) => (call.path === "/auth/me" ? Response.json({ ...ADA, name: "Ada" }) : answer(call));
  await auth.me();
  assert.equal(auth.getSnapshot().user.name, "Ada");
  assert.deepEqual(changes, [[true, "signed-in", null, true]]); // nobody signed in or out
  assert.deepEqual(other.auth.getSnapshot().user, ADA);
});

// --- pages that nobody sees

/** The window's own events. */
function fakeWindow() {
  const page = new EventTarget();
  globalThis.addEventListener = page.addEventListener.bind(page);
  page.turn = (type, persisted = true) => page.dispatchEvent(Object.assign(new Event(type), { persisted }));
  return page;
}

for (const [delivery, reason] of [["cookie", "restored"], ["json", "nobody"]]) {
  test(`a page that the browser keeps forgets who is signed in, and asks when it is seen again (${delivery})`, async () => {
    const page = fakeWindow();
    const server = makeServer({ delivery });
    const { auth, changes } = await openSignedInTab(server);
    const watched = [];
    auth.subscribe(() => watched.push(auth.getSnapshot().reason));
    page.turn("pagehide");
    assert.deepEqual(watched, []);
    await null; // the browser runs microtasks before it keeps the page
    assert.deepEqual([watched, changes], [["away"], [[null, "away", null, false]]]);
    assert.deepEqual([auth.status.signedIn, auth.status.expiresAt, auth.getSnapshot().user], [null, 0, null]);
    const asked = auth.me(); // by a listener that sees that nobody is known
    for (let turn = 0; turn < 10; turn += 1) await settle();
    assert.deepEqual(server.calls, []);
    page.turn("pageshow");
    assert.deepEqual(await asked, delivery === "cookie" ? ADA : null);
    assert.equal(server.count("/auth/me"), 1);
    assert.deepEqual(changes[1].slice(0, 2), [delivery === "cookie", reason]);
    assert.equal(changes.length, 2);
  });
}

test("a kept page learns of a sign-out that it was not there to hear of, without being asked", async () => {
  const page = fakeWindow();
  const server = makeServer();
  const { changes } = await openSignedInTab(server);
  page.turn("pagehide");
  server.signedIn = server.jar = false;
  page.turn("pageshow");
  await aWhile(20);
  assert.deepEqual(changes, [[null, "away", null, false], [false, "nobody", null, false]]);
});

test("what was asked before the page was put away is asked again", async () => {
  const page = fakeWindow();
  const server = makeServer();
  await openSignedInTab(server);
  const { auth, changes } = openTab(server);
  const { answer } = server;
  let late;
  server.answer = (call) => {
    server.answer = answer;
    const response = answer(call);
    return new Promise((resolve) => (late = () => resolve(response)));
  };
  const asked = auth.me();
  for (let turn = 0; turn < 5; turn += 1) await settle();
  page.turn("pagehide");
  server.signedIn = server.jar = false;
  page.turn("pageshow");
  late();
  assert.equal(await asked, null);
  assert.deepEqual(changes, [[false, "nobody", null, false]]);
});

test("a page that is left for good tells nothing, and a page that is shown at first asks nothing", async () => {
  const page = fakeWindow();
  const server = makeServer();
  const { auth, changes } = await openSignedInTab(server);
  page.turn("pageshow", false);
  page.turn("pagehide", false);
  await aWhile(20);
  assert.deepEqual([server.calls, changes, auth.status.signedIn], [[], [], true]);
});

test("a page that cannot ask says so, and asks again when the network is back", async () => {
  const page = fakeWindow();
  const server = makeServer();
  await openSignedInTab(server);
  const { answer } = server;
  const { auth, changes } = openTab(server);
  server.answer = () => Promise.reject(new TypeError("Failed to fetch"));
  await assert.rejects(auth.me(), TypeError);
  server.answer = () => Response.json({ detail: "Later.", code: "try_again" }, { status: 503 });
  await assert.rejects(auth.me(), { status: 503 });
  assert.deepEqual(changes, [[null, "unreachable", null, false], [null, "unreachable", "try_again", false]]);
  server.answer = answer;
  page.dispatchEvent(new Event("online"));
  await aWhile(20);
  assert.deepEqual(changes[2], [true, "restored", null, false]);
  server.calls.length = 0;
  page.dispatchEvent(new Event("online"));
  await aWhile(20);
  assert.deepEqual(server.calls, []);
});

test("who is signed in and cannot ask stays signed in", async () => {
  const server = makeServer();
  const { auth, changes } = await openSignedInTab(server);
  server.answer = () => Promise.reject(new TypeError("Failed to fetch"));
  await assert.rejects(auth.me(), TypeError);
  assert.deepEqual([auth.status.signedIn, changes], [true, []]);
});

test("on a server that renders pages a client is made, watched and looked at, and touches nothing", async () => {
  delete globalThis.location;
  const touched = [];
  for (const name of ["navigator", "document", "BroadcastChannel", "addEventListener"]) {
    const { [name]: was } = Object.getOwnPropertyDescriptors(globalThis);
    Object.defineProperty(globalThis, name, { configurable: true, get: () => (touched.push(name), undefined) });
    tabs.push({ close: () => (delete globalThis[name], was && Object.defineProperty(globalThis, name, was)) });
  }
  const auth = createClient();
  auth.onChange(() => assert.fail())();
  auth.subscribe(() => assert.fail())();
  assert.equal(auth.getSnapshot(), auth.getServerSnapshot());
  assert.equal(auth.status.signedIn, null);
  assert.deepEqual(touched, []);
  for (const call of [() => auth.me(), () => auth.signIn({}), () => auth.fetch("/api/"), () => auth.refresh()]) {
    await assert.rejects(call, /without a page nobody knows the origin of \/auth\//);
  }
  tabs.reverse(); // the names are back before anything closes
});

test("a program without a page has a client too, and opens no channel", async () => {
  delete globalThis.location;
  const server = makeServer({ delivery: "json" });
  const { auth, changes } = await openSignedInTab(server);
  server.expire();
  assert.equal((await auth.fetch("/api/notes/")).status, 200);
  await auth.signOut();
  assert.deepEqual(changes, [[false, "signed-out", null, false]]);
  assert.equal(Channel.open.size, 0);
});

test("the browser's own locks are used, if it has them", async () => {
  const names = [];
  const request = (name, run) => (names.push(name), run());
  const was = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { configurable: true, value: { locks: { request } } });
  tabs.push({ close: () => (delete globalThis.navigator, was && Object.defineProperty(globalThis, "navigator", was)) });
  await openSignedInTab(makeServer(), { locks: undefined });
  assert.deepEqual(names, [`fastauth:${ORIGIN}/auth/`]);
});

test("a client that was closed hears nothing more and plans nothing", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const document = fakeDocument("visible");
  const page = fakeWindow();
  const server = makeServer();
  const { auth, changes } = await openSignedInTab(server, { locks: null });
  auth.subscribe(() => assert.fail());
  const other = openTab(server, { locks: null });
  auth.close();
  await other.auth.signOut();
  page.turn("pagehide");
  document.become("visible");
  mock.timers.tick(2_000_000);
  for (let turn = 0; turn < 10; turn += 1) await settle();
  assert.deepEqual([changes, auth.status.signedIn, server.count("/auth/refresh")], [[], true, 0]);
  assert.equal(Channel.open.size, 1);
  mock.timers.tick(50);
  await auth.signIn({ email: ADA.email, password: "right" }); // with whatever is left of it
  for (const ms of [50, 900_000]) {
    await settle();
    mock.timers.tick(ms);
    for (let turn = 0; turn < 10; turn += 1) await settle();
  }
  assert.equal(Channel.open.size, 1);
  assert.equal(server.count("/auth/refresh"), 0);
});

// --- sessions that the browser itself renews

test("a page plans no refresh once it has heard that the session is bound to the device", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  fakeDocument("visible");
  const server = makeServer();
  const { auth, changes } = await openSignedInTab(server, { locks: null });
  server.bound = true;
  await auth.sessions();
  const { refreshedAt } = auth.status;
  assert.deepEqual(auth.status, { signedIn: true, expiresAt: 0, refreshedAt, refreshExpiresAt: 0, deviceBound: true });
  for (let turn = 0; turn < 5; turn += 1) {
    mock.timers.tick(900_000);
    for (let each = 0; each < 10; each += 1) await settle();
  }
  assert.equal(server.count("/auth/refresh"), 0);
  assert.deepEqual(changes, []);
});

test("a device of somebody else's list that is bound is not this one", async () => {
  const server = makeServer();
  const { auth } = await openSignedInTab(server);
  await auth.sessions();
  assert.equal(auth.status.deviceBound, false);
});

test("a refresh that is refused because the browser renews the session signs nobody out, in no tab", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  fakeDocument("visible");
  const server = makeServer();
  const here = await openSignedInTab(server, { locks: null });
  const there = openTab(server, { locks: null });
  await there.auth.me();
  there.changes.length = 0;
  server.bound = true;
  mock.timers.tick(50); // the lock is free again
  for (let turn = 0; turn < 10; turn += 1) await settle();
  assert.equal(await here.auth.refresh(), true);
  for (let turn = 0; turn < 10; turn += 1) await settle();
  assert.deepEqual([here.auth.status.deviceBound, there.auth.status.deviceBound], [true, true]);
  assert.deepEqual([here.changes, there.changes], [[], []]);
  mock.timers.tick(5_000_000);
  for (let turn = 0; turn < 10; turn += 1) await settle();
  assert.equal(server.count("/auth/refresh"), 1);
});

test("a request that came between two renewals is repeated once", async () => {
  const server = makeServer();
  const { auth } = await openSignedInTab(server);
  server.bound = true;
  server.expire();
  const request = auth.fetch("/notes");
  server.failure = () => {
    server.fresh = true; // the browser has renewed the cookie meanwhile
    server.failure = null;
    return Response.json({ detail: "No.", code: "device_proof_required" }, { status: 401 });
  };
  assert.equal((await request).status, 200);
  assert.equal(server.count("/notes"), 2);
});

test("the end of a bound session is told like any other", async () => {
  const server = makeServer();
  const { auth, changes } = await openSignedInTab(server);
  server.bound = true;
  await auth.sessions();
  server.signedIn = false;
  assert.equal((await auth.fetch("/notes")).status, 401);
  assert.deepEqual(changes, [[false, "ended", "session_revoked", false]]);
  assert.equal(auth.status.deviceBound, false);
});

test("a browser that cannot renew for now signs nobody out", async () => {
  const server = makeServer();
  const { auth, changes } = await openSignedInTab(server);
  server.bound = true;
  await auth.sessions();
  server.expire();
  server.failure = () => Response.json({ detail: "Later.", code: "try_again" }, { status: 503 });
  await assert.rejects(auth.fetch("/notes"), (error) => error.code === "try_again");
  assert.deepEqual(changes, []);
  assert.equal(auth.status.signedIn, true);
});

test("the next sign-in begins with a session that is not bound yet", async () => {
  const server = makeServer();
  const { auth } = await openSignedInTab(server);
  server.bound = true;
  await auth.sessions();
  await auth.signIn({ email: ADA.email, password: "right" });
  assert.equal(auth.status.deviceBound, false);
  assert.ok(auth.status.expiresAt > Date.now());
});

// --- tokens and headers

test("in JSON delivery the tokens stay in memory, and only the API's origin gets one", async () => {
  const touched = [];
  const trap = new Proxy({}, { get: (_, name) => touched.push(name), set: (_, name) => touched.push(name) });
  for (const name of ["localStorage", "sessionStorage", "indexedDB"]) {
    Object.defineProperty(globalThis, name, { configurable: true, get: () => (touched.push(name), trap) });
  }
  const posted = [];
  const post = mock.method(Channel.prototype, "postMessage", (data) => posted.push(data));
  fakeDocument("visible");

  const server = makeServer({ delivery: "json" });
  const { auth } = await openSignedInTab(server);
  server.expire();
  assert.equal((await auth.fetch("/api/notes/")).status, 200);
  await auth.fetch("https://elsewhere.test/pixel", { method: "POST" });
  await auth.fetch(new Request("https://api.example.test.evil.test/"));
  await auth.fetch("//evil.test/");
  await auth.fetch("http://api.example.test/");

  const sent = server.calls.map(({ origin, headers, credentials }) => [origin, headers.get("Authorization"), credentials]);
  assert.deepEqual(sent.slice(0, 3), [
    [ORIGIN, "Bearer access-1", "include"],
    [ORIGIN, null, "include"], // the refresh: its token is in the body
    [ORIGIN, "Bearer access-2", "include"],
  ]);
  assert.deepEqual(JSON.parse(server.calls[1].body), { refresh_token: "refresh-1" });
  for (const [, authorization, credentials] of sent.slice(3)) {
    assert.equal(authorization, null);
    assert.notEqual(credentials, "include");
  }
  assert.equal(sent.length, 7);
  assert.deepEqual(touched, []);
  assert.equal(document.cookie, "");
  assert.ok(!JSON.stringify(posted).includes("access-") && !JSON.stringify(posted).includes("refresh-"));
  assert.ok(!JSON.stringify(auth).includes("access-"));
  post.mock.restore();
  for (const name of ["localStorage", "sessionStorage", "indexedDB"]) delete globalThis[name];
});

test("in JSON delivery a tab's session is its own, but signing out signs out every tab", async () => {
  const [one, two] = [makeServer({ delivery: "json" }), makeServer({ delivery: "json" })];
  const first = await openSignedInTab(one);
  const second = await openSignedInTab(two);
  const visitor = openTab(one);
  assert.equal(await openTab(one).auth.me(), null); // and that is nobody else's business
  await first.auth.signIn({ email: ADA.email, password: "right" });
  one.expire();
  await first.auth.fetch("/api/notes/"); // a refresh next door renews nothing here
  await aWhile();
  assert.equal(second.auth.status.signedIn, true);
  assert.deepEqual(visitor.changes, []);
  two.expire();
  assert.equal((await second.auth.fetch("/api/notes/")).status, 200);
  await first.auth.signOut();
  await aWhile();
  assert.equal(two.signedIn, false);
  assert.deepEqual(JSON.parse(two.calls.at(-1).body), { refresh_token: `refresh-${two.generation}` });
  assert.equal(second.auth.status.signedIn, false);
});

test("Django's CSRF token goes with what changes something, to the API's origin only", async () => {
  const page = fakeDocument("visible");
  page.document.cookie = "theme=dark; csrftoken=abc123; other=1";
  const server = makeServer();
  const { auth } = await openSignedInTab(server);
  await auth.fetch("/api/notes/");
  await auth.fetch("/api/notes/", { method: "DELETE" });
  await auth.fetch("https://elsewhere.test/", { method: "POST" });
  await auth.refresh();
  assert.deepEqual(server.calls.map(({ headers }) => headers.get("X-CSRFToken")), [null, "abc123", null, "abc123"]);

  page.document.cookie = "csrftoken=first; xcsrftoken=no; csrftoken=last; my.csrf=renamed=";
  await auth.fetch("/api/notes/", { method: "POST" });
  assert.equal(server.calls.at(-1).headers.get("X-CSRFToken"), "last"); // as Django takes it
  const renamed = makeServer();
  const names = { csrfCookieName: "my.csrf", csrfHeaderName: "X-My-CSRF" };
  await (await openSignedInTab(renamed, names)).auth.fetch("/api/notes/", { method: "POST" });
  const { headers } = renamed.calls[0];
  assert.deepEqual([headers.get("X-My-CSRF"), headers.get("X-CSRFToken")], ["renamed=", null]);

  const silent = await openSignedInTab(makeServer(), { csrfToken: null });
  await silent.auth.fetch("/api/notes/", { method: "POST" });
  const own = makeServer();
  const told = await openSignedInTab(own, { csrfToken: () => "from the page" });
  await told.auth.fetch("/api/notes/", { method: "POST" });
  assert.equal(own.calls[0].headers.get("X-CSRFToken"), "from the page");
});

/** A server on a port of its own, and so on an origin of its own, with the headers that it was sent. */
async function listen(answer) {
  const calls = [];
  const server = createServer((request, response) => {
    calls.push({ path: request.url, token: request.headers["x-csrftoken"] ?? null });
    answer(request, response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { calls, origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

for (const status of [301, 302, 303, 307, 308]) {
  for (const place of ["the API's own origin", "another origin"]) {
    test(`no redirect (${status}) takes the CSRF token to another origin, from a page of ${place}`, async () => {
      const thief = await listen((_, response) => response.writeHead(200, { "Access-Control-Allow-Origin": "*" }).end());
      const api = await listen((request, response) => {
        const there = request.url === "/away" ? thief.origin : "/arrived";
        response.writeHead(request.url === "/arrived" ? 200 : status, { Location: there }).end();
      });
      globalThis.location = new URL(place === "another origin" ? "https://app.example.test/" : api.origin);
      const auth = createClient({ baseUrl: `${api.origin}/auth/`, locks, csrfToken: () => "abc123" });
      tabs.push(auth);
      try {
        await assert.rejects(auth.fetch("/away", { method: "POST" }), TypeError);
        await assert.rejects(auth.fetch("/away", { headers: { "X-CSRFToken": "the page's own" } }), TypeError);
        assert.equal((await auth.fetch("/away", { method: "POST", redirect: "manual" })).status, status);
        assert.deepEqual(thief.calls, []);
        if (place === "another origin") return;
        assert.equal((await auth.fetch("/home", { method: "PUT", body: "text" })).status, 200);
        const body = new Blob(["a stream"]).stream();
        assert.equal((await auth.fetch("/arrived", { method: "POST", body, duplex: "half" })).status, 200);
        assert.deepEqual(api.calls.filter(({ path }) => path === "/arrived").at(-1).token, "abc123");
      } finally {
        delete globalThis.location;
        [thief, api].forEach((server) => server.close());
      }
    });
  }
}
