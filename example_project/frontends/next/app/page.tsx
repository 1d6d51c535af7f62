import { headers } from "next/headers";

import { django } from "@/lib/django";
import { Account } from "./account";
import { addNote } from "./actions";

type Note = { id: number; text: string };

export default async function Page() {
  const visitor = django.visitor(await headers());
  const { signedIn, user, error } = await visitor.me();
  const answer = signedIn ? await visitor.fetch("/api/notes/") : null;
  const notes: Note[] = answer?.ok ? await answer.json() : [];
  return (
    <main>
      <h1>{signedIn ? `Notes of ${user.email}` : "Notes"}</h1>
      {(error || answer?.ok === false) && <p role="alert">The server does not answer just now.</p>}
      <Account signedIn={signedIn} />
      {signedIn && (
        <form action={addNote}>
          <input name="text" aria-label="New note" required />
          <button>Add</button>
        </form>
      )}
      <ul>
        {notes.map(({ id, text }) => (
          <li key={id}>{text}</li>
        ))}
      </ul>
    </main>
  );
}
