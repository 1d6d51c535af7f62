"""People who sign in, read, refresh and sign out, each with a cookie jar, and who know what must be true of them.

``python -m benchmarks.scale.load ORIGIN`` prints one line of JSON when everybody is signed in and one when it is done.
It talks to 127.0.0.1 alone, over connections that it keeps, and ends by itself: the mix after ``--seconds``, everything
after ``--patience`` more. With ``--turn`` two of them take turns of ``SLICE`` seconds: they wait for a line that
says when the first one begins, in seconds since 1970.

Every person belongs to one thread, which does one thing after the other. So there is never a doubt about what the
answer should have been, although many act at once. A request that fails without an answer, or with a 5xx, is made
again until it succeeds, as a browser's user would: failures and violations are counted apart.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import random
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit

from benchmarks.scale.people import PASSWORD, address

ACCESS, REFRESH = "access_token", "refresh_token"
PATIENCE = 20  # seconds until each worker has answered one question
PAUSE = 0.1  # seconds before a failed request is made again
SLICE = 2  # seconds; one request may reach into the other's turn
LONG = 0.5  # seconds; of such requests it is kept when they were answered


@dataclass(frozen=True)
class Project:
    """Where a package has its routes, and how it names whom to sign in."""

    sign_in: str
    identifier: str
    me: str
    refresh: str
    sign_out: str


PROJECTS = {
    "fastauth_django": Project("/auth/login", "email", "/auth/me", "/auth/refresh", "/auth/logout"),
    "dj-rest-auth": Project("/auth/login/", "username", "/auth/user/", "/auth/token/refresh/", "/auth/logout/"),
}
PROTECTED = "/api/notes/"
#: How often people do what: mostly reading. A shorter life of the access token would mean more refreshes.
MIX = {"read": 70, "me": 5, "refresh": 15, "sign out and in": 10}
#: With ``--strict`` also two tabs that refresh in the same instant, and questions whose answer must be no.
STRICT_MIX = {**MIX, "two tabs": 10}
#: With ``--lossy`` also refreshes whose answer never arrives.
LOSSY_MIX = {**STRICT_MIX, "refresh, answer lost": 5}


class GaveUp(Exception):
    """The server did not come back."""


@dataclass
class Answer:
    status: int
    worker: str | None
    cookies: dict[str, str | None]  # None: cleared
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Line:
    """One kept connection to the server."""

    def __init__(self, origin: str) -> None:
        parts = urlsplit(origin)
        self.origin, self.host = origin, parts.netloc
        self._connect: Callable[[], http.client.HTTPConnection]
        if parts.scheme == "https":
            # The certificate is its own, made for this run, and the other end is this machine.
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._connect = lambda: http.client.HTTPSConnection("127.0.0.1", parts.port, timeout=20, context=context)
        else:
            self._connect = lambda: http.client.HTTPConnection("127.0.0.1", parts.port, timeout=20)
        self._connection: http.client.HTTPConnection | None = None

    def send(self, method: str, path: str, jar: dict[str, str], data: Any = None) -> None:
        if self._connection is None:
            self._connection = self._connect()
            self._connection.connect()
            # A request is two writes, and the second would wait for the first one's receipt.
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        headers = {"Host": self.host, "Accept": "application/json"}
        if jar:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        body = None
        if method != "GET":
            headers |= {"Origin": self.origin, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
            body = json.dumps(data or {}).encode()
        self._connection.request(method, path, body, headers)

    def receive(self) -> Answer:
        assert self._connection is not None
        response = self._connection.getresponse()
        body = response.read()
        cookies: dict[str, str | None] = {}
        for header in response.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(header).items():
                cookies[name] = None if morsel["max-age"] == "0" else morsel.value
        if response.will_close:
            self.hang_up()
        return Answer(response.status, response.headers["X-Worker"], cookies, body)

    def hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass
class Person:
    """Somebody, and what must be true of them."""

    number: int
    random: random.Random
    jar: dict[str, str] = field(default_factory=dict)
    generation: int = 0
    former_jar: dict[str, str] = field(default_factory=dict)  # of the session that they ended last
    missed_answer: bool = False  # so that each of two tabs may get a successor

    @property
    def is_signed_in(self) -> bool:
        return bool(self.jar)

    def keep(self, answer: Answer) -> None:
        for name, value in answer.cookies.items():
            if value is None:
                self.jar.pop(name, None)
            else:
                self.jar[name] = value


def claims_of(token: str) -> dict[str, Any]:
    """What a token says. It is not verified: that is the server's business."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


