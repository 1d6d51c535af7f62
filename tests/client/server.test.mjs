/**
 * The entry for frameworks that render on a server: against an API made for the test, and then against Django itself.
 * What only a browser and a framework can tell is in tests/browser/test_server_rendering.py.
 */

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, mock, test } from "node:test";
import { fileURLToPath } from "node:url";

import { createServerClient, FastAuthServerError } from "../../fastauth_django/static/fastauth_django/server.js";

const API = "http://django.test:8000";
const PAGE = "https://app.example.test";
const ADA = { id: 1, email: "ada@example.test" };
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A token as far as it can be read without the key. It lives from `from` to `to`, in seconds from now. */
function token(from, to, name = "x") {
  name += "?>~ÿ"; // both characters in which base64url is not base64

  const now = Math.floor(Date.now() / 1000);
  const claims = { iat: now + from, exp: now + to, name };
  return `${btoa("{}")}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.signature`;
}

/** An API that answers what it is told to, by path, and writes down what it was asked. */
function makeApi(answers = {}) {
  const api = {
    calls: [],
    to: (path) => api.calls.filter((call) => call.path === path),
    async fetch(url, init) {
      const call = { path: url.pathname, url: url.href, headers: new Headers(init.headers), init };
      api.calls.push(call);
      const count = api.to(call.path).length;
      await settle();
      const answer = answers[url.pathname] ?? (() => Response.json({}));
      return answer(call, count);
    },
  };
  return api;
}

/** Answers of Django to a refresh. */
const setting = (...lines) => ({ headers: lines.map((line) => ["Set-Cookie", line]) });
const cookie = (name, value) => `${name}=${value}; expires=Sun, 06 Dec 2026 08:49:37 GMT; HttpOnly; Max-Age=900; Path=/; SameSite=Lax`;
const cleared = (name) => `${name}=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Max-Age=0; Path=/; SameSite=Lax`;
const rotation = (number) => () => {
  const lines = [cookie("access_token", token(0, 900, number)), cookie("refresh_token", `r${number}`)];
  return Response.json({ message: "Authentication successful", expires_in: 900 }, setting(...lines));
};
const graced = (access) => () => Response.json({ expires_in: 900 }, setting(cookie("access_token", access)));
const ended = () => {
  const lines = setting(cleared("access_token"), cleared("refresh_token"));
  return Response.json({ code: "session_revoked" }, { status: 401, ...lines });
};

function setUp(answers, options = {}) {
  const api = makeApi(answers);
  return { api, django: createServerClient({ baseUrl: `${API}/auth/`, fetch: api.fetch, ...options }) };
}

/** The visitor's request as a framework hands it over. */
function asked(path = "/", { cookies = "", ...init } = {}) {
  const headers = new Headers({ Host: "app.example.test", "User-Agent": "Browser/1", ...init.headers });
  if (cookies) headers.set("Cookie", cookies);
  return new Request(PAGE + path, { ...init, headers });
}
const posted = (path, { headers, ...init } = {}) =>
  asked(path, { method: "POST", headers: { Origin: PAGE, "Sec-Fetch-Site": "same-origin", ...headers }, ...init });

const refused = (code) => (error) => error instanceof FastAuthServerError && error.code === code;
const ok = () => new Response("page");

// --- whose call it is

test("there is no call without a visitor's request", async () => {
  const { api, django } = setUp();
  for (const nobody of [undefined, null, {}, "GET /", Promise.resolve(new Headers())]) {
    assert.throws(() => django.visitor(nobody), refused("no_request"));
    await assert.rejects(django.respond(nobody, ok), refused("no_request"));
  }
  assert.equal(api.calls.length, 0);
});

/** As Next.js gives them. */
class ReadonlyHeaders extends Headers {
  headers = { host: "app.example.test" };
}

for (const [what, form] of [
  ["a Request", (request) => request],
  ["its Headers", (request) => request.headers],
  ["what headers() of Next.js gives", (request) => new ReadonlyHeaders(request.headers)],
]) {
  test(`a call made from ${what} says who the visitor is and which page asks`, async () => {
    const { api, django } = setUp();
    const said = {
      "User-Agent": "Browser/1",
      "Accept-Language": "de",
      "X-Forwarded-For": "203.0.113.7",
      "X-Forwarded-Proto": "https",
      Forwarded: "for=203.0.113.7;host=app.example.test",
      Origin: PAGE,
      "Sec-Fetch-Site": "same-origin",
      Referer: `${PAGE}/notes`,
    };
    const request = posted("/notes", { headers: said, cookies: "access_token=a; refresh_token=r; theme=dark" });
    await django.visitor(form(request)).fetch("/api/notes/", { method: "POST", body: "{}" });
    const { url, headers, init } = api.calls[0];
    assert.equal(url, `${API}/api/notes/`);
    assert.equal(init.body, "{}");
    for (const [name, value] of Object.entries(said)) assert.equal(headers.get(name), value, name);
    assert.equal(headers.get("Cookie"), "access_token=a; refresh_token=r; theme=dark");
    assert.equal(headers.get("X-Forwarded-Host"), "app.example.test");
    assert.equal(headers.get("Host"), null, "the API has its own");
  });
}

