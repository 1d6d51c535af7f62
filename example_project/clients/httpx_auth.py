"""Signs a Python program in at a site with fastauth_django (JSON delivery) and keeps it signed in. Needs httpx alone.

auth = TokenAuth("https://example.com/auth/", lambda: {"email": "…", "password": read_password()})
with httpx.Client(auth=auth) as client:  # or httpx.AsyncClient
    client.get("https://example.com/api/notes/")
"""

import threading
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, NotRequired, TypedDict

import anyio
import httpx


class Tokens(TypedDict):
    """What is worth keeping of an answer: nothing else of it opens or renews anything."""

    access_token: NotRequired[str]
    refresh_token: str


class SignedOut(Exception):
    """The session is over, and nobody is there to sign in again. ``code`` is the server's word for why."""

    def __init__(self, code: str) -> None:
        super().__init__(f"Signed out: {code}")
        self.code = code


class TokenAuth(httpx.Auth):
    """``Authorization: Bearer`` for the origin of ``base_url``, and for no other.

    A request that is refused (401) is sent once more, with new tokens: by a refresh, or where the session is over by
    signing in again. Threads share one object, and so do the tasks of an event loop: one of them gets the new tokens,
    the others wait for it.

    ``base_url`` is where the project includes ``fastauth_django.urls``. ``sign_in`` returns the fields of
    ``POST login``, and is called when they are needed. Without it there have to be ``tokens`` of a former run.
    ``save`` stores tokens where nobody else can read them; ``None`` says that there are none any more. ``options`` are
    those of ``httpx.Client`` for signing in and refreshing (``verify``, ``timeout``, ``proxy`` …).

    Requests raise :class:`SignedOut` if nothing signs in, or if the site refuses ``sign_in``'s fields, which are not
    tried again until they differ. If the site cannot be reached or is busy, they raise what httpx raises: the tokens
    are kept, and the next request tries again.
    """

    def __init__(
        self,
        base_url: str,
        sign_in: Callable[[], dict[str, Any]] | None = None,
        *,
        tokens: Tokens | None = None,
        save: Callable[[Tokens | None], None] = lambda tokens: None,
        **options: Any,
    ) -> None:
        self.base_url = httpx.URL(base_url.rstrip("/") + "/")
        self.sign_in, self.tokens, self.save = sign_in, tokens, save
        # A redirect of these requests would take a password or a refresh token along, so none is followed, whatever the
        # program's own client does.
        self.options = {**options, "follow_redirects": False}
        self.lock, self.async_lock = threading.Lock(), anyio.Lock()
        self.code = "not_authenticated"  # why there are no tokens
        self.refused: dict[str, Any] | None = None  # the fields of the last sign-in, if they were wrong

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if not self._is_for_us(request):
            yield request
            return
        request.read()  # to send it a second time
        if not self._add_token(request):
            self._renew(None)
            self._add_token(request)
        sent = request.headers["Authorization"]
        response = yield request
        if self._is_refused(response):
            self._renew(sent)
            self._add_token(request)
            yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        if not self._is_for_us(request):
            yield request
            return
        await request.aread()
        if not self._add_token(request):
            await self._async_renew(None)
            self._add_token(request)
        sent = request.headers["Authorization"]
        response = yield request
        if self._is_refused(response):
            await self._async_renew(sent)
            self._add_token(request)
            yield request

    def _is_for_us(self, request: httpx.Request) -> bool:
        return self._is_ours(request.url) and "Authorization" not in request.headers

    def _is_refused(self, response: httpx.Response) -> bool:
        """After redirects, which a client may follow, another site may have answered."""
        return response.status_code == 401 and self._is_ours(response.url)

    def _is_ours(self, url: httpx.URL) -> bool:
        return (url.scheme, url.host, url.port) == (self.base_url.scheme, self.base_url.host, self.base_url.port)

    @property
    def _header(self) -> str | None:
        return f"Bearer {self.tokens['access_token']}" if self.tokens and "access_token" in self.tokens else None

    def _add_token(self, request: httpx.Request) -> bool:
        if self._header is None:
            return False
        request.headers["Authorization"] = self._header
        return True

    def _renew(self, spent: str | None) -> None:
        with self.lock, httpx.Client(**self.options) as client:
            steps = self._steps(spent)
            answer = None
            while (request := _next(steps, answer)) is not None:
                answer = client.send(request)

    async def _async_renew(self, spent: str | None) -> None:
        async with self.async_lock, httpx.AsyncClient(**self.options) as client:
            steps = self._steps(spent)
            answer = None
            while (request := _next(steps, answer)) is not None:
                answer = await client.send(request)

    def _steps(self, spent: str | None) -> Generator[httpx.Request, httpx.Response, None]:
        """The requests that lead to another header than ``spent``."""
        if self._header not in {None, spent}:
            return  # Whoever held the lock before was refused too, and has got new tokens.
        if self.tokens:
            answer = yield self._post("refresh", {"refresh_token": self.tokens["refresh_token"]})
            if answer.status_code != 401:
                self._keep(answer)
                return
            self.code = _code_of(answer)
            self.save(None)
            self.tokens = None
        fields = self.sign_in() if self.sign_in else None
        if fields is None or fields == self.refused:
            raise SignedOut(self.code)
        answer = yield self._post("login", fields)
        if answer.status_code == 401:
            self.code, self.refused = _code_of(answer), fields
            raise SignedOut(self.code)
        self._keep(answer)

    def _post(self, route: str, data: dict[str, Any]) -> httpx.Request:
        return httpx.Request("POST", self.base_url.join(route), json=data, headers={"Accept": "application/json"})

    def _keep(self, answer: httpx.Response) -> None:
        """Store first, use then. If an answer is lost on its way to the disk, the site gives another for the same
        refresh token, as long as nobody has used what it gave before."""
        pair = _json_of(answer.raise_for_status())
        if not {"access_token", "refresh_token"} <= pair.keys():
            raise RuntimeError(f"{answer.url} gave no tokens. Is TOKEN_DELIVERY of the site 'json'?")
        tokens = Tokens(access_token=pair["access_token"], refresh_token=pair["refresh_token"])
        self.save(tokens)
        self.tokens = tokens


def _next(steps: Generator[httpx.Request, httpx.Response, None], answer: httpx.Response | None) -> httpx.Request | None:
    try:
        return next(steps) if answer is None else steps.send(answer)
    except StopIteration:
        return None


def _code_of(answer: httpx.Response) -> str:
    return str(_json_of(answer).get("code", answer.status_code))


def _json_of(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:  # the page of a proxy, or of a hotel's network
        return {}
    return body if isinstance(body, dict) else {}
