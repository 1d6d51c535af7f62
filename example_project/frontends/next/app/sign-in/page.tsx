"use client";

import { useRouter } from "next/navigation";
import { useState } from "react";

import { auth } from "@/lib/auth";

export default function SignIn() {
  const router = useRouter();
  const [error, setError] = useState("");

  const enter = (act: typeof auth.signIn) => async (form: FormData) => {
    try {
      await act({ email: String(form.get("email")), password: String(form.get("password")) });
      router.replace("/");
    } catch (error) {
      setError((error as Error).message);
    }
  };

  return (
    <form>
      <input name="email" type="email" aria-label="Email" required />
      <input name="password" type="password" aria-label="Password" required />
      <button formAction={enter(auth.signIn)}>Sign in</button>
      <button formAction={enter(auth.signUp)}>Sign up</button>
      {error && <p role="alert">{error}</p>}
    </form>
  );
}