test("the host that a proxy before the framework has named goes on, and without any the address tells", async () => {
  const { api, django } = setUp();
  await django.visitor(asked("/", { headers: { "X-Forwarded-Host": "shop.example.test" } })).fetch("/");
  await django.visitor(new Request(`${PAGE}/`)).fetch("/");
  await django.visitor(new Headers()).fetch("/");
  const hosts = api.calls.map(({ headers }) => headers.get("X-Forwarded-Host"));
  assert.deepEqual(hosts, ["shop.example.test", "app.example.test", null]);
});

test("the address of whoever sent the request is appended to those that proxies named", async () => {
  const { api, django } = setUp();
  const claimed = asked("/", { headers: { "X-Forwarded-For": "198.51.100.1" } });
  await django.visitor(claimed, { clientAddress: "203.0.113.7" }).fetch("/");
  await django.visitor(asked("/"), { clientAddress: "203.0.113.7" }).fetch("/");
  const addresses = api.calls.map(({ headers }) => headers.get("X-Forwarded-For"));
  assert.deepEqual(addresses, ["198.51.100.1, 203.0.113.7", "203.0.113.7"]);
});

test("no header of the call itself can say something else of the visitor", async () => {
  const { api, django } = setUp();
  const claims = {
    Cookie: "access_token=mine",
    Origin: "https://trusted.example.test",
    "Sec-Fetch-Site": "same-origin",
    Referer: "https://trusted.example.test/",
    Forwarded: "host=trusted.example.test",
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Host": "trusted.example.test",
  };
  await django.visitor(new Headers({ Host: "app.example.test" })).fetch("/", { headers: { ...claims, "X-Own": "1" } });
  const { headers } = api.calls[0];
  for (const name of Object.keys(claims)) assert.notEqual(headers.get(name), claims[name], name);
  assert.equal(headers.get("X-Own"), "1");
});

test("a call takes a path, and no Request, whose text would be a path too", async () => {
  const { api, django } = setUp();
  await assert.rejects(django.visitor(asked()).fetch(new Request("http://django.test:8000/api/notes/")), TypeError);
  assert.equal(api.calls.length, 0);
});

for (const [how, headers, origin] of [
  ["a host and https", { "X-Forwarded-Host": "shop.example.test, inner:3000", "X-Forwarded-Proto": "https, http" }, "https://shop.example.test"],
  ["a port", { "X-Forwarded-Host": "shop.example.test:8443", "X-Forwarded-Proto": "https" }, "https://shop.example.test:8443"],
  ["https alone", { "X-Forwarded-Proto": "https" }, "https://app.example.test"],
  ["nonsense", { "X-Forwarded-Host": "a b", "X-Forwarded-Proto": "?" }, "http://inner.test:3000"],
]) {
  test(`the browser is sent to where it came from, by what a proxy says: ${how}`, async () => {
    const { django } = setUp({ "/auth/refresh": rotation(1) });
    const { headers: own } = asked("/", { cookies: "refresh_token=r0", headers });
    const request = new Request("http://inner.test:3000/sign-in?a=1", { headers: own });
    const response = await django.respond(request, () => assert.fail("its answer would be thrown away"));
    assert.equal(response.headers.get("Location"), `${origin}/sign-in?a=1`);
  });
}

test("an access cookie of another name sends the browser nowhere again and again", async (t) => {
  const told = t.mock.method(console, "error", () => {});
  const { django } = setUp({ "/auth/refresh": rotation(1) }, { accessCookieName: "__Host-access_token" });
  const response = await django.respond(asked("/", { cookies: "access_token=a.b.c; refresh_token=r0" }), ok);
  assert.equal(response.status, 200);
  assert.equal(response.headers.getSetCookie().length, 2);
  assert.match(told.mock.calls[0].arguments[0], /accessCookieName/);
});

test("the visitor's cookies go to the API's origin and nowhere else", async () => {
  const { api, django } = setUp();
  const visitor = django.visitor(asked("/", { cookies: "access_token=a" }));
  const elsewhere = ["https://evil.test/", "//evil.test/", "\\\\evil.test/", "http://django.test/", "https://django.test:8000/",
    "http://django.test:8000@evil.test/", new URL("http://evil.test:8000/"), "data:,x"];
  for (const address of elsewhere) await assert.rejects(visitor.fetch(address), refused("other_origin"), String(address));
  assert.equal(api.calls.length, 0);
});

