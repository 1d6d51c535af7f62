"""A model checker for the rotation: everything that can happen to one session, in every order, breadth first.

The rule under test is a function such as :func:`fastauth_django.sessions.generation_after`, called with rows that no
database holds. Around it stand an owner whose tabs share one jar, a network that loses answers, a browser that may be
killed and come back with the cookies that were on its disk, a database that may fail over to a standby that lacks the
last write, and a thief with one copy of both cookies.

Time is two lengths: whatever happens between two ticks happens inside the grace, and a tick is longer than the grace.
A message arrives before the next tick or never.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from fastauth_django.exceptions import RefreshTokenReused, SessionBehind
from fastauth_django.models import AuthSession

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)

#: What a refresh token meets in place of the generation that it buys.
REUSE, BEHIND = "reuse", "behind"

Rule = Callable[[AuthSession, Any, datetime], int | None]


class Row(NamedTuple):
    """The session's row. ``fresh``: its last rotation is inside the grace."""

    generation: int = 0
    predecessor: int | None = None
    seen: bool | None = None
    fresh: bool = True

    def aged(self) -> "Row":
        return self._replace(fresh=False)

    def session(self) -> AuthSession:
        successor = None if self.predecessor is None else self.generation
        rotated_at = NOW if self.fresh else EARLIER
        columns = {"predecessor": self.predecessor, "successor": successor, "seen": self.seen}
        return AuthSession(generation=self.generation, rotated_at=rotated_at, **columns)


class Token(NamedTuple):
    generation: int


class Jar(NamedTuple):
    """The generations that the two cookies carry."""

    refresh: int = 0
    access: int = 0

    def after(self, answer: "Jar") -> "Jar":
        return answer if answer.refresh is not None else self._replace(access=answer.access)


class State(NamedTuple):
    row: Row | None = Row()  # None: signed out, or the password was changed
    lost_writes: tuple[Row, ...] | None = ()  # the rows that a failover may go back to; None: it was
    jar: Jar | None = Jar()
    disk: Jar | None = Jar()  # None: the browser was killed once, which is enough
    used_since: bool = False  # whether the owner used something that is not on the disk
    renewed: bool = False  # whether a refresh token arrived since the last tick
    sent: tuple[int, ...] = ()  # refresh tokens on the way to the server
    answers: tuple[Jar, ...] = ()  # on the way back
    stolen: frozenset[int] | None = None  # the thief's refresh tokens
    stolen_access: frozenset[int] = frozenset()
    thief_answered: bool = False  # since the last round
    owner_answered: bool = False  # since the last tick
    rounds: int = 0  # owner's refreshes in which the thief kept up
    alarm: str | None = None


