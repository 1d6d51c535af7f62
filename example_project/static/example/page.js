/**
 * The page at /: one ES module on the client that fastauth_django ships, nothing to build.
 *
 * What is drawn follows one thing, `auth.onChange`: whoever signs in or out, here, in another tab or on another device.
 */

import { createClient, FastAuthError } from "../fastauth_django/fastauth.js";

const $ = (id) => document.getElementById(id);
const { api, auth: authUrl, binding } = document.body.dataset;
const auth = createClient({ baseUrl: authUrl, fetch: observed });

/** Why a session ended, by the server's word for it. */
const ENDINGS = {
  refresh_token_required: "Your browser sent no session cookie: it was cleared, or the browser did not store it.",
  session_revoked: "Your session was ended on another device. Sign in to go on.",
  password_changed: "The password of this account was changed. Sign in with the new one.",
  refresh_token_reused: "An old copy of your session was used, so it was ended to keep you safe. Sign in again.",
  token_expired: "You were away for a long time, and your session has run out. Sign in to go on.",
  user_inactive: "This account has been deactivated.",
  device_binding_required: "This browser cannot bind your session to the device, which this site requires.",
};

// --- what is shown ---------------------------------------------------------------------------------------------------

function show(id) {
  for (const section of ["loading", "welcome", "home"]) $(section).hidden = section !== id;
  $("account").hidden = $("refresh").hidden = id !== "home";
}

/** For those who listen to the page; the eye sees it anyway. */
function announce(text) {
  $("announcer").textContent = "";
  setTimeout(() => ($("announcer").textContent = text), 50); // a change is read out, a repetition is not
}

function notice(text, bad = false) {
  $("notice").textContent = text ?? "";
  $("notice").classList.toggle("bad", bad);
  $("notice").hidden = !text;
}

function showForm(id, focus = true) {
  for (const form of [$("sign-in"), $("sign-up")]) form.hidden = form.id !== id;
  if (focus) $(id).elements.email.focus();
}

/** What to tell a person about an error that belongs to no field. */
function inWords(error) {
  if (!(error instanceof FastAuthError)) return "The server cannot be reached. Check your connection and try again.";
  if (error.status === 429) return `Too many attempts. Try again in ${error.retryAfter ?? 60} seconds.`;
  if (error.status >= 500) return "The server has a problem. Try again in a moment.";
  return error.message;
}

let wasIn = false; // whether there was a session whose end is worth a word

auth.onChange(async ({ signedIn, user, reason, code, elsewhere }) => {
  tick();
  if (reason === "away") clear("loading"); // the browser may show this page again as it is left now
  if (signedIn === null) return;
  if (!signedIn) {
    leave(reason, code, elsewhere);
    wasIn = false;
    return;
  }
  wasIn = true;
  notice(null);
  user ??= await auth.me().catch(() => null); // who it is, if it was another tab
  if (!user || !auth.status.signedIn) return;
  const name = user.name || user.email;
  $("who").textContent = name;
  await Promise.all([drawNotes(), drawDevices()]).catch((error) => auth.status.signedIn && notice(inWords(error), true));
  if (!auth.status.signedIn) return; // it was the end of the session, and was told as that
  show("home");
  if (binding && reason === "signed-in") setTimeout(look, 2000); // by then the browser has made its key
  if (reason === "signed-in" && !elsewhere) $("notes-title").focus();
  announce(elsewhere ? `Signed in as ${name} in another tab.` : `Signed in as ${name}.`);
});

function clear(section) {
  show(section);
  $("who").textContent = "";
  $("notes").replaceChildren();
  $("devices").replaceChildren();
  for (const form of document.forms) form.reset();
}

function leave(reason, code, elsewhere) {
  clear("welcome");
  showForm("sign-in", wasIn && !elsewhere);
  if (reason === "nobody") notice(null);
  else if (reason === "signed-out") notice(elsewhere ? "You signed out in another tab." : "You are signed out.");
  else notice(ENDINGS[code] ?? "Your session has ended. Sign in to go on.", true);
}

// --- forms -----------------------------------------------------------------------------------------------------------

