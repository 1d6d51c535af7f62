"""People who act in the same instant, and what they do."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

from django.db import connection, connections

from tests.clients import Browser
from tests.factories import PASSWORD, Account

NEW_PASSWORD = "another horse, battery 8"
PATIENCE = 120  # seconds until a race counts as a deadlock


class Crowd:
    """Threads, each with a database connection of its own, that set out together."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=50)
        self._size = 0

    def race(self, *acts: Callable[[], Any]) -> list[Any]:
        """Do all of ``acts`` at once; return what each returned, in their order. Raises what any of them raised."""
        start = Barrier(len(acts))
        self._size = max(self._size, len(acts))

        def run(act: Callable[[], Any]) -> Any:
            # Connecting takes longer than a refresh: whoever had still to do it would come too late.
            connection.ensure_connection()
            start.wait(PATIENCE)
            return act()

        racing = [self._pool.submit(run, act) for act in acts]
        return [each.result(PATIENCE) for each in racing]

    def race_refreshes(self, browser: Browser, act: Callable[[], Any]) -> tuple[Any, list[Browser]]:
        """Do ``act`` while three tabs of ``browser`` refresh or are refused. Returns what ``act`` did, and the tabs."""
        tabs = [browser.clone() for _tab in range(3)]
        done, *refreshed = self.race(act, *[partial(refresh, tab) for tab in tabs])
        assert set(refreshed) <= {200, 401}, refreshed
        return done, tabs

    def go_home(self) -> None:
        self.race(*[connections.close_all] * self._size)
        self._pool.shutdown()


def new_session(account: Account) -> Browser:
    """A browser with a session of its own."""
    browser = Browser()
    assert browser.sign_in(account).status_code == 200
    return browser


def sign_in(browser: Browser, account: Account) -> int:
    return browser.sign_in(account).status_code


def refresh(browser: Browser) -> int:
    return browser.post("/auth/refresh").status_code


def sign_out(browser: Browser) -> int:
    return browser.post("/auth/logout").status_code


def change_password(browser: Browser, new_password: str) -> int:
    data = {"current_password": PASSWORD, "new_password": new_password}
    return browser.post("/auth/account/change-password", data, format="json").status_code


def is_let_in(browser: Browser) -> bool:
    """Whether the access cookie opens a protected view."""
    return browser.get("/private").status_code == 200


def is_signed_in(*browsers: Browser) -> bool:
    """Whether any cookie of any of these jars, access or refresh, is still good for anything."""
    return any(is_let_in(browser) for browser in browsers) or any(refresh(browser) == 200 for browser in browsers)