@dataclass(frozen=True)
class World:
    """What may happen, and the rule that answers it."""

    rule: Rule
    arrives: Callable[[AuthSession, int], bool]  # does an access token of this generation show that the answer arrived?
    repeat_successor: bool = False  # JSON delivery: a repeated token gets the successor, not an access token alone
    tabs: int = 2  # requests and answers that are on their way at once
    hurried: bool = False  # whether a tab refreshes with a token that another tab got inside the grace
    thief: bool = False
    failover: int = 1  # how many writes a failover loses, at most
    crash: bool = True
    generations: int = 6  # where the search ends
    rounds: int = 4

    def steps(self, state: State) -> Iterator[tuple[str, State]]:
        """Everything that can happen next."""
        yield from self.owner(state)
        yield from self.network(state)
        if self.thief:
            yield from self.thieves(state)
        if state.row is not None:
            late, lost = (state.row.aged(), tuple(row.aged() for row in state.lost_writes or ()))
            yield (
                "time passes",
                state._replace(
                    row=late,
                    lost_writes=state.lost_writes and lost,
                    sent=(),
                    answers=(),
                    renewed=False,
                    owner_answered=False,
                ),
            )
            yield "the owner signs out or changes the password", self.write(state, None)._replace(jar=None)
        for count, row in enumerate(state.lost_writes or (), 1):
            yield f"failover loses {count}", state._replace(row=row, lost_writes=None)

    def owner(self, state: State) -> Iterator[tuple[str, State]]:
        if state.jar is None:
            return
        on_its_way = len(state.sent) + len(state.answers)
        if on_its_way < self.tabs and (self.hurried or not state.renewed):
            used = state.used_since or (state.disk is not None and state.jar.refresh != state.disk.refresh)
            sent = tuple(sorted((*state.sent, state.jar.refresh)))
            yield f"owner sends {state.jar.refresh}", state._replace(sent=sent, used_since=used)
        used = state.used_since or (state.disk is not None and state.jar.access != state.disk.access)
        yield f"owner uses access {state.jar.access}", self.use(state, state.jar.access)._replace(used_since=used)
        if state.disk is not None:
            yield "jar is written to disk", state._replace(disk=state.jar, used_since=False)
            if not state.used_since:
                yield "browser is killed", state._replace(jar=state.disk, disk=None, renewed=False, sent=(), answers=())

    def network(self, state: State) -> Iterator[tuple[str, State]]:
        for index, token in enumerate(state.sent):
            answered, answer = self.refresh(state._replace(sent=without(state.sent, index)), token)
            if answer is not None:
                answered = answered._replace(answers=tuple(sorted((*answered.answers, answer), key=repr)))
            yield f"server gets {token}, answers {answer or answered.alarm}", answered
        for index, answer in enumerate(state.answers):
            rest = state._replace(answers=without(state.answers, index))
            yield f"answer {answer} is lost", rest
            if state.jar is not None:
                renewed = state.renewed or answer.refresh is not None
                arrived = rest._replace(jar=state.jar.after(answer), renewed=renewed, owner_answered=True)
                if state.thief_answered and not state.owner_answered:
                    arrived = arrived._replace(rounds=state.rounds + 1, thief_answered=False)
                yield f"answer {answer} arrives", arrived

    def thieves(self, state: State) -> Iterator[tuple[str, State]]:
        if state.stolen is None:
            if state.jar is not None:
                copy = {"stolen": frozenset([state.jar.refresh]), "stolen_access": frozenset([state.jar.access])}
                yield "thief copies the jar", state._replace(**copy)
            return
        for token in state.stolen:
            answered, answer = self.refresh(state, token)
            if answer is not None:
                stolen = state.stolen if answer.refresh is None else state.stolen | {answer.refresh}
                access = state.stolen_access | {answer.access}
                answered = answered._replace(stolen=stolen, stolen_access=access, thief_answered=True)
            yield f"thief sends {token}, gets {answer or answered.alarm}", answered
        for access in state.stolen_access:
            yield f"thief uses access {access}", self.use(state, access)

    def refresh(self, state: State, token: int) -> tuple[State, Jar | None]:
        """The state after a refresh, and what is answered. None: a refusal."""
        if state.row is None:
            return state, None
        bought = self.bought(state.row, token)
        if bought in {REUSE, BEHIND}:
            return state._replace(alarm=bought), None
        if bought is None:
            successor = state.row.generation
            return state, Jar(successor, successor) if self.repeat_successor else Jar(None, token)
        return self.write(state, Row(bought, token, False, fresh=True)), Jar(bought, bought)

    def use(self, state: State, access: int) -> State:
        row = state.row
        if row is None or not self.marks(row, access):
            return state
        return self.write(state, row._replace(seen=True))

    def write(self, state: State, row: Row | None) -> State:
        """Every write is one that a standby may lack."""
        if state.lost_writes is None:
            return state._replace(row=row)
        return state._replace(row=row, lost_writes=(state.row, *state.lost_writes)[: self.failover])

    @cache  # noqa: B019  # a world lives as long as its test
    def bought(self, row: Row, token: int) -> int | str | None:
        try:
            return self.rule(row.session(), Token(token), NOW)
        except RefreshTokenReused:
            return REUSE
        except SessionBehind:
            return BEHIND

    @cache  # noqa: B019
    def marks(self, row: Row, access: int) -> bool:
        return self.arrives(row.session(), access)

    def counterexample(self) -> list[str] | None:
        """The shortest way to break a promise: without a thief, that nobody honest is signed out; with one, that he
        does not keep up with the owner. None if there is no way."""
        start = State() if self.crash else State(disk=None)
        came_from: dict[State, tuple[State, str] | None] = {start: None}
        queue = deque([start])
        while queue:
            state = queue.popleft()
            for step, following in self.steps(state):
                following = self.trimmed(following)
                if following in came_from:
                    continue
                came_from[following] = (state, step)
                if following.rounds >= self.rounds or (following.alarm and not self.thief):
                    return way_to(following, came_from)
                if not following.alarm and self.is_small(following):
                    queue.append(following)
        return None

    def is_small(self, state: State) -> bool:
        return state.row is None or sum(divmod(state.row.generation, 1000)) <= self.generations

    def trimmed(self, state: State) -> State:
        """Without the thief's tokens that can only raise the alarm."""
        if not state.stolen or state.row is None:
            return state
        oldest = min((row.predecessor or 0) for row in (state.row, *(state.lost_writes or ())))
        return state._replace(
            stolen=frozenset(token for token in state.stolen if token >= oldest),
            stolen_access=frozenset(token for token in state.stolen_access if token > oldest),
        )


def without(items: tuple[Any, ...], index: int) -> tuple[Any, ...]:
    return items[:index] + items[index + 1 :]


def way_to(state: State, came_from: dict[State, tuple[State, str] | None]) -> list[str]:
    steps = []
    while (origin := came_from[state]) is not None:
        state, step = origin
        steps.append(step)
    return steps[::-1]
