import { useAuth } from "fastauth-django-client/react";
import { useState } from "react";
import { auth } from "./auth";
import { Notes } from "./Notes";
import { SignIn } from "./SignIn";

export function App() {
  const { signedIn, user, reason } = useAuth(auth);
  const [error, setError] = useState<string | null>(null);
  const signOut = () => auth.signOut().catch(() => setError("You are still signed in. Try again."));

  if (reason === "unreachable") return <p role="alert">The server cannot be reached.</p>;
  if (signedIn === null) return <p>Looking whether you are signed in</p>;
  if (!signedIn) return <SignIn />;
  return (
    <>
      <header>
        {user?.email} <button onClick={signOut}>Sign out</button>
        {error && <p role="alert">{error}</p>}
      </header>
      <Notes />
    </>
  );
}
