"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { useEffect } from "react";

import { auth } from "@/lib/auth";

export function Account({ signedIn }: { signedIn: boolean | null }) {
  const router = useRouter();

  useEffect(() => {
    const stop = auth.onChange(() => router.refresh()); // in this tab or another: let the server render it
    if (!signedIn) auth.me().catch(console.error); // is there somebody whom the server did not see?
    return stop;
  }, [router, signedIn]);

  return signedIn ? <button onClick={() => auth.signOut()}>Sign out</button> : <Link href="/sign-in">Sign in</Link>;
}
