/** example_project/clients/session.ts against the example project: started by test_phone.py, which says where both are. */

import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { test } from "node:test";

const { ORIGIN, MODULE, SECRET_KEY } = process.env;
const { Refused, Session } = await import(MODULE);

/** A phone: what its Keychain holds, what it sent, and who was told. `phone.network` may lose an answer. */
function makePhone(origin = ORIGIN) {
  const phone = {
    kept: null,
    written: [],
    sent: [],
    told: [],
    network: async (answer) => answer,
    store: {
      get: async () => phone.kept,
      set: async (value) => {
        phone.written.push(value);
        phone.kept = value;
      },
      delete: async () => (phone.kept = null),
    },
    count: (path) => phone.sent.filter((sent) => sent === `${origin}${path}`).length,
    tokens: () => JSON.parse(phone.kept),
    letRunOut() {
      const tokens = phone.tokens();
      phone.kept = JSON.stringify({ ...tokens, access_token: runOut(tokens.access_token) });
    },
    /** The same phone, another process: an extension of the app, or the app after a restart. */
    start: () => new Session(origin, phone.store, (code) => phone.told.push(code), "/auth/", async (url, init) => {
      phone.sent.push(url);
      return phone.network(await fetch(url, init), url);
    }),
  };
  return phone;
}

/** The same token, a minute after its time. */
function runOut(token) {
  const [header, payload] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  const signed = `${header}.${Buffer.from(JSON.stringify({ ...claims, exp: claims.iat - 60 })).toString("base64url")}`;
  return `${signed}.${createHmac("sha256", SECRET_KEY).update(signed).digest("base64url")}`;
}

async function signUp() {
  const fields = { email: `${randomUUID()}@example.com`, password: "correct horse battery 9" };
  const answer = await post("/auth/register", fields);
  assert.equal(answer.status, 201);
  return fields;
}

const post = (path, data) =>
  fetch(ORIGIN + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(data) });

/** Somebody's phone, signed in. */
async function signedIn() {
  const fields = await signUp();
  const phone = makePhone();
  const session = phone.start();
  await session.signIn(fields);
  return { phone, session, fields };
}

/** From another device, as the list of devices has it. */
async function endAllSessions(fields) {
  const { access_token } = await (await post("/auth/login", fields)).json();
  await fetch(`${ORIGIN}/auth/sessions/all`, { method: "DELETE", headers: { Authorization: `Bearer ${access_token}` } });
}

const textsOf = async (session) => (await (await session.fetch("/api/notes/")).json()).map((note) => note.text);
const newNote = (text) =>
  ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ text }) });

test("a person signs in, and is signed in after a restart of the app", async () => {
  const fields = await signUp();
  const phone = makePhone();
  const session = phone.start();
  assert.equal(await session.isSignedIn(), false);
  assert.equal((await session.fetch("/api/notes/")).status, 401);
  assert.equal((await session.signIn(fields)).email, fields.email);
  assert.deepEqual(Object.keys(phone.tokens()), ["access_token", "refresh_token"]);
  const again = phone.start();
  assert.equal(await again.isSignedIn(), true);
  assert.equal((await again.fetch("/api/notes/")).status, 200);
  assert.equal(phone.count("/auth/refresh"), 0);
});

test("a wrong password is told", async () => {
  const phone = makePhone();
  const wrong = phone.start().signIn({ ...(await signUp()), password: "wrong" });
  await assert.rejects(wrong, (error) => error instanceof Refused && error.code === "invalid_credentials");
  assert.equal(phone.kept, null);
});

test("a token that ran out is renewed, and the request happens once", async () => {
  const { phone, session } = await signedIn();
  phone.letRunOut();
  assert.equal((await session.fetch("/api/notes/", newNote("once"))).status, 201);
  assert.deepEqual(await textsOf(session), ["once"]);
  assert.equal(phone.count("/auth/refresh"), 1);
});