@dataclass
class Record:
    """What happened, as one thread saw it."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    answered: list[float] = field(default_factory=list)  # when each request was, in seconds since 1970
    failures: list[dict[str, Any]] = field(default_factory=list)
    long_ones: list[dict[str, Any]] = field(default_factory=list)
    violations: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, other: Record) -> None:
        for act, seconds in other.seconds.items():
            self.seconds.setdefault(act, []).extend(seconds)
        self.answered += other.answered
        self.failures += other.failures
        self.long_ones += other.long_ones
        self.violations += other.violations
        self.counts += other.counts


class Runner:
    """One thread's people, and its two connections."""

    def __init__(self, options: argparse.Namespace, people: list[Person]) -> None:
        self.options, self.people = options, people
        self.project = PROJECTS[options.project]
        self.line, self.other_line = Line(options.origin), Line(options.origin)
        self.record = Record()

    # --- Requests ---------------------------------------------------------------------------------------------------

    def ask(self, act: str, method: str, path: str, jar: dict[str, str], data: Any = None) -> Answer:
        """The answer to one request, made until there is one that is no failure."""
        return self._until_answered(act, lambda: [self._once(self.line, method, path, jar, data)])[0]

    def _once(self, line: Line, method: str, path: str, jar: dict[str, str], data: Any) -> Answer:
        line.send(method, path, jar, data)
        return line.receive()

    def _until_answered(self, act: str, attempt: Callable[[], list[Answer]]) -> list[Answer]:
        first_failure: float | None = None
        found: list[str] = []
        while True:
            begun = time.perf_counter()
            try:
                answers = attempt()
                failed = [str(answer.status) for answer in answers if answer.status >= 500]
                self.record.counts["cookies on a failure"] += sum(
                    answer.status >= 500 and bool(answer.cookies) for answer in answers
                )
            except (OSError, http.client.HTTPException) as error:
                failed = [type(error).__name__]
            if not failed:
                break
            # Neither line is known to be at the beginning of an answer any more.
            self.line.hang_up()
            self.other_line.hang_up()
            found += failed
            first_failure = first_failure or time.time()
            if time.time() > self.options.deadline:
                self._note_failure(act, first_failure, [*found, "gave up"])
                raise GaveUp(f"{act}: {', '.join(found)}")
            time.sleep(PAUSE)
        took = time.perf_counter() - begun
        self.record.seconds.setdefault(act, []).append(took)
        self.record.answered.extend([time.time()] * len(answers))
        if took > LONG:
            self.record.long_ones.append({"act": act, "at": time.time(), "took": took})
        if first_failure is not None:
            self._note_failure(act, first_failure, found)
        return answers

    def _note_failure(self, act: str, since: float, found: list[str]) -> None:
        self.record.failures.append({"act": act, "at": since, "lasted": time.time() - since, "what": found})

    def must(self, truth: bool, person: Person, act: str, answer: Answer, expected: str) -> bool:
        """Note a violation where something that must be true is not."""
        if not truth:
            said = answer.body[:200].decode(errors="replace")
            violation = {"person": person.number, "act": act, "expected": expected, "status": answer.status}
            self.record.violations.append({**violation, "said": said, "at": time.time()})
        return truth

    # --- Acts -------------------------------------------------------------------------------------------------------

    def sign_in(self, person: Person) -> None:
        data = {self.project.identifier: address(person.number), "password": PASSWORD}
        answer = self.ask("sign in", "POST", self.project.sign_in, {}, data)
        if self.must(answer.status == 200, person, "sign in", answer, "200"):
            person.keep(answer)
            person.generation, person.missed_answer = 0, False

    def read(self, person: Person) -> None:
        answer = self.ask("read", "GET", PROTECTED, person.jar)
        self.must(answer.status == 200, person, "read", answer, "200")

    def me(self, person: Person) -> None:
        answer = self.ask("me", "GET", self.project.me, person.jar)
        own = answer.status == 200 and answer.json()["email"] == address(person.number)
        self.must(own, person, "me", answer, "200 and their own address")

    def refresh(self, person: Person) -> None:
        answer = self.ask("refresh", "POST", self.project.refresh, person.jar)
        self._was_refreshed(person, "refresh", [answer])

    def refresh_without_answer(self, person: Person) -> None:
        """The session is refreshed, and the person never hears of it: they go on with the cookies that they have."""
        answer = self.ask("refresh, answer lost", "POST", self.project.refresh, person.jar)
        if self.must(answer.status == 200, person, "refresh, answer lost", answer, "200"):
            person.missed_answer = True
            self.record.counts["answers lost"] += 1

    def two_tabs(self, person: Person) -> None:
        def both() -> list[Answer]:
            for line in (self.line, self.other_line):
                line.send("POST", self.project.refresh, person.jar)
            return [self.line.receive(), self.other_line.receive()]

        failures = len(self.record.failures)
        answers = self._until_answered("two tabs", both)
        person.missed_answer |= len(self.record.failures) > failures
        self._was_refreshed(person, "two tabs", answers)

    def _was_refreshed(self, person: Person, act: str, answers: list[Answer]) -> None:
        """One generation further for one of those that asked at once. The others get an access cookie alone."""
        for answer in answers:
            if not self.must(answer.status == 200, person, act, answer, "200"):
                return
        if self.options.strict:
            successors = [cookie for cookie in (answer.cookies.get(REFRESH) for answer in answers) if cookie]
            at_most = len(answers) if person.missed_answer else 1
            self.must(len(successors) <= at_most, person, act, answers[-1], "one successor at most")
            generations = [claims_of(successor)["gen"] for successor in successors]
            later = all(generation > person.generation for generation in generations)
            self.must(later, person, act, answers[0], "a later generation")
            # None: the answer with the successor was lost, and this one repeats it without. Two: one of them is.
            person.missed_answer = len(generations) != 1
            person.generation = generations[-1] if generations else person.generation
        for answer in answers:
            person.keep(answer)

    def sign_out(self, person: Person) -> None:
        former = dict(person.jar)
        answer = self.ask("sign out", "POST", self.project.sign_out, person.jar)
        if self.must(answer.status == 200, person, "sign out", answer, "200"):
            person.keep(answer)
            self.must(not person.jar, person, "sign out", answer, "no cookie left")
            person.jar.clear()
            person.former_jar = former

    def former_cookies_open_nothing(self, person: Person) -> None:
        jar = person.former_jar
        if jar:
            answer = self.ask("read after signing out", "GET", PROTECTED, jar)
            self.must(answer.status == 401, person, "read after signing out", answer, "401")
            answer = self.ask("refresh after signing out", "POST", self.project.refresh, {REFRESH: jar[REFRESH]})
            self.must(answer.status == 401, person, "refresh after signing out", answer, "401")

    # --- Phases -----------------------------------------------------------------------------------------------------

    def sign_everybody_in(self) -> None:
        for person in self.people:
            self.sign_in(person)

    def mix(self, begun: float, until: float) -> None:
        mix = LOSSY_MIX if self.options.lossy else STRICT_MIX if self.options.strict else MIX
        acts, weights = list(mix), list(mix.values())
        while time.time() < until:
            for person in self.people:
                self._wait_for_turn(begun)
                if time.time() >= until:
                    break
                [act] = person.random.choices(acts, weights)
                self.do(person, act)

    def _wait_for_turn(self, begun: float) -> None:
        turn, offset = divmod(time.time() - begun, SLICE)
        if self.options.turn is not None and turn % 2 != self.options.turn:
            time.sleep(SLICE - offset)

    def do(self, person: Person, act: str) -> None:
        if not person.is_signed_in:
            self.sign_in(person)
        elif act == "sign out and in":
            self.sign_out(person)
            if self.options.strict:
                self.former_cookies_open_nothing(person)
                if person.random.random() < 0.5:
                    return  # Some stay away for a while.
            self.sign_in(person)
        else:
            acts = {
                "read": self.read,
                "me": self.me,
                "refresh": self.refresh,
                "refresh, answer lost": self.refresh_without_answer,
                "two tabs": self.two_tabs,
            }
            acts[act](person)

    def verify(self) -> None:
        """Whoever was signed in still is, and whoever was not still is not."""
        for person in self.people:
            if person.is_signed_in:
                for act in (self.me, self.refresh, self.me):
                    act(person)
                self.record.counts["verified signed in"] += 1
            else:
                self.record.counts["verified signed out"] += 1
            self.former_cookies_open_nothing(person)