test("a redirect is returned and not followed, and nothing comes from a cache, whatever the call wants", async () => {
  const moved = () => new Response(null, { status: 302, headers: { Location: "https://evil.test/" } });
  const { api, django } = setUp({ "/old": moved });
  const response = await django.visitor(asked()).fetch("/old", { redirect: "follow", cache: "force-cache" });
  assert.equal(response.status, 302);
  assert.equal(api.calls[0].init.redirect, "manual");
  assert.equal(api.calls[0].init.cache, "no-store");
});

test("Django's CSRF token goes along if the visitor or the call sent it, and is never taken from the cookie", async () => {
  const { api, django } = setUp();
  const cookies = "csrftoken=c";
  const call = (request, headers) => django.visitor(request).fetch("/api/notes/", { method: "POST", headers });
  await call(posted("/", { cookies }));
  await call(posted("/", { cookies, headers: { "X-CSRFToken": "script's" } }));
  await call(posted("/", { cookies }), { "X-CSRFToken": "form's" });
  await call(posted("/", { cookies, headers: { "X-CSRFToken": "script's" } }), { "X-CSRFToken": "form's" });
  const sent = api.calls.map(({ headers }) => headers.get("X-CSRFToken"));
  assert.deepEqual(sent, [null, "script's", "form's", "form's"]);
});

// --- what a call may do

test("nothing is changed while a page is only read", async () => {
  const { api, django } = setUp();
  const reads = [asked(), asked("/", { method: "HEAD" }), asked().headers, asked("/", { headers: { Origin: PAGE } })];
  for (const incoming of reads) {
    for (const method of ["POST", "put", "PATCH", "DELETE"]) {
      const change = django.visitor(incoming).fetch("/api/notes/1", { method });
      await assert.rejects(change, refused("change_not_asked_for"), `${method}`);
    }
  }
  await django.respond(asked(), async (visitor) => {
    await assert.rejects(visitor.fetch("/auth/logout", { method: "POST" }), refused("change_not_asked_for"));
    return ok();
  });
  await django.visitor(asked()).fetch("/api/notes/", { method: "get" });
  assert.equal(api.calls.length, 1);
});

test("where no cookie can be set, nothing is called that sets one", async () => {
  const { api, django } = setUp();
  for (const incoming of [asked(), posted("/"), posted("/").headers]) {
    for (const route of ["refresh", "login", "logout", "register", "account/change-password"]) {
      for (const path of [`/auth/${route}`, `/%61uth/${route}`, `/auth/%${route}`]) {
        const call = django.visitor(incoming).fetch(path, { method: "POST" });
        await assert.rejects(call, refused("cookies_cannot_be_set"), path);
      }
    }
  }
  assert.equal(api.calls.length, 0);
});

test("what a streamed page asks for once its headers are out comes too late for a cookie", async () => {
  const { api, django } = setUp();
  let kept;
  await django.respond(posted("/"), (visitor) => {
    kept = visitor;
    return ok();
  });
  await assert.rejects(kept.fetch("/auth/login", { method: "POST" }), refused("cookies_cannot_be_set"));
  await kept.fetch("/api/notes/");
  assert.deepEqual(api.calls.map(({ path }) => path), ["/api/notes/"]);
});

// --- refresh

const ONCE = { cookies: "refresh_token=r0; theme=dark" };

for (const [what, access] of [
  ["no access token", null],
  ["one that has run out", () => token(-1000, -100)],
  ["one that is about to run out", () => token(-895, 5)],
  ["garbage", () => "garbage"],
  ["three parts of garbage", () => "a.b.c"],
]) {
  test(`with ${what} the browser gets new cookies, each in a line of its own, and is sent to the same address`, async () => {
    const { api, django } = setUp({ "/auth/refresh": rotation(1) });
    const cookies = `${access ? `access_token=${access()}; ` : ""}refresh_token=r0`;
    const request = asked("/notes?page=2", { cookies, headers: { "User-Agent": "Browser/1" } });
    const response = await django.respond(request, () => assert.fail("its answer would be thrown away"));
    assert.equal(response.status, 307);
    assert.equal(response.headers.get("Location"), `${PAGE}/notes?page=2`);
    assert.equal(response.headers.get("Cache-Control"), "no-store");
    const names = response.headers.getSetCookie().map((line) => line.split("=")[0]);
    assert.deepEqual(names, ["access_token", "refresh_token"]);
    assert.match(response.headers.getSetCookie()[1], /^refresh_token=r1; expires=.*; HttpOnly; Max-Age=900; Path=\/; SameSite=Lax$/);
    assert.equal(api.calls.length, 1);
  });
}

