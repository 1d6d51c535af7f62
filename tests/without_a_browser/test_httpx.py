"""A program in Python, signed in by example_project/clients/httpx_auth.py: in threads, and in an event loop."""

import asyncio
import runpy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.browser.servers import ROOT
from tests.factories import PASSWORD
from tests.missing import need
from tests.without_a_browser.conftest import Person, run_out
from tests.without_a_browser.strangers import Answer, Stranger

need("httpx")
import httpx  # noqa: E402

pytestmark = pytest.mark.slow

FILE = ROOT / "example_project/clients/httpx_auth.py"
CODE = runpy.run_path(str(FILE))
TokenAuth, SignedOut = CODE["TokenAuth"], CODE["SignedOut"]


def in_threads(auth, requests, **options):
    with httpx.Client(auth=auth, **options) as client, ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(lambda request: client.request(**request), requests))


def in_tasks(auth, requests, **options):
    async def run():
        async with httpx.AsyncClient(auth=auth, **options) as client:
            return await asyncio.gather(*(client.request(**request) for request in requests))

    return asyncio.run(run())


@pytest.fixture(params=[in_threads, in_tasks], ids=lambda run: run.__name__)
def send_all(request):
    return request.param


@pytest.fixture
def send(send_all, person):
    """``send(auth, "/api/notes/")``: the answer to one request."""

    def send(auth, path, method="GET", json=None, origin=person.origin, **options):
        [answer] = send_all(auth, [{"method": method, "url": origin + path, "json": json}], **options)
        return answer

    return send


class Kept(list):
    """What a program stored, and when: in the order in which it happened."""

    def __call__(self, tokens):
        self.append(tokens)


@pytest.fixture
def kept():
    return Kept()


@pytest.fixture
def auth(person, kept):
    """A program that can sign in by itself, and has done nothing yet."""
    return TokenAuth(f"{person.origin}/auth/", lambda: person.fields, save=kept)


@pytest.fixture
def signed_in(person, kept):
    """A program that somebody signed in, and that has no password."""
    return TokenAuth(f"{person.origin}/auth", tokens=tokens_of(person.sign_in()), save=kept)


def tokens_of(pair):
    return {name: pair[name] for name in ("access_token", "refresh_token")}


def let_run_out(auth):
    auth.tokens = {**auth.tokens, "access_token": run_out(auth.tokens["access_token"])}


def test_it_signs_in_when_a_request_needs_it(auth, send, person, kept):
    assert person.count("login") == 0
    assert send(auth, "/api/notes/").status_code == 200
    assert send(auth, "/api/notes/").status_code == 200
    assert person.count("login") == 1
    assert kept == [auth.tokens]


def test_a_token_that_ran_out_is_renewed_and_the_request_happens_once(auth, send, person):
    send(auth, "/api/notes/")
    let_run_out(auth)
    assert send(auth, "/api/notes/", "POST", {"text": "once"}).status_code == 201
    assert person.notes() == ["once"]
    assert (person.count("login"), person.count("refresh")) == (1, 1)


def test_a_body_that_can_be_read_once_is_sent_twice(signed_in, send_all, person):
    parts = [b'{"text": ', b'"in two parts"}']

    async def read_in_tasks():
        for part in parts:
            yield part

    body = iter(parts) if send_all is in_threads else read_in_tasks()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(b"".join(parts)))}
    let_run_out(signed_in)
    request = {"method": "POST", "url": f"{person.origin}/api/notes/", "content": body, "headers": headers}
    [answer] = send_all(signed_in, [request])
    assert answer.status_code == 201
    assert person.notes() == ["in two parts"]


def test_six_requests_at_once_refresh_once(auth, send, send_all, person):
    send(auth, "/api/notes/")
    let_run_out(auth)
    person.site.hold("/api/notes/", 6)  # so that all six are refused
    answers = send_all(auth, [{"method": "GET", "url": f"{person.origin}/api/notes/"}] * 6)
    assert {answer.status_code for answer in answers} == {200}
    assert len(person.site.seen("/api/notes/")) == 1 + 6 + 6
    assert person.count("refresh") == 1


def test_six_requests_at_once_sign_in_once(auth, send_all, person):
    answers = send_all(auth, [{"method": "GET", "url": f"{person.origin}/api/notes/"}] * 6)
    assert {answer.status_code for answer in answers} == {200}
    assert person.count("login") == 1


def test_a_program_that_was_started_again_goes_on_without_a_password(signed_in, send, person, kept):
    let_run_out(signed_in)
    send(signed_in, "/api/notes/")
    again = TokenAuth(f"{person.origin}/auth/", tokens=kept[-1])
    assert send(again, "/api/notes/").status_code == 200
    only_refresh = TokenAuth(f"{person.origin}/auth/", tokens={"refresh_token": kept[-1]["refresh_token"]})
    assert send(only_refresh, "/api/notes/").status_code == 200
    assert person.count("login") == 1  # the fixture's


