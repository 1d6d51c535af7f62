"""Where the microseconds of this app go: ``python -m benchmarks.parts``.

Each part is run on its own, two hundred times in a row, and the fastest of twenty such runs counts: what the part takes
when nothing is in its way. Between other parts each takes longer, and that is in the last line.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from statistics import median
from timeit import repeat
from typing import Any

from benchmarks.__main__ import database
from benchmarks.contenders import Device, FastAuth
from benchmarks.report import DATABASES, table
from benchmarks.worker import Worker, configure

REPEATED, IN_A_ROW = 20, 200


def microseconds(part: Callable[[], object]) -> float:
    part()
    return min(repeat(part, number=IN_A_ROW, repeat=REPEATED)) / IN_A_ROW * 1_000_000


def whole(worker: Worker, operation: str, device: Device) -> float:
    """Microseconds of a request: the median of fifty in a row, and of those the fastest."""
    rows = ([worker.perform(operation, device)[0].time for _ in range(50)] for _ in range(REPEATED))
    return min(map(median, rows)) / 1000


def measured(worker: Worker) -> Iterator[tuple[str, float]]:
    """The parts of a protected GET and of a refresh, the whole of each before them and the rest after them."""
    from django.db import connections
    from django.http import HttpResponse
    from rest_framework.views import APIView

    from fastauth_django import cookies, sessions
    from fastauth_django.models import AuthSession
    from fastauth_django.tokens import AccessToken, RefreshToken, TokenPair

    device = worker.signed_in()
    request = APIView().initialize_request(worker.request("protected", device))
    http_request: Any = request._request
    token = AccessToken.read(device.cookies["access_token"])
    connection = connections["default"]
    key = token.session_id
    assert key is not None
    session = sessions.live_session(token)
    join = AuthSession.objects._joins[connection]
    row = join.fetch(connection, key)
    public = whole(worker, "anonymous", worker.new_device())
    query = microseconds(lambda: join.fetch(connection, key))
    model = microseconds(lambda: join.read(connection, row))
    lookup = microseconds(lambda: AuthSession.objects.get_with_user(key))

    yield from with_the_rest(
        "protected GET",
        whole(worker, "protected", device),
        {
            "Django, its middleware and REST framework: the public view, without a cookie": public,
            "the access cookie out of the header": microseconds(lambda: cookies.access_tokens(request)),
            "signature, expiry and claims of the token": microseconds(
                lambda: AccessToken.read(device.cookies["access_token"])
            ),
            "the query: Django's cursor, the driver, the database": query,
            "the row into a session and a user": model,
            "the rules: not ended, not over, same user, active, same password": microseconds(
                lambda: sessions._living(key, token)
            )
            - lookup,
        },
        "the user on the request, permissions, a longer answer, and what processor and server forget between two "
        "requests",
    )

    now = sessions.present()
    refreshed = whole(worker, "refresh", device)
    refresh_token = device.cookies["refresh_token"]
    session = sessions.live_session(RefreshToken.read(refresh_token))
    pair = TokenPair.for_session(session, now)
    yield from with_the_rest(
        "refresh",
        refreshed,
        {
            "the public view, as above": public,
            "the refresh cookie out of the header": microseconds(lambda: cookies.refresh_tokens(request)),
            "signature, expiry and claims of the token": microseconds(lambda: RefreshToken.read(refresh_token)),
            "the first query, its row into a session and a user, the rules": microseconds(
                lambda: sessions.live_session(token)
            ),
            "the next generation of the session": microseconds(lambda: sessions._successor(session, now, http_request)),
            "two tokens, signed": microseconds(lambda: TokenPair.for_session(session, now)),
            "two cookies onto the answer": microseconds(lambda: cookies.set_auth_cookies(HttpResponse(), pair)),
            "the second query, the compare-and-set": microseconds(lambda: sessions._compare_and_set(session, session)),
        },
        "a POST of JSON instead of a GET, the check of its origin, two headers of cookies, and what processor "
        "and server forget between two requests",
    )


def with_the_rest(title: str, total: float, parts: dict[str, float], rest: str) -> Iterator[tuple[str, float]]:
    yield f"**{title}**", total
    yield from parts.items()
    yield rest, total - sum(parts.values())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parts", description=__doc__)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    with database(parser.parse_args().database) as settings:
        contender = FastAuth()
        configure(contender, settings)
        worker = Worker(contender)
        worker.prepare()
        print(table(["part", "µs"], [[name, f"{taken:.0f}"] for name, taken in measured(worker)]))

        from django.db import connections

        connections.close_all()


if __name__ == "__main__":
    main()
