import { useActionState } from "react";
import { auth } from "./auth";

export function SignIn() {
  const [failed, signIn, isPending] = useActionState(async (_: unknown, form: FormData) => {
    const [email, password] = [String(form.get("email")), String(form.get("password"))];
    return auth.signIn({ email, password }).then(() => null, ({ message }: Error) => ({ email, message }));
  }, null);

  return (
    <form action={signIn}>
      <h1>Sign in</h1>
      <label>
        Email <input name="email" type="email" autoComplete="username" required defaultValue={failed?.email} />
      </label>
      <label>Password <input name="password" type="password" autoComplete="current-password" required /></label>
      <button disabled={isPending}>Sign in</button>
      {failed && <p role="alert">{failed.message}</p>}
    </form>
  );
}