class Witness(Runner):
    """Ends one of a person's sessions by another, and asks every worker whether it knows."""

    def mix(self, begun: float, until: float) -> None:
        while time.time() < until:
            for person in self.people:
                if time.time() < until:
                    self.end_elsewhere(person)

    def end_elsewhere(self, person: Person) -> None:
        laptop = person
        phone = Person(person.number, person.random)
        self.sign_in(phone)
        # Each worker lets the phone in, so that whatever a worker might remember, it remembers.
        self._ask_every_worker(phone, "the phone before", 200)
        session_id = claims_of(phone.jar[ACCESS])["sid"]
        answer = self.ask("end elsewhere", "DELETE", f"/auth/sessions/{session_id}", laptop.jar)
        # 404: the request was made again, and the first had succeeded.
        if self.must(answer.status in {200, 404}, laptop, "end elsewhere", answer, "200"):
            self._ask_every_worker(phone, "the phone after", 401)
            self.record.counts["ended elsewhere"] += 1

    def _ask_every_worker(self, phone: Person, act: str, expected: int) -> None:
        asked: set[str | None] = set()
        # A worker may wait for Redis, or have died and be started anew.
        patience = time.monotonic() + PATIENCE
        while time.monotonic() < patience:
            answer = self.ask(act, "GET", self.project.me, phone.jar)
            self.must(answer.status == expected, phone, act, answer, str(expected))
            asked.add(answer.worker)
            self.record.counts[act] += 1
            if len(asked) >= self.options.workers:
                return
        self.record.counts["not all workers answered"] += 1


