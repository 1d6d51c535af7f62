import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ask } from "./auth";

interface Note {
  id: number;
  text: string;
}

export function Notes() {
  const queries = useQueryClient();
  const notes = useQuery({ queryKey: ["notes"], queryFn: () => ask<Note[]>("/api/notes/") });
  const add = useMutation({
    mutationFn: (text: string) => ask<Note>("/api/notes/", "POST", { text }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["notes"] }),
  });

  return (
    <>
      <form action={(form) => add.mutate(String(form.get("text")))}>
        <label>New note <input name="text" required /></label>
        <button>Add</button>
      </form>
      {(notes.error ?? add.error) && <p role="alert">{(notes.error ?? add.error)?.message}</p>}
      <ul>{notes.data?.map(({ id, text }) => <li key={id}>{text}</li>)}</ul>
    </>
  );
}