class Tunnel:
    """The train enters it once, when the site has answered."""

    lost = 0

    def lose(self):
        if not self.lost:
            self.lost += 1
            raise httpx.ReadError("The network is gone")


class InThreads(Tunnel, httpx.HTTPTransport):
    def handle_request(self, request):
        answer = super().handle_request(request)
        answer.read()
        self.lose()
        return answer


class InTasks(Tunnel, httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request):
        answer = await super().handle_async_request(request)
        await answer.aread()
        self.lose()
        return answer


def test_an_answer_that_is_lost_on_the_way_signs_nobody_out(person, send, send_all, kept):
    tunnel = {in_threads: InThreads, in_tasks: InTasks}[send_all]()
    auth = TokenAuth(f"{person.origin}/auth/", tokens=tokens_of(person.sign_in()), save=kept, transport=tunnel)
    let_run_out(auth)
    before = auth.tokens
    with pytest.raises(httpx.ReadError):
        send(auth, "/api/notes/")
    assert (auth.tokens, kept, person.count("refresh")) == (before, [], 1)
    assert send(auth, "/api/notes/").status_code == 200
    assert (tunnel.lost, person.count("refresh"), person.count("login")) == (1, 2, 1)
    let_run_out(auth)
    assert send(auth, "/api/notes/").status_code == 200


def test_tokens_are_stored_before_they_are_used(person, send):
    """Or a program that dies in between comes back with a refresh token that counts as stolen."""
    full = [OSError("No space left on device")]

    def save(tokens):
        if full:
            raise full.pop()

    auth = TokenAuth(f"{person.origin}/auth/", tokens=tokens_of(person.sign_in()), save=save)
    let_run_out(auth)
    before = auth.tokens
    with pytest.raises(OSError, match="No space"):
        send(auth, "/api/notes/")
    assert auth.tokens == before
    assert [seen.status for seen in person.site.seen("/api/notes/")] == [401]  # nothing used the new ones
    assert send(auth, "/api/notes/").status_code == 200


def test_after_a_session_has_ended_it_signs_in_again(auth, send, person, kept):
    send(auth, "/api/notes/")
    person.end_sessions()
    assert send(auth, "/api/notes/", "POST", {"text": "still here"}).status_code == 201
    assert person.count("login") == 2
    assert kept[1:] == [None, auth.tokens]


def test_without_a_password_the_end_of_a_session_is_told(signed_in, send, person, kept):
    person.end_sessions()
    with pytest.raises(SignedOut, match="session_revoked") as told:
        send(signed_in, "/api/notes/")
    assert told.value.code == "session_revoked"
    assert kept == [None]
    with pytest.raises(SignedOut, match="session_revoked"):
        send(signed_in, "/api/notes/")
    assert person.count("refresh") == 1


def test_requests_that_wait_for_a_refresh_hear_of_the_end_too(signed_in, send_all, person):
    person.end_sessions()
    person.site.hold("/api/notes/", 2)
    requests = [{"method": "GET", "url": f"{person.origin}/api/notes/"}] * 2
    told = []

    def one_by_one(request):
        with pytest.raises(SignedOut, match="session_revoked"):
            in_threads(signed_in, [request])
        told.append(request)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(one_by_one, requests))
    assert len(told) == 2
    assert person.count("refresh") == 1


def test_a_copy_of_a_refresh_token_ends_the_session_and_both_are_told(signed_in, send, person):
    copy = TokenAuth(f"{person.origin}/auth/", tokens={"refresh_token": signed_in.tokens["refresh_token"]})
    for _ in range(2):
        let_run_out(signed_in)
        send(signed_in, "/api/notes/")
    with pytest.raises(SignedOut, match="refresh_token_reused"):
        send(copy, "/api/notes/")
    with pytest.raises(SignedOut, match="session_revoked"):
        send(signed_in, "/api/notes/")


def test_a_wrong_password_is_tried_once(person, send):
    """Five failures would keep the account's owner out for minutes."""
    fields = {**person.fields, "password": "not the password 9"}
    auth = TokenAuth(f"{person.origin}/auth/", lambda: fields)
    for _ in range(3):
        with pytest.raises(SignedOut, match="invalid_credentials"):
            send(auth, "/api/notes/")
    assert person.count("login") == 1
    fields = person.fields
    assert send(auth, "/api/notes/").status_code == 200


@pytest.mark.parametrize("origin", ["stranger", "another port", "another scheme", "a longer name", "a user's name"])
def test_another_host_gets_no_token(signed_in, person, stranger, origin):
    host = person.origin.removeprefix("http://")
    url = {
        "stranger": stranger.origin,
        "another port": "http://localhost:1",
        "another scheme": f"https://{host}",
        "a longer name": f"http://{host.replace('localhost', 'localhost.example.test')}",
        "a user's name": f"http://{host.replace(':', '%3A')}@{stranger.origin.removeprefix('http://')}",
    }[origin]
    request = httpx.Request("GET", url)
    flow = signed_in.sync_auth_flow(request)
    assert "Bearer" not in str(next(flow).headers)
    with pytest.raises(StopIteration):
        flow.send(httpx.Response(401, request=request))  # nor does its refusal renew anything
    assert person.count("refresh") == 0