def in_threads(acts: list[Callable[[], None]]) -> list[str]:
    """Do all at once; returns what went wrong besides."""
    errors: list[str] = []

    def run(act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def in_milliseconds(seconds: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """How often, and how long it took: 50, 95 and 99 of a hundred took at most so many milliseconds."""
    summary = {}
    for act, taken in sorted(seconds.items()):
        cuts = quantiles(taken, n=100, method="inclusive") if len(taken) > 1 else taken * 99
        points = {f"p{point}": round(cuts[point - 1] * 1000, 1) for point in (50, 95, 99)}
        summary[act] = {"count": len(taken), **points, "max": round(max(taken) * 1000, 1)}
    return summary


def run(options: argparse.Namespace) -> dict[str, Any]:
    people = [Person(number, random.Random(number)) for number in range(options.people)]  # noqa: S311
    witnesses = people[: options.people // 20] if options.strict else []
    runners = [
        Runner(options, people[len(witnesses) + thread :: options.threads])
        for thread in range(min(options.threads, options.people - len(witnesses)))
    ]
    if witnesses:
        runners.append(Witness(options, witnesses))
    options.deadline = time.time() + options.seconds + options.patience

    errors = in_threads([runner.sign_everybody_in for runner in runners])
    total = Record()
    for runner in runners:
        total.add(runner.record)
        runner.record = Record()
    print(json.dumps({"signed in": sum(person.is_signed_in for person in people)}), flush=True)

    begun = time.time() if options.turn is None else float(sys.stdin.readline())
    until = begun + options.seconds
    errors += in_threads([lambda runner=runner: runner.mix(begun, until) for runner in runners])
    took = time.time() - begun
    mixed = Record()
    for runner in runners:
        mixed.add(runner.record)
        runner.record = Record()

    if options.strict:
        errors += in_threads([runner.verify for runner in runners])
    for runner in runners:
        total.add(runner.record)
        runner.line.hang_up()
        runner.other_line.hang_up()
    total.add(mixed)
    requests = len(mixed.answered)
    return {
        "project": options.project,
        "people": options.people,
        "begun": begun,
        "seconds": round(took, 2),
        "requests": requests,
        "per second": round(requests / took, 1),
        "turns": Counter(int((at - begun) // SLICE) for at in mixed.answered),
        "acts": in_milliseconds(mixed.seconds),
        "failures": sorted(total.failures, key=lambda failure: failure["at"]),
        "long ones": total.long_ones,
        "violations": total.violations,
        "counts": dict(total.counts),
        "errors": errors,
        "signed in": sum(person.is_signed_in for person in people),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("origin", help="https://HOST:PORT; HOST is only said, the connection goes to 127.0.0.1")
    parser.add_argument("--project", choices=PROJECTS, default="fastauth_django")
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20, help="how long the mix goes on")
    parser.add_argument("--patience", type=float, default=120, help="how long signing in and verifying may take")
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1, help="how many processes answer; the witness asks them all")
    parser.add_argument("--turn", type=int, choices=[0, 1], help="be the first or the second of two that take turns")
    parser.add_argument("--strict", action="store_true", help="ask also what must be refused, and everybody at the end")
    parser.add_argument("--lossy", action="store_true", help="lose answers to refreshes on the way; with --strict")
    print(json.dumps(run(parser.parse_args())), flush=True)


if __name__ == "__main__":
    main()