test("six requests at once refresh once", async () => {
  const { phone, session } = await signedIn();
  phone.letRunOut();
  const answers = await Promise.all(Array.from({ length: 6 }, () => session.fetch("/api/notes/")));
  assert.deepEqual(answers.map((answer) => answer.status), Array(6).fill(200));
  assert.equal(phone.count("/auth/refresh"), 1);
});

test("two processes that share the Keychain stay signed in", async () => {
  const { phone, session } = await signedIn();
  phone.letRunOut();
  const extension = phone.start();
  const answers = await Promise.all([session, extension].map((one) => one.fetch("/api/notes/")));
  assert.deepEqual(answers.map((answer) => answer.status), [200, 200]);
  phone.letRunOut();
  assert.equal((await extension.fetch("/api/notes/")).status, 200);
  assert.equal((await session.fetch("/api/notes/")).status, 200);
  assert.deepEqual(phone.told, []);
});

test("an answer that is lost on the way signs nobody out", async () => {
  const { phone, session } = await signedIn();
  phone.letRunOut();
  const before = phone.kept;
  phone.network = async (answer, url) => {
    if (!url.endsWith("/auth/refresh")) return answer;
    await answer.text(); // the server has rotated
    throw new TypeError("Network request failed");
  };
  await assert.rejects(session.fetch("/api/notes/"), TypeError);
  await assert.rejects(session.fetch("/api/notes/"), TypeError);
  assert.equal(phone.kept, before);
  phone.network = async (answer) => answer;
  assert.equal((await phone.start().fetch("/api/notes/")).status, 200);
  assert.equal(phone.count("/auth/refresh"), 3);
  assert.deepEqual(phone.told, []);
});

test("tokens are stored before they are used", async () => {
  const { phone, session } = await signedIn();
  phone.letRunOut();
  const { set } = phone.store;
  phone.store.set = async () => {
    throw new Error("The device is locked");
  };
  const requests = phone.count("/api/notes/");
  await assert.rejects(session.fetch("/api/notes/"), /locked/);
  assert.equal(phone.count("/api/notes/"), requests + 1);
  phone.store.set = set;
  assert.equal((await session.fetch("/api/notes/")).status, 200);
});

test("the end of a session is told once, and the tokens go", async () => {
  const { phone, session, fields } = await signedIn();
  await endAllSessions(fields);
  const answers = await Promise.all([session.fetch("/api/notes/"), session.fetch("/api/notes/")]);
  assert.deepEqual(answers.map((answer) => answer.status), [401, 401]);
  assert.deepEqual(phone.told, ["session_revoked"]);
  assert.equal(phone.kept, null);
  await session.signIn(fields);
  assert.equal((await session.fetch("/api/notes/")).status, 200);
});

test("a stolen copy ends the session, and both are told", async () => {
  const { phone, session } = await signedIn();
  const thief = makePhone();
  thief.kept = phone.kept;
  for (let turn = 0; turn < 2; turn += 1) {
    phone.letRunOut();
    await session.fetch("/api/notes/");
  }
  thief.letRunOut();
  assert.equal((await thief.start().fetch("/api/notes/")).status, 401);
  assert.deepEqual(thief.told, ["refresh_token_reused"]);
  assert.equal((await session.fetch("/api/notes/")).status, 401);
  assert.deepEqual(phone.told, ["session_revoked"]);
});

test("signing out ends the session on the server", async () => {
  const { phone, session } = await signedIn();
  const copy = phone.kept;
  await session.signOut();
  assert.equal(phone.kept, null);
  assert.deepEqual(phone.told, []);
  const thief = makePhone();
  thief.kept = copy;
  await thief.start().fetch("/api/notes/");
  assert.deepEqual(thief.told, ["session_revoked"]);
});

test("signing in over a session ends it", async () => {
  const { phone, session, fields } = await signedIn();
  const former = makePhone();
  former.kept = phone.kept;
  await session.signIn(fields);
  await former.start().fetch("/api/notes/");
  assert.deepEqual(former.told, ["session_revoked"]);
  assert.equal((await session.fetch("/api/notes/")).status, 200);
});