/** Puts each message under the field it belongs to and takes the focus to the first; the rest stands above the form. */
function showErrors(form, fields, rest = "") {
  let first = null;
  for (const input of form.querySelectorAll("input[id]")) {
    const place = $(`${input.id}-error`);
    const text = fields[input.name]?.join(" ") ?? "";
    place.textContent = text;
    place.hidden = !text;
    input.toggleAttribute("aria-invalid", false);
    const hint = $(`${input.id}-hint`)?.id ?? "";
    const described = [hint, text && place.id].filter(Boolean).join(" ");
    if (described) input.setAttribute("aria-describedby", described);
    else input.removeAttribute("aria-describedby");
    if (!text) continue;
    input.setAttribute("aria-invalid", "true");
    first ??= input;
  }
  const above = form.querySelector(".form-error");
  above.textContent = rest;
  above.hidden = !rest;
  first?.focus();
}

/** Which field an error without fields is about. */
function fieldsOf(form, error) {
  if (error.code === "invalid_credentials") return { password: ["This email and password do not belong together."] };
  if (error.code === "user_exists") return { email: ["There is an account with this email already. Sign in instead?"] };
  return Object.fromEntries(Object.entries(error.fields ?? {}).filter(([name]) => form.elements.namedItem(name)));
}

/** Runs `act` with the form's values when it is sent: once at a time, errors to their places. */
function onSubmit(form, act) {
  const button = form.querySelector("[type=submit]");
  const label = button.textContent;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    const missing = [...form.elements].filter((input) => input.name && !input.validity.valid);
    showErrors(form, Object.fromEntries(missing.map((input) => [input.name, [input.validationMessage]])));
    if (missing.length) return;
    // Not `disabled`: that would throw the focus away.
    button.setAttribute("aria-disabled", "true");
    button.textContent = button.dataset.busy;
    announce(button.dataset.busy);
    try {
      await act(form.elements);
    } catch (error) {
      announce(""); // the focus or the alert says it
      const fields = fieldsOf(form, error);
      showErrors(form, fields, Object.keys(fields).length ? "" : inWords(error));
    } finally {
      button.removeAttribute("aria-disabled");
      button.textContent = label;
    }
  });
}

onSubmit($("sign-in"), ({ email, password, remember }) =>
  auth.signIn({ email: email.value, password: password.value, remember: remember.checked }),
);

onSubmit($("sign-up"), ({ name, email, password }) =>
  auth.signUp({ name: name.value, email: email.value, password: password.value }),
);

onSubmit($("change-password"), async ({ current_password, new_password }) => {
  await auth.changePassword(current_password.value, new_password.value);
  $("change-password").reset();
  $("change-password").closest("details").open = false;
  await drawDevices();
  notice("Your password is changed, and every other device is signed out.");
});

onSubmit($("add-note"), async ({ text }) => {
  await call("/api/notes/", { method: "POST", body: JSON.stringify({ text: text.value }) });
  await drawNotes();
  $("add-note").reset();
  text.focus();
  announce("Note added.");
});

$("use-demo")?.addEventListener("click", () => {
  const { email, password } = $("sign-in").elements;
  [email.value, password.value] = [$("use-demo").dataset.email, $("use-demo").dataset.password];
  $("sign-in").requestSubmit();
});

for (const button of document.querySelectorAll("[data-show]")) {
  button.addEventListener("click", () => showForm(button.dataset.show));
}

/** Runs what a button does: once at a time, errors as a notice. */
function onClick(button, act) {
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    await act().catch((error) => notice(inWords(error), true));
    button.removeAttribute("aria-disabled");
  });
}

onClick($("sign-out"), () => auth.signOut());
onClick($("end-all"), () => new Promise((resolve, reject) => {
  $("sure").showModal();
  $("sure").onclose = () => ($("sure").returnValue === "yes" ? auth.sessions.endAll() : Promise.resolve()).then(resolve, reject);
}));
onClick($("end-others"), async () => {
  await auth.sessions.endAll({ keepCurrent: true });
  await drawDevices();
  $("devices-title").focus();
  announce("Every other device is signed out.");
});
onClick($("refresh"), () => auth.refresh());

// --- notes and devices -----------------------------------------------------------------------------------------------

/** The API, as the signed-in user: the body of a success, a FastAuthError for the rest. */
async function call(path, init = {}) {
  const response = await auth.fetch(api + path, { ...init, headers: { "Content-Type": "application/json" } });
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new FastAuthError(response, body);
  return body;
}

function fill(list, template, items, draw) {
  list.replaceChildren(
    ...items.map((item) => {
      const row = $(template).content.firstElementChild.cloneNode(true);
      draw(row, item);
      return row;
    }),
  );
}