for (const [what, cookies] of [
  ["a good access token", () => `access_token=${token(-100, 800)}; refresh_token=r0`],
  ["a good one beside one that has run out", () => `access_token=${token(-1000, -1)}; access_token=${token(0, 900)}; refresh_token=r0`],
  ["one that never lives longer than a few seconds", () => `access_token=${token(0, 6)}; refresh_token=r0`],
  ["no refresh token", () => `access_token=${token(-1000, -100)}`],
  ["a refresh token of another name", () => "my_refresh_token=r0"],
  ["no cookie", () => ""],
]) {
  test(`with ${what} there is no refresh`, async () => {
    const { api, django } = setUp();
    const response = await django.respond(asked("/", { cookies: cookies() }), ok);
    assert.equal(await response.text(), "page");
    assert.equal(response.headers.get("Cache-Control"), null);
    assert.equal(api.calls.length, 0);
  });
}

test("the names of the cookies are the project's", async () => {
  const names = { accessCookieName: "__Host-access_token", refreshCookieName: "__Host-refresh_token" };
  const { api, django } = setUp({}, names);
  await django.respond(asked("/", { cookies: `__Host-access_token=${token(0, 900)}; __Host-refresh_token=r` }), ok);
  assert.equal(api.calls.length, 0);
  await django.respond(asked("/", { cookies: "__Host-refresh_token=r" }), ok);
  assert.equal(api.to("/auth/refresh").length, 1);
});

test("a refresh is this server's own act: it says who the visitor is, and nothing of the page", async () => {
  const { api, django } = setUp({ "/auth/refresh": rotation(1) });
  const headers = { Origin: "https://evil.test", "Sec-Fetch-Site": "cross-site", Referer: "https://evil.test/", "X-Forwarded-Host": "a" };
  await django.respond(asked("/", { ...ONCE, headers }), ok, { clientAddress: "203.0.113.7" });
  const sent = api.calls[0].headers;
  assert.equal(api.calls[0].init.method, "POST");
  assert.deepEqual(
    ["User-Agent", "Cookie", "X-Forwarded-For", "Origin", "Sec-Fetch-Site", "X-Forwarded-Host", "X-CSRFToken"].map((name) => sent.get(name)),
    ["Browser/1", "refresh_token=r0; theme=dark", "203.0.113.7", null, null, null, null],
  );
  assert.equal(sent.get("Referer"), "http://django.test:8000/");
});

test("for Django's own CSRF check a refresh has the token of the last cookie and a page of the API's", async () => {
  const { api, django } = setUp({ "/auth/refresh": rotation(1) });
  const cookies = "refresh_token=r0; csrftoken=planted; csrftoken=c";
  for (const scheme of ["https", "https, http", "gopher"]) {
    await django.respond(asked("/", { cookies, headers: { "X-Forwarded-Proto": scheme } }), ok);
  }
  assert.deepEqual(api.calls.map(({ headers }) => headers.get("X-CSRFToken")), ["c", "c", "c"]);
  const pages = api.calls.map(({ headers }) => headers.get("Referer"));
  assert.deepEqual(pages, ["https://django.test:8000/", "https://django.test:8000/", "http://django.test:8000/"]);
});

test("the address that the browser is sent to is never another host", async () => {
  const { django } = setUp({ "/auth/refresh": rotation(1) });
  const response = await django.respond(asked("//evil.test/path", ONCE), ok);
  assert.equal(response.headers.get("Location"), `${PAGE}/evil.test/path`);
});

test("an access cookie alone, within the grace, counts for the rest of the request", async () => {
  const fresh = token(0, 900);
  const { api, django } = setUp({ "/auth/refresh": graced(fresh) });
  const response = await django.respond(asked("/", { cookies: "access_token=old; refresh_token=r0; theme=dark" }), async (visitor) => {
    await visitor.fetch("/api/notes/");
    assert.equal(visitor.headers.get("Cookie"), `refresh_token=r0; theme=dark; access_token=${fresh}`);
    assert.equal(visitor.headers.get("User-Agent"), "Browser/1");
    return ok();
  });
  assert.equal(response.status, 200);
  assert.equal(api.to("/api/notes/")[0].headers.get("Cookie"), `refresh_token=r0; theme=dark; access_token=${fresh}`);
  assert.deepEqual(response.headers.getSetCookie(), [cookie("access_token", fresh)]);
  assert.equal(response.headers.get("Cache-Control"), "no-store");
});

test("a session that has ended takes its cookies away, for this request and the browser", async () => {
  const { api, django } = setUp({ "/auth/refresh": ended });
  const response = await django.respond(asked("/", { cookies: "access_token=old; refresh_token=r0" }), async (visitor) => {
    assert.deepEqual(await visitor.me(), { signedIn: false, user: null, error: null });
    assert.equal(visitor.headers.get("Cookie"), null);
    return ok();
  });
  assert.equal(response.status, 200);
  assert.deepEqual(response.headers.getSetCookie(), [cleared("access_token"), cleared("refresh_token")]);
  assert.equal(api.calls.length, 1, "nobody is left to ask for");
});

