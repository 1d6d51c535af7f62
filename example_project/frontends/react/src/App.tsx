import { useAuth } from "fastauth-django-client/react";
import { auth } from "./auth";
import { Notes } from "./Notes";
import { SignIn } from "./SignIn";

export function App() {
  const { signedIn, user, reason } = useAuth(auth);

  if (reason === "unreachable") return <p role="alert">The server cannot be reached.</p>;
  if (signedIn === null) return <p>Looking whether you are signed in</p>;
  if (!signedIn) return <SignIn />;
  return (
    <>
      <header>
        {user?.email} <button onClick={() => auth.signOut()}>Sign out</button>
      </header>
      <Notes />
    </>
  );
}
