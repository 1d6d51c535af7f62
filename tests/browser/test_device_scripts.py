"""An injected script binds the session to a key of its own, where the feature is on. It ends up holding nothing."""

import json
import re
import ssl
from contextlib import closing
from http.client import HTTPSConnection
from urllib.parse import urlsplit

import pytest

from tests.browser.front_end import sign_in_data
from tests.devices import BIND, RENEW, Device
from tests.factories import PASSWORD, sign_up_data

pytestmark = pytest.mark.browser

PLAIN_FETCH = "async () => (await fetch('/auth/me')).status"

#: What the script sees of the answer that asks for a key.
ACT = """async (path, data) => {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(data) });
    return [answer.status, answer.headers.get("Secure-Session-Registration")];
}"""

#: Each way in which a page can send a request with headers: its status, or the name of the error. The picture is the
#: last, because the worker has to know what is wanted before it sees that.
SEND = """async (path, headers, ways) => {
    const fetched = (mode) => fetch(path, { method: "POST", mode, headers }).then(({ status }) => status);
    const xhr = () => new Promise((resolve) => {
        const request = new XMLHttpRequest();
        request.open("POST", path);
        Object.entries(headers).forEach(([name, value]) => request.setRequestHeader(name, value));
        request.onloadend = () => resolve(request.status);
        request.send();
    });
    const picture = () => new Promise((resolve) => {
        const image = new Image();
        image.onload = image.onerror = () => resolve("a picture");
        image.src = path;
    });
    const worker = async (mode) => {
        const { active } = await navigator.serviceWorker.ready;
        const { port1, port2 } = new MessageChannel();
        const answer = new Promise((resolve) => { port1.onmessage = ({ data }) => resolve(data); });
        active.postMessage({ path, headers, mode }, [port2]);
        return answer;
    };
    const send = (way) => way === "xhr" ? xhr() : way === "worker's picture" ? picture()
        : way.startsWith("worker ") ? worker(way.slice(7)) : fetched(way);
    const answers = await Promise.all(ways.filter((way) => way !== "worker's picture")
        .map((way) => send(way).catch(({ name }) => name)));
    return ways.includes("worker's picture") ? [...answers, await picture()] : answers;
}"""

INSTALL_WORKER = """async () => {
    await navigator.serviceWorker.register("/worker.js");
    await navigator.serviceWorker.ready;
    while (!navigator.serviceWorker.controller) await new Promise((resolve) => setTimeout(resolve, 20));
}"""

SEEN_BY_WORKER = "async () => (await (await fetch('/seen-by-worker')).json())"

OPEN_WAYS = ["cors", "same-origin", "xhr"]
WORKER_WAYS = ["worker cors", "worker same-origin", "worker no-cors", "worker's picture"]


class Script:
    """The script in the person's page, and the accomplice elsewhere, to whom it tells all that it finds out."""

    def __init__(self, tab, server, authority):
        self.tab, self.server, self.key, self.challenge = tab, server, Device(), None
        self.trust = ssl.create_default_context(cafile=authority.root)
        self.trust.check_hostname = False

    def act(self, path, data):
        """Do what the person meant to do, and read the answer."""
        status, asked = self.tab.run(ACT, path, data)
        assert status in {200, 201}
        self.challenge = re.search(r'challenge="([^"]+)"', asked)[1]

    @property
    def session_id(self):
        return self.challenge.split(":")[0]

    def bind(self, ways):
        return self.tab.run(SEND, BIND, {"Secure-Session-Response": self.key.registration(self.challenge)}, ways)

    def renew(self, ways):
        headers = {"Sec-Secure-Session-Id": self.session_id, "Secure-Session-Response": self.key.proof("x")}
        return self.tab.run(SEND, RENEW, headers, ways)

    def tell(self, path, proof):
        """The accomplice's request: no browser, every header as he likes, and no cookie."""
        headers = {"Sec-Fetch-Mode": "no-cors", "Sec-Secure-Session-Id": self.session_id}
        with closing(HTTPSConnection("127.0.0.1", self.server.port, context=self.trust, timeout=20)) as connection:
            connection.request("POST", path, headers={**headers, "Secure-Session-Response": proof})
            answer = connection.getresponse()
            assert answer.getheader("Set-Cookie") is None
            return answer.status, json.load(answer)["code"]

    def holds_nothing(self):
        """Neither the page nor the accomplice can do anything with the key."""
        assert self.bind(OPEN_WAYS) == [403, 403, 403]
        assert self.bind(["no-cors", "navigate"]) == [401, "TypeError"], "the browser strips the header, or the mode"
        assert set(self.renew([*OPEN_WAYS, "no-cors"])) <= {401, 403}
        assert self.tell(BIND, self.key.registration(self.challenge)) == (401, "token_invalid")
        status, code = self.tell(RENEW, self.key.proof("x"))
        assert (status, code) == (401, "device_proof_invalid")
        assert self.key.jwk["x"] not in (self.server.session(self.session_id)["device_key"] or "")