function hang({ init: { signal } }) {
  const waiting = setInterval(() => {}, 1000); // a timeout alone does not keep node from ending
  return new Promise((_, reject) => signal.addEventListener("abort", () => {
    clearInterval(waiting);
    reject(signal.reason);
  }));
}
const refusing = (status) => () => Response.json({}, { status, ...setting(cleared("refresh_token")) });
for (const [what, answer] of [
  ["is refused", refusing(403)],
  ["is throttled", refusing(429)],
  ["meets a busy server", refusing(503)],
  ["finds no server", () => { throw new TypeError("fetch failed"); }],
  ["gets no answer in time", hang],
]) {
  test(`a refresh that ${what} clears nothing: who is signed in is not known`, async () => {
    const { django } = setUp({ "/auth/refresh": answer, "/auth/me": () => Response.json({}, { status: 401 }) }, { timeout: 20 });
    const response = await django.respond(asked("/", ONCE), async (visitor) => {
      assert.deepEqual(await visitor.me(), { signedIn: null, user: null, error: null });
      assert.equal(visitor.headers.get("Cookie"), ONCE.cookies);
      return ok();
    });
    assert.equal(await response.text(), "page");
    assert.deepEqual(response.headers.getSetCookie(), []);
  });
}

test("a refresh whose answer is no JSON sets its cookies all the same", async () => {
  const lines = [cookie("access_token", token(0, 900)), cookie("refresh_token", "r1")];
  const { django } = setUp({ "/auth/refresh": () => new Response("<p>Welcome", setting(...lines)) });
  assert.deepEqual((await django.respond(asked("/", ONCE), ok)).headers.getSetCookie(), lines);
});

test("six requests of one visitor at once make one refresh, and every browser request gets its cookies", async () => {
  const { api, django } = setUp({ "/auth/refresh": (_, count) => rotation(count)() });
  const answers = await Promise.all(Array.from({ length: 6 }, () => django.respond(asked("/", ONCE), ok)));
  assert.equal(api.calls.length, 1);
  for (const answer of answers) assert.match(answer.headers.getSetCookie()[1], /^refresh_token=r1;/);
});

test("two visitors at once make two refreshes, and one visitor later makes another", async () => {
  const { api, django } = setUp({ "/auth/refresh": (_, count) => rotation(count)() });
  const of = (name) => django.respond(asked("/", { cookies: `refresh_token=${name}` }), ok);
  const lines = (await Promise.all([of("a"), of("b")])).map((answer) => answer.headers.getSetCookie()[1].slice(0, 16));
  assert.deepEqual(lines, ["refresh_token=r1", "refresh_token=r2"]);
  await of("a");
  assert.equal(api.calls.length, 3);
});

test("a server whose clock is ahead refreshes once, not for ever", async () => {
  const { api, django } = setUp({ "/auth/refresh": () => {
    const access = token(-3600, -2700); // good by Django's clock
    return Response.json({ expires_in: 900 }, setting(cookie("access_token", access), cookie("refresh_token", "r1")));
  } });
  const first = await django.respond(asked("/", ONCE), ok);
  assert.equal(first.status, 307);
  const cookies = first.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
  assert.equal((await django.respond(asked("/", { cookies }), ok)).status, 200);
  assert.equal(api.calls.length, 1);
});

// --- signing in and out

test("what a call of the visitor's sets reaches the browser, and counts for the calls after it", async () => {
  const lines = [cookie("access_token", "a1"), cookie("refresh_token", "r1")];
  const { api, django } = setUp({ "/auth/login": () => Response.json({ user: ADA }, setting(...lines)) });
  const response = await django.respond(posted("/sign-in"), async (visitor) => {
    await visitor.fetch("/auth/login", { method: "POST", body: "{}" });
    await visitor.me();
    return Response.redirect(`${PAGE}/`, 303); // its headers cannot be changed
  });
  assert.equal(api.to("/auth/me")[0].headers.get("Cookie"), "access_token=a1; refresh_token=r1");
  assert.equal(response.status, 303);
  assert.equal(response.headers.get("Location"), `${PAGE}/`);
  assert.deepEqual(response.headers.getSetCookie(), lines);
});

test("an error of the answer goes to the framework", async () => {
  const { django } = setUp();
  await assert.rejects(django.respond(asked(), () => { throw new RangeError("mine"); }), RangeError);
});

// --- who is signed in

for (const [what, cookies, answer, expected, calls] of [
  ["nobody without a cookie, unasked", "theme=dark", null, { signedIn: false }, 0],
  ["the user", "access_token=a; refresh_token=r", () => Response.json(ADA), { signedIn: true, user: ADA }, 1],
  ["nobody, if the access cookie is all there was", "access_token=a", () => Response.json({}, { status: 401 }), { signedIn: false }, 1],
  ["not known, if nobody has refreshed", "access_token=a; refresh_token=r", () => Response.json({}, { status: 401 }), { signedIn: null }, 1],
]) {
  test(`me() tells ${what}`, async () => {
    const { api, django } = setUp({ "/auth/me": answer ?? (() => assert.fail()) });
    const found = await django.visitor(asked("/", { cookies })).me();
    assert.deepEqual(found, { user: null, error: null, ...expected });
    assert.equal(api.calls.length, calls);
  });
}

