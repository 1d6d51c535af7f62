import { useActionState } from "react";
import { auth } from "./auth";

export function SignIn() {
  const [error, signIn, isPending] = useActionState(async (_: string | null, form: FormData) => {
    const [email, password] = [String(form.get("email")), String(form.get("password"))];
    return auth.signIn({ email, password }).then(() => null, (error: Error) => error.message);
  }, null);

  return (
    <form action={signIn}>
      <h1>Sign in</h1>
      <label>Email <input name="email" type="email" autoComplete="username" required /></label>
      <label>Password <input name="password" type="password" autoComplete="current-password" required /></label>
      <button disabled={isPending}>Sign in</button>
      {error && <p role="alert">{error}</p>}
    </form>
  );
}
