"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";

import { auth } from "@/lib/auth";

export function Account({ signedIn }: { signedIn: boolean | null }) {
  const router = useRouter();
  const [error, setError] = useState<string | null>(null);

  useEffect(() => {
    const stop = auth.onChange(() => router.refresh()); // in this tab or another: let the server render it
    if (!signedIn) auth.me().catch(console.error); // is there somebody whom the server did not see?
    return stop;
  }, [router, signedIn]);

  if (!signedIn) return <Link href="/sign-in">Sign in</Link>;
  const signOut = () => auth.signOut().catch(() => setError("You are still signed in. Try again."));
  return (
    <>
      <button onClick={signOut}>Sign out</button>
      {error && <p role="alert">{error}</p>}
    </>
  );
}