def test_another_host_that_is_called_gets_no_token(auth, send, stranger):
    assert send(auth, "/api/notes/", origin=stranger.origin).status_code == 200
    assert "authorization" not in stranger.seen[0].lower()


TOKENS = {"access_token": "an-access-token", "refresh_token": "a-refresh-token"}
REDIRECTS = pytest.mark.parametrize("status", [302, 303, 307, 308])


@pytest.fixture
def odd_site():
    """One that answers as the test says."""
    with Stranger() as site:
        yield site


@REDIRECTS
def test_a_redirect_takes_no_access_token_to_another_host(send, odd_site, stranger, status):
    auth = TokenAuth(f"{odd_site.origin}/auth/", tokens=TOKENS)
    odd_site.answers["/api/notes/"] = Answer(status, {"Location": f"{stranger.origin}/"})
    stranger.answers["/"] = Answer(401)
    answer = send(auth, "/api/notes/", origin=odd_site.origin, follow_redirects=True)
    assert answer.status_code == 401
    assert TOKENS["access_token"] in odd_site.seen[0]
    assert TOKENS["access_token"] not in stranger.seen[0]
    assert len(odd_site.seen) == len(stranger.seen) == 1  # the stranger's 401 renews nothing


@REDIRECTS
def test_a_redirect_takes_no_refresh_token_and_no_password_to_another_host(send, person, odd_site, stranger, status):
    away = Answer(status, {"Location": f"{stranger.origin}/"})
    odd_site.answers = {"/api/notes/": Answer(401), "/auth/refresh": away, "/auth/login": away}
    auth = TokenAuth(f"{odd_site.origin}/auth/", lambda: person.fields, tokens=TOKENS, follow_redirects=True)
    with pytest.raises(httpx.HTTPStatusError, match="Redirect"):
        send(auth, "/api/notes/", origin=odd_site.origin, follow_redirects=True)
    assert TOKENS["refresh_token"] in odd_site.seen[-1]
    assert auth.tokens == TOKENS
    auth.tokens = None
    with pytest.raises(httpx.HTTPStatusError, match="Redirect"):
        send(auth, "/api/notes/", origin=odd_site.origin, follow_redirects=True)
    assert person.fields["password"] in odd_site.seen[-1]
    assert stranger.seen == []


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_a_busy_site_signs_nobody_out(send, stranger, kept, status):
    auth = TokenAuth(f"{stranger.origin}/auth/", tokens=TOKENS, save=kept)
    stranger.answers = {"/api/notes/": Answer(401), "/auth/refresh": Answer(status, {}, "<h1>Busy</h1>")}
    with pytest.raises(httpx.HTTPStatusError, match=str(status)):
        send(auth, "/api/notes/", origin=stranger.origin)
    assert (auth.tokens, kept) == (TOKENS, [])


@pytest.mark.parametrize("body", ["<h1>Welcome to the hotel</h1>", "[]", '{"access_token": "half"}'])
def test_an_answer_of_somebody_else_signs_nobody_out(send, stranger, kept, body):
    auth = TokenAuth(f"{stranger.origin}/auth/", tokens=TOKENS, save=kept)
    stranger.answers = {"/api/notes/": Answer(401), "/auth/refresh": Answer(200, {}, body)}
    with pytest.raises(RuntimeError, match="gave no tokens"):
        send(auth, "/api/notes/", origin=stranger.origin)
    assert (auth.tokens, kept) == (TOKENS, [])


def test_a_refusal_without_a_code_is_told_by_its_status(send, stranger):
    auth = TokenAuth(f"{stranger.origin}/auth/", tokens={"refresh_token": "a-refresh-token"})
    stranger.answers["/auth/refresh"] = Answer(401, {}, "<h1>Unauthorized</h1>")
    with pytest.raises(SignedOut, match="401"):
        send(auth, "/api/notes/", origin=stranger.origin)


def test_a_site_that_delivers_cookies_is_told(example, send):
    site = example.start(None, TOKEN_DELIVERY="cookie", ALLOWED_HOSTS="localhost")
    person = Person(site, {"email": "ada@example.com", "password": PASSWORD})
    person.post("/auth/register", person.fields)
    with pytest.raises(RuntimeError, match="TOKEN_DELIVERY"):
        send(TokenAuth(f"{person.origin}/auth/", lambda: person.fields), "/api/notes/", origin=person.origin)


def test_a_header_of_the_programs_own_stays(signed_in, person):
    with httpx.Client(auth=signed_in) as client:
        answer = client.get(f"{person.origin}/api/notes/", headers={"Authorization": "Bearer garbage"})
    assert answer.json()["code"] == "token_invalid"
    assert person.count("refresh") == 0


def test_it_needs_no_django():
    code = f"import runpy, sys; runpy.run_path({str(FILE)!r}); sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
