/** The page of the small front ends beside this file: a person signs in, writes notes, and signs out. */

const MARKUP = `
  <p role="alert"></p>
  <form aria-label="Sign in" hidden>
    <label>Email <input name="email" type="email" autocomplete="username" required></label>
    <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
    <button>Sign in</button>
  </form>
  <main hidden>
    <form aria-label="New notes">
      <label>New notes, one a line <textarea name="texts"></textarea></label>
      <button>Add</button>
    </form>
    <ul></ul>
    <button id="sign-out">Sign out</button>
  </main>`;

/**
 * `api`: signIn(fields), signOut(), notes() and addNote(text), which reject where the server refuses, and
 * onSignedOut(listener). After a 401 that no refresh could mend the listener has been called.
 */
export async function show(api) {
  document.body.innerHTML = MARKUP;
  const [alert, main, list] = ["[role=alert]", "main", "ul"].map((selector) => document.querySelector(selector));
  const [entry, editor] = document.querySelectorAll("form");

  const draw = (notes) => {
    entry.hidden = notes !== null;
    main.hidden = notes === null;
    list.replaceChildren(...(notes ?? []).map(({ text }) => Object.assign(document.createElement("li"), { textContent: text })));
  };
  const load = async () => draw(await api.notes());
  const attempt = async (act) => {
    alert.textContent = "";
    await act().catch((error) => (alert.textContent = error.message));
  };
  const on = (target, type, act) => target.addEventListener(type, (event) => {
    event.preventDefault();
    attempt(act);
  });

  api.onSignedOut(() => draw(null));
  on(entry, "submit", async () => {
    await api.signIn(Object.fromEntries(new FormData(entry)));
    entry.reset();
    await load();
  });
  on(editor, "submit", async () => {
    const texts = new FormData(editor).get("texts").split("\n").filter(Boolean);
    await Promise.all(texts.map((text) => api.addNote(text))); // all at once
    editor.reset();
    await load();
  });
  on(document.querySelector("#sign-out"), "click", async () => {
    await api.signOut();
    draw(null);
  });
  await attempt(load); // somebody may be signed in from before
}