test("a sign-out while a refresh is on its way is the last word", async () => {
  const { phone, session } = await signedIn();
  phone.letRunOut();
  const refreshed = session.fetch("/api/notes/");
  let signedOut;
  phone.network = async (answer, url) => {
    if (url.endsWith("/auth/refresh")) signedOut = session.signOut();
    return answer;
  };
  await refreshed;
  await signedOut;
  assert.equal(phone.kept, null);
  assert.equal((await session.fetch("/api/notes/")).status, 401);
});

test("without a network nobody is signed out, neither by chance nor by wish", async () => {
  const { phone, session } = await signedIn();
  phone.network = async () => {
    throw new TypeError("Network request failed");
  };
  const before = phone.kept;
  await assert.rejects(session.fetch("/api/notes/"), TypeError);
  await assert.rejects(session.signOut(), TypeError);
  assert.equal(phone.kept, before);
});

/** A host that answers as it is told, and writes down what reaches it. */
async function makeHost(answers) {
  const host = { seen: [] };
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    host.seen.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)} ${body}`);
    const [status, headers, text] = answers[request.url] ?? [200, {}, "[]"];
    response.writeHead(status, headers).end(text);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  host.origin = `http://127.0.0.1:${server.address().port}`;
  server.unref(); // a test that fails must not wait for it
  return host;
}

for (const status of [302, 307, 308]) {
  test(`a redirect (${status}) takes no token and no password to another host`, async () => {
    const other = await makeHost({});
    const away = [status, { Location: `${other.origin}/` }, ""];
    const site = await makeHost({ "/api/notes/": [401, {}, ""], "/away": away, "/auth/refresh": away, "/auth/login": away });
    const phone = makePhone(site.origin);
    phone.kept = '{"access_token": "an-access-token", "refresh_token": "a-refresh-token"}';
    const before = phone.kept;
    const session = phone.start();
    await assert.rejects(session.fetch("/away"), TypeError);
    await assert.rejects(session.fetch("/api/notes/"), TypeError);
    assert.equal(phone.kept, before);
    phone.kept = null;
    await assert.rejects(session.signIn({ password: "a password" }), TypeError);
    assert.match(site.seen.join(), /an-access-token.*a-refresh-token.*a password/s);
    assert.deepEqual(other.seen, []);
  });
}

test("no path leads to another host", async () => {
  const { session, phone } = await signedIn();
  const before = phone.sent.length;
  for (const path of ["@evil.test/", ".evil.test/", "https://evil.test/", ":1/", ""]) {
    await assert.rejects(session.fetch(path), TypeError);
  }
  assert.equal(phone.sent.length, before);
  for (const path of ["//evil.test/", "/\\evil.test/", "/@evil.test/"]) await session.fetch(path);
  assert.deepEqual(phone.sent.slice(before).filter((url) => new URL(url).origin !== ORIGIN), []);
});

for (const [what, answer] of [
  ["a busy site", [503, {}, "<h1>Busy</h1>"]],
  ["too many requests", [429, { "Retry-After": "5" }, "{}"]],
  ["a refused origin", [403, {}, "{}"]],
  ["a hotel's login page", [200, {}, "<h1>Welcome</h1>"]],
  ["half an answer", [200, {}, '{"access_token": "half"}']],
]) {
  test(`${what} costs no tokens`, async () => {
    const site = await makeHost({ "/api/notes/": [401, {}, ""], "/auth/refresh": answer });
    const phone = makePhone(site.origin);
    phone.kept = '{"access_token": "an-access-token", "refresh_token": "a-refresh-token"}';
    const before = phone.kept;
    await assert.rejects(phone.start().fetch("/api/notes/"));
    assert.equal(phone.kept, before);
    assert.deepEqual(phone.told, []);
  });
}