for (const [what, answer, says] of [
  ["that fails", () => new Response("<h1>Server Error", { status: 500 }), /django\.test:8000 answered 500/],
  ["that is down", () => { throw new TypeError("fetch failed"); }, /django\.test:8000 does not answer: TypeError: fetch failed/],
  ["that answers with something else", () => new Response("<p>Welcome"), /JSON/],
]) {
  test(`an API ${what} is told, and signs nobody out`, async () => {
    const { django } = setUp({ "/auth/me": answer });
    const { signedIn, user, error } = await django.visitor(asked("/", { cookies: "access_token=a" })).me();
    assert.deepEqual([signedIn, user], [null, null]);
    assert.match(error.message, says);
  });
}

test("a call to an API that is down says so, and keeps the cause", async () => {
  const cause = new TypeError("fetch failed");
  const { django } = setUp({ "/api/notes/": () => { throw cause; } });
  await assert.rejects(django.visitor(asked()).fetch("/api/notes/"), (error) => {
    assert.equal(error.name, "FastAuthServerError");
    assert.equal(error.cause, cause);
    return refused("api_unreachable")(error);
  });
});

test("a call that its caller gives up fails as fetch's does", async () => {
  const { django } = setUp({ "/slow": ({ init }) => { throw init.signal.reason; } });
  const signal = AbortSignal.abort(new RangeError("given up"));
  await assert.rejects(django.visitor(asked()).fetch("/slow", { signal }), RangeError);
});

test("without another one, calls go through the framework's own fetch", async () => {
  const own = mock.method(globalThis, "fetch", async () => Response.json({}));
  const django = createServerClient({ baseUrl: `${API}/auth` });
  await django.visitor(asked("/", { cookies: "access_token=a" })).me();
  assert.equal(own.mock.calls[0].arguments[0].href, `${API}/auth/me`);
  own.mock.restore();
});