/** Where the focus goes when a row is gone: to the next row's button, the one before, or where rows come from. */
function focusAfterRemoval(list, position, otherwise) {
  const buttons = list.querySelectorAll(".remove");
  (buttons[Math.min(position, buttons.length - 1)] ?? otherwise).focus();
}

async function drawNotes() {
  const notes = await call("/api/notes/");
  fill($("notes"), "note-template", notes, (row, note) => {
    row.querySelector(".text").textContent = note.text;
    const button = row.querySelector(".remove");
    button.setAttribute("aria-label", `Delete note: ${note.text}`);
    onClick(button, async () => {
      const position = [...$("notes").children].indexOf(row);
      await call(`/api/notes/${note.id}/`, { method: "DELETE" });
      await drawNotes();
      focusAfterRemoval($("notes"), position, $("add-note-text"));
      announce("Note deleted.");
    });
  });
  $("no-notes").hidden = notes.length > 0;
}

async function drawDevices() {
  const devices = await auth.sessions();
  devices.sort((one, other) => other.current - one.current);
  fill($("devices"), "device-template", devices, (row, device) => {
    const name = deviceName(device.user_agent);
    row.querySelector(".name").textContent = name;
    row.querySelector(".current").hidden = !device.current;
    row.querySelector(".bound").hidden = !device.device_bound;
    row.querySelector(".bound").textContent = device.current ? "bound to this device" : "bound to its device";
    const facts = [`used ${ago(device.last_used_at)}`, device.ip_address, `until ${day(device.expires_at)}`];
    row.querySelector(".meta").textContent = facts.filter(Boolean).join(" · ");
    const button = row.querySelector(".remove");
    button.hidden = device.current; // that is the button at the top of the page
    button.setAttribute("aria-label", `Sign out: ${name}, ${facts[0]}`);
    onClick(button, async () => {
      const position = [...$("devices").children].indexOf(row);
      await auth.sessions.end(device.id);
      await drawDevices();
      focusAfterRemoval($("devices"), position, $("devices-title"));
      announce(`${name} is signed out.`);
    });
  });
  $("end-others").hidden = devices.length < 2;
}