@pytest.fixture
def server(servers):
    return servers.get(FASTAUTH={"DEVICE_BINDING": "optional"})


def page_of(server, host="app.example.test"):
    return server.origin(host) + "/page"


#: What a person does while the script looks on.
ACTS = {
    "sign-in": lambda name: ("/auth/login", sign_in_data(name)),
    "sign-up": lambda name: ("/auth/register", sign_up_data(name)),
    "change-password": lambda name: (
        "/auth/account/change-password",
        {"current_password": PASSWORD, "new_password": "another horse, battery 8"},
    ),
}
on_each_act = pytest.mark.parametrize("act", ACTS)


@on_each_act
def test_a_script_that_races_the_browser_binds_nothing(owner, server, authority, name, act):
    """Chromium's own registration and the script's are let in at the same moment."""
    tab = owner.open(page_of(server))
    script = Script(tab, server, authority)
    if act != "sign-up":
        script.act(*ACTS["sign-up"](name))
        owner.wait_for(tab.page, "creation")
    server.hold(BIND, len(OPEN_WAYS) + 1)
    server.forget_seen()
    script.act(*ACTS[act](name))

    assert script.bind(OPEN_WAYS) == [403, 403, 403]

    owner.wait_for(tab.page, "creation")
    assert sorted((seen.fetch_mode, seen.status) for seen in server.seen(BIND)) == [
        ("cors", 403),
        ("cors", 403),
        ("no-cors", 200),
        ("same-origin", 403),
    ]
    assert tab.run(PLAIN_FETCH) == 200
    assert server.session(script.session_id)["device_bound_at"] is not None
    script.holds_nothing()
    owner.forget("access_token")
    assert tab.run(PLAIN_FETCH) == 200


@pytest.mark.parametrize(
    ("profile", "host"), [("firefox", "app.example.test"), ("webkit", "localhost")], indirect=["profile"]
)
@on_each_act
def test_a_script_binds_nothing_where_the_browser_itself_binds_nothing(profile, host, server, authority, name, act):
    script = Script(profile.open(page_of(server, host)), server, authority)
    if act != "sign-up":
        script.act(*ACTS["sign-up"](name))
    script.act(*ACTS[act](name))
    script.holds_nothing()
    assert server.session(script.session_id)["device_key"] == ""
    assert {cookie.name for cookie in profile.cookies()} == {"access_token", "refresh_token"}


def test_a_service_worker_binds_nothing_either(open_device, server, authority, name):
    """It sends what a page may send, and the browser strips the header from what has the mode of its own requests."""
    person = open_device(can_bind=False)
    script = Script(person.open(page_of(server)), server, authority)
    script.tab.run(INSTALL_WORKER)
    script.act(*ACTS["sign-up"](name))
    server.forget_seen()
    assert script.bind(WORKER_WAYS) == [403, 403, 401, "a picture"]
    assert sorted((seen.fetch_mode, seen.status) for seen in server.seen(BIND)) == [
        ("cors", 403),
        ("no-cors", 401),
        ("no-cors", 401),
        ("same-origin", 403),
    ]
    script.holds_nothing()
    assert server.session(script.session_id)["device_key"] == ""


def test_a_service_worker_does_not_see_the_browsers_own_requests(owner, server, authority, name):
    tab = owner.open(page_of(server))
    tab.run(INSTALL_WORKER)
    script = Script(tab, server, authority)
    script.act(*ACTS["sign-up"](name))
    owner.wait_for(tab.page, "creation")
    assert tab.run(PLAIN_FETCH) == 200
    owner.forget("access_token")
    assert tab.run(PLAIN_FETCH) == 200
    assert {urlsplit(url).path for url in tab.run(SEEN_BY_WORKER)}.isdisjoint({BIND, RENEW})


def test_a_script_can_prevent_the_binding_and_holds_nothing_by_that(owner, server, authority, name):
    """Documented: "optional" does not stop it."""
    tab = owner.open(page_of(server))
    script = Script(tab, server, authority)
    server.hold(BIND, 2)
    script.act(*ACTS["sign-up"](name))
    assert tab.run("async () => (await fetch('/auth/refresh', { method: 'POST' })).status") == 200
    assert script.bind(["cors"]) == [403]  # lets the browser's own, which was held, go on
    owner.wait_for(tab.page, "creation")
    assert tab.run(PLAIN_FETCH) == 200
    assert server.session(script.session_id)["device_key"] == ""
    script.holds_nothing()