// --- Django itself

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PYTHON = [process.env.PYTHON, join(ROOT, ".venv/bin/python"), "python3"].find((path) => path === "python3" || existsSync(path ?? ""));
const python = (...args) => execFileSync(PYTHON, args, { cwd: ROOT, env: environment, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
const directory = mkdtempSync(join(tmpdir(), "fastauth-server-"));
const environment = {
  ...process.env,
  PYTHONPATH: ROOT,
  DJANGO_SETTINGS_MODULE: "tests.browser.site.settings",
  TEST_USER_MODEL: "testapp.EmailUser",
  SITE_DATABASE: join(directory, "db.sqlite3"),
};
const PASSWORD = "correct horse battery 9";
const PROXIED = {
  DEFAULT_AUTHENTICATION_CLASSES: ["fastauth_django.authentication.CookieJWTAuthentication"],
  DEFAULT_PERMISSION_CLASSES: ["rest_framework.permissions.IsAuthenticated"],
  DEFAULT_RENDERER_CLASSES: ["rest_framework.renderers.JSONRenderer"],
  NUM_PROXIES: 1,
};

function lacking() {
  try {
    python("-c", "import corsheaders, rest_framework_simplejwt, fastauth_django");
    return false;
  } catch {
    if (process.env.FASTAUTH_REQUIRE_ALL === "1") throw new Error(`${PYTHON} has no Django with the app: set PYTHON`);
    return `${PYTHON} has no Django with the app: set PYTHON`;
  }
}

/** A browser as far as this matters: a jar, and what it says of the page that asks. */
class Browser {
  jar = new Map();

  request(path, { method = "GET", origin = PAGE, headers, ...init } = {}) {
    const site = origin === PAGE ? "same-origin" : origin.endsWith(".example.test") ? "same-site" : "cross-site";
    const sent = new Headers({ Host: "app.example.test", "User-Agent": "Browser/1", "X-Forwarded-For": "203.0.113.7", "Sec-Fetch-Site": site, ...headers });
    if (method !== "GET") sent.set("Origin", origin);
    if (this.jar.size) sent.set("Cookie", [...this.jar].map(([name, value]) => `${name}=${value}`).join("; "));
    return new Request(PAGE + path, { method, headers: sent, ...init });
  }

  store(response) {
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (/max-age=0/i.test(line)) this.jar.delete(name);
      else this.jar.set(name, value);
    }
    return response;
  }

  /** The access cookie runs out. */
  expire() {
    this.jar.delete("access_token");
  }
}

describe("with Django itself", { skip: lacking() }, () => {
  const servers = [];
  let number = 0;

  /** A server with these settings; all have one database. */
  async function serve(settings = {}) {
    const log = join(directory, `${servers.length}.log`);
    writeFileSync(log, "");
    const child = spawn(PYTHON, ["-m", "tests.browser.serve", log], {
      cwd: ROOT,
      env: { ...environment, SITE_SETTINGS: JSON.stringify({ REST_FRAMEWORK: PROXIED, ...settings }) },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const ended = once(child, "exit");
    const [port] = await once(createInterface({ input: child.stdout }), "line");
    const server = {
      baseUrl: `http://127.0.0.1:${port}/auth/`,
      seen: (path) => readFileSync(log, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line)).filter((each) => each.path === path),
      stop: () => (child.stdin.end(), ended),
    };
    servers.push(server);
    return server;
  }

  /** As if the last rotation had been a minute earlier: the grace is over. */
  const aMinuteLater = () => python("-c", `import sqlite3
database = sqlite3.connect("${environment.SITE_DATABASE}")
database.execute("UPDATE fastauth_django_authsession SET rotated_at = datetime(rotated_at, '-60 seconds')")
database.commit()`);

  const as = (django, browser, request, act = (visitor) => visitor.me().then((found) => Response.json(found))) =>
    django.respond(request, act).then((response) => browser.store(response));

  /** As a browser does: what is answered with 307 is asked for again. */
  async function visit(django, browser, act) {
    const response = await as(django, browser, browser.request("/"), act);
    return response.status === 307 ? as(django, browser, browser.request("/"), act) : response;
  }
  const found = async (response) => (await response.json()).signedIn;

  async function signUp(django, browser = new Browser()) {
    const body = JSON.stringify({ email: `person${(number += 1)}@example.test`, password: PASSWORD });
    const response = await as(django, browser, browser.request("/sign-up", { method: "POST" }), (visitor) =>
      visitor.fetch("/auth/register", { method: "POST", body, headers: { "Content-Type": "application/json" } })
        .then(({ status }) => new Response(null, { status })));
    assert.equal(response.status, 201);
    return browser;
  }
  const addNote = (django, incoming) => django.visitor(incoming).fetch("/notes", {
    method: "POST", body: JSON.stringify({ text: "hello" }), headers: { "Content-Type": "application/json" },
  });
  const notes = async (django, browser) => (await django.visitor(browser.request("/")).fetch("/notes")).json();

  let server;
  let django;
  before(async () => {
    python("-m", "django", "migrate", "--run-syncdb", "--verbosity=0");
    server = await serve();
    django = createServerClient(server);
  });
  after(async () => {
    await Promise.all(servers.map((each) => each.stop()));
    rmSync(directory, { recursive: true });
  });

  test("a visitor signs up, reads, acts, is refreshed and signs out, all by the framework's server", async () => {
    const browser = await signUp(django);
    assert.deepEqual([...browser.jar.keys()], ["access_token", "refresh_token"]);
    assert.equal((await addNote(django, browser.request("/", { method: "POST" }))).status, 201);
    assert.deepEqual(await notes(django, browser), ["hello"]);
    browser.expire();
    const before = browser.jar.get("refresh_token");
    assert.equal(await found(await visit(django, browser)), true);
    assert.notEqual(browser.jar.get("refresh_token"), before);
    await as(django, browser, browser.request("/sign-out", { method: "POST" }), (visitor) => visitor.fetch("/auth/logout", { method: "POST" }));
    assert.equal(browser.jar.size, 0);
    assert.equal(await found(await visit(django, browser)), false);
  });

  test("the session is the visitor's: of the visitor's address and browser, not of the framework's server", async () => {
    const browser = await signUp(django);
    const sessions = await (await django.visitor(browser.request("/")).fetch("/auth/sessions")).json();
    assert.deepEqual(sessions.map(({ ip_address, user_agent }) => [ip_address, user_agent]), [["203.0.113.7", "Browser/1"]]);
  });

  for (const origin of ["https://evil.test", "https://blog.example.test", "http://app.example.test:81", "null"]) {
    test(`what a page of ${origin} sends to the framework does not act`, async () => {
      const browser = await signUp(django);
      for (const form of [(request) => request, (request) => request.headers]) {
        const response = await addNote(django, form(browser.request("/", { method: "POST", origin })));
        assert.equal(response.status, 403);
        assert.equal((await response.json()).code, "csrf_failed");
      }
      const left = await as(django, browser, browser.request("/", { method: "POST", origin }), (visitor) => visitor.fetch("/auth/logout", { method: "POST" }));
      assert.equal(left.status, 403);
      assert.deepEqual(await notes(django, browser), []);
    });
  }

  test("who comes by a link from another site with an access token that has run out is signed in", async () => {
    const browser = await signUp(django);
    browser.expire();
    await as(django, browser, browser.request("/", { origin: "https://search.test" }));
    assert.equal(await found(await as(django, browser, browser.request("/"))), true);
  });

  test("six requests at once make one refresh", async () => {
    const browser = await signUp(django);
    browser.expire();
    const before = server.seen("/auth/refresh").length;
    const requests = Array.from({ length: 6 }, () => browser.request("/"));
    await Promise.all(requests.map((request) => as(django, browser, request)));
    assert.equal(server.seen("/auth/refresh").length, before + 1);
    aMinuteLater();
    browser.expire();
    assert.equal(await found(await visit(django, browser)), true);
  });

  for (const turn of ["first", "last"]) {
    test(`two processes that refresh at once sign nobody out, if the answer of the winner comes ${turn}`, async () => {
      const browser = await signUp(django);
      browser.expire();
      const processes = [createServerClient(server), createServerClient(server)];
      const answers = await Promise.all(processes.map((each) => each.respond(browser.request("/"), (visitor) => visitor.me().then(Response.json))));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 307]);
      answers.sort((one, other) => (turn === "last" ? one.status - other.status : other.status - one.status));
      answers.forEach((answer) => browser.store(answer));
      assert.equal(await found(await visit(django, browser)), true);
      aMinuteLater();
      browser.expire();
      assert.equal(await found(await visit(django, browser)), true);
    });
  }

  test("a page load that is broken off in the middle of a refresh signs nobody out", async () => {
    const browser = await signUp(django);
    browser.expire();
    await django.respond(browser.request("/"), (visitor) => visitor.me().then(Response.json)); // nobody stores this
    aMinuteLater();
    assert.equal(await found(await visit(django, browser)), true);
  });

  test("it would, had the framework's server used the new access token itself", async () => {
    const browser = await signUp(django);
    browser.expire();
    const gone = new Browser(); // the framework's server, as it were
    gone.jar = new Map(browser.jar);
    await visit(django, gone);
    aMinuteLater();
    assert.equal(await found(await visit(django, browser)), false);
    assert.equal(browser.jar.size, 0);
  });

  test("a browser that stores nothing is sent on once, not for ever", async () => {
    const browser = await signUp(django);
    browser.expire();
    const statuses = [];
    for (let turn = 0; turn < 3; turn += 1) {
      statuses.push((await django.respond(browser.request("/"), (visitor) => visitor.me().then(Response.json))).status);
    }
    assert.deepEqual(statuses, [307, 200, 200]);
  });

  test("a session that was ended elsewhere is over, and its cookies are cleared", async () => {
    const browser = await signUp(django);
    const other = new Browser();
    other.jar = new Map(browser.jar);
    await as(django, other, other.request("/", { method: "POST" }), (visitor) => visitor.fetch("/auth/sessions/all", { method: "DELETE" }));
    browser.expire();
    assert.equal(await found(await visit(django, browser)), false);
    assert.equal(browser.jar.size, 0);
  });

  test("a Django that was stopped is told as that, and the cookies stay", async () => {
    const short = await serve();
    const client = createServerClient(short);
    const browser = await signUp(client);
    await short.stop();
    servers.splice(servers.indexOf(short), 1);
    const { signedIn, error } = await (await visit(client, browser, async (visitor) => {
      const { signedIn, error } = await visitor.me();
      return Response.json({ signedIn, error: error.message });
    })).json();
    assert.equal(signedIn, null);
    assert.match(error, /^The API at http:\/\/127\.0\.0\.1:\d+ does not answer: TypeError: fetch failed/);
    browser.expire();
    await assert.rejects(visit(client, browser, (visitor) => visitor.fetch("/notes")), refused("api_unreachable"));
    assert.equal(browser.jar.has("refresh_token"), true);
    assert.equal(await found(await visit(django, browser)), true);
  });

  for (const secure of [false, true]) {
    test(`with Django's own CSRF token ${secure ? "over https " : ""}a refresh has it, and a change only if the page sent it`, async () => {
      const own = await serve({
        FASTAUTH: { CSRF_PROTECTION: "token" },
        CSRF_TRUSTED_ORIGINS: [PAGE],
        SECURE_PROXY_SSL_HEADER: ["HTTP_X_FORWARDED_PROTO", "https"],
      });
      const client = createServerClient(own);
      const headers = secure ? { "X-Forwarded-Proto": "https" } : {};
      const browser = await signUp(client);
      assert.equal(browser.jar.has("csrftoken"), true);
      browser.expire();
      assert.equal((await as(client, browser, browser.request("/", { headers }))).status, 307);
      assert.equal((await addNote(client, browser.request("/", { method: "POST", headers }))).status, 403);
      headers["X-CSRFToken"] = browser.jar.get("csrftoken");
      assert.equal((await addNote(client, browser.request("/", { method: "POST", headers }))).status, 201);
    });
  }
});