/** "Chrome on Linux": what a person recognises in a user agent. */
function deviceName(userAgent) {
  const first = (pairs) => pairs.find(([, pattern]) => pattern.test(userAgent))?.[0];
  const browser = first([
    ["Edge", /Edg\//], ["Opera", /OPR\//], ["Firefox", /Firefox\//], ["Chrome", /Chrome\//], ["Safari", /Safari\//],
    ["curl", /^curl\//],
  ]);
  const system = first([
    ["Android", /Android/], ["iPhone", /iPhone/], ["iPad", /iPad/], ["Windows", /Windows/], ["macOS", /Mac OS X/],
    ["Linux", /Linux/],
  ]);
  return [browser ?? (userAgent.split(/[\s/]/)[0] || "Unknown client"), system].filter(Boolean).join(" on ");
}

const day = (time) => new Date(time).toLocaleDateString(undefined, { dateStyle: "medium" });

function ago(time) {
  const minutes = Math.round((Date.now() - new Date(time)) / 60_000);
  if (minutes < 1) return "just now";
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (minutes < 60) return words.format(-minutes, "minute");
  return minutes < 60 * 24 ? words.format(-Math.round(minutes / 60), "hour") : words.format(-Math.round(minutes / 1440), "day");
}

// --- the live view ---------------------------------------------------------------------------------------------------

/** What the client sends goes through here, so that the view can show it. Only headers of the answer are looked at. */
async function observed(input, init) {
  const request = new Request(input, init);
  const { pathname } = new URL(request.url);
  const answer = fetch(request);
  answer.then(
    (response) => {
      log(request.method, pathname, response.status);
      learn(response.headers);
    },
    () => log(request.method, pathname, "failed"),
  );
  return answer;
}

const life = { end: 0, total: 0 }; // of the access token, in ms, when another answer than a refresh told it
let renewedAt = 0; // when the browser itself last got an access cookie, in ms
let renewed = ""; // and which one that was

function learn(headers) {
  const cookies = JSON.parse(headers.get("X-Demo-Set-Cookie") ?? "[]");
  if (cookies.length) {
    kept.cookies = cookies.map((cookie) => ({ ...cookie, at: Date.now() }));
    draw();
  }
  const left = Number(headers.get("X-Demo-Expires-In"));
  if (left > 0) life.end = Date.now() + left * 1000;
  const [seconds, which] = (headers.get("X-Demo-Renewed-At") ?? "").split(" ");
  const at = Number(seconds) * 1000;
  // An answer that is late tells of the cookie before.
  if (which && which !== renewed && at >= renewedAt) seeRenewal(at, which);
}

/** The browser renewed the cookie, with no line of script: no page sees the request, so the server tells of it. */
function seeRenewal(at, which) {
  log("POST", renewedAt ? "/auth/device/refresh by the browser" : "/auth/device/bind by the browser", 200, at);
  life.total = 0;
  renewedAt = at;
  renewed = which;
  drawDevices().catch((error) => notice(inWords(error), true));
}

/** What this view has seen, newest first. It survives a reload, with names and attributes alone. */
const kept = JSON.parse(sessionStorage.getItem("seen") ?? '{"requests": [], "cookies": []}');

const clock = (time = Date.now()) => new Date(time).toLocaleTimeString("en-GB");

function log(method, path, status, at = Date.now()) {
  kept.requests = [{ at, what: `${method} ${path}`, status }, ...kept.requests].slice(0, 20);
  draw();
}

function draw() {
  sessionStorage.setItem("seen", JSON.stringify(kept));
  fill($("cookies"), "cookie-template", kept.cookies, (row, { name, cleared, attributes, at }) => {
    row.querySelector(".name").textContent = name;
    row.querySelector(".fate").textContent = `${cleared ? "removed" : "set"} at ${clock(at)}`;
    const chips = attributes.split("; ").map((attribute) => {
      const chip = document.createElement("code");
      chip.textContent = attribute;
      return chip;
    });
    row.querySelector(".chips").replaceChildren(...chips);
  });
  $("no-cookies").hidden = kept.cookies.length > 0;
  fill($("requests"), "request-template", kept.requests, (row, { at, what, status }) => {
    row.querySelector("time").textContent = clock(at);
    row.querySelector(".what").textContent = what;
    row.querySelector(".status").textContent = status;
    row.querySelector(".status").className = `status ${status < 400 ? "ok" : "refused"}`;
  });
}

function tick() {
  const { signedIn, expiresAt, refreshedAt, refreshExpiresAt, deviceBound } = auth.status;
  $("fact-state").textContent = signedIn === null ? "not asked yet" : signedIn ? "signed in" : "signed out";
  if (!signedIn) {
    Object.assign(life, { end: 0, total: 0 });
    renewedAt = 0;
  }
  const end = (!deviceBound && expiresAt) || life.end;
  const left = Math.max(0, Math.round((end - Date.now()) / 1000));
  const known = signedIn && end;
  $("fact-expiry").textContent = !known ? (signedIn ? "life not known" : "none")
    : left ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} min left` : "has run out";
  life.total = known ? Math.max(life.total, end - Date.now()) : 0;
  $("life").hidden = !known;
  if (known) $("life").value = (end - Date.now()) / life.total;
  const refreshed = Math.max(refreshedAt, renewedAt);
  $("fact-refresh").textContent = refreshed ? `at ${clock(refreshed)}` : "none yet";
  $("fact-end").textContent = refreshExpiresAt ? `on ${day(refreshExpiresAt)}, if it is not refreshed`
    : signedIn ? "not known before a refresh" : "none";
  if (binding) $("fact-renewer").textContent = deviceBound ? "the browser" : "this page";
  const names = document.cookie.split("; ").map((pair) => pair.split("=")[0]).filter(Boolean);
  $("fact-visible").textContent = names.length ? names.join(", ") : "nothing";
}

setInterval(() => {
  tick();
  const hasRunOut = auth.status.deviceBound && life.end && life.end < Date.now();
  if (hasRunOut && document.visibilityState === "visible") look(); // any request will do: the browser renews it first
}, 1000);

// --- begin -----------------------------------------------------------------------------------------------------------

draw();
let looking = false;

/** Is somebody signed in? Asked at the start, and when the page is seen again: another device may have ended it. */
async function look() {
  if (looking) return;
  looking = true;
  try {
    await auth.me();
  } catch (error) {
    show(auth.status.signedIn ? "home" : "welcome");
    notice(inWords(error), true);
  }
  looking = false;
  tick();
}

document.addEventListener("visibilitychange", async () => {
  if (document.visibilityState === "hidden" || !auth.status.signedIn) return;
  await look();
  const inUse = $("devices").contains(document.activeElement); // a list that is drawn anew loses the focus
  if (auth.status.signedIn && !inUse) await drawDevices().catch((error) => notice(inWords(error), true));
});
look();
