"""Two promises of the rotation, by the model checker of :mod:`.model`, and what breaks them."""

from datetime import timedelta

import pytest

from fastauth_django.exceptions import RefreshTokenReused
from fastauth_django.sessions import generation_after
from tests.rotation.model import World

pytestmark = pytest.mark.slow

HONEST = {"generations": 4}
#: The owner's requests come one after the other here: it is the thief who comes between.
WITH_THIEF = {"thief": True, "tabs": 1, "crash": False, "failover": 0, "generations": 7, "rounds": 4}


def arrives(session, generation):
    return session.is_answer(generation) and not session.is_seen


def in_grace(session, now):
    return now - session.rotated_at <= timedelta(seconds=10)


def explain(steps):
    return "\n".join(["a way was found:", *steps]) if steps else None


@pytest.mark.parametrize(("tabs", "failover"), [(3, 0), (2, 1), (1, 2)])
def test_nobody_honest_is_signed_out(tabs, failover):
    """A request that is on its way while the database loses two writes may come too late, as one after the grace."""
    steps = World(generation_after, arrives, tabs=tabs, failover=failover, **HONEST).counterexample()
    assert steps is None, explain(steps)


def test_no_thief_keeps_up_with_the_owner_unseen():
    steps = World(generation_after, arrives, **WITH_THIEF).counterexample()
    assert steps is None, explain(steps)


# --- Weaker rules, which the checker has to see through ------------------------------------------------------------


def same_successor_for_ever(session, token, now):
    if token.generation == session.generation:
        return session.generation + 1
    if token.generation == session.predecessor_generation:
        return None
    raise RefreshTokenReused(session)


def predecessor_is_one_less(session, token, now):
    """A lost answer given again becomes the only one that may be lost."""
    if token.generation == session.generation:
        return session.generation + 1
    if token.generation == session.generation - 1:
        return None if in_grace(session, now) else session.generation + 1 if not session.is_seen else reuse(session)
    raise RefreshTokenReused(session)


def the_clock_alone(session, token, now):
    """What others do, and version 0.1.0 did: after the grace an answer has arrived."""
    if token.generation == session.generation:
        return session.generation + 1
    if token.generation == session.predecessor_generation and in_grace(session, now):
        return None
    raise RefreshTokenReused(session)


def ahead_is_reuse(session, token, now):
    if token.generation > session.generation:
        raise RefreshTokenReused(session)
    return generation_after(session, token, now)


def no_grace(session, token, now):
    if token.generation == session.predecessor_generation:
        raise RefreshTokenReused(session)
    return generation_after(session, token, now)


def predecessor_for_ever_in_the_grace(session, token, now):
    """A thief who repeats the predecessor every few seconds would hold the owner in the grace of his own rotations."""
    if token.generation == session.generation:
        return session.generation + 1
    if token.generation == session.predecessor_generation:
        return None if in_grace(session, now) else session.generation + 1 if not session.is_seen else reuse(session)
    raise RefreshTokenReused(session)


def reuse(session):
    raise RefreshTokenReused(session)


@pytest.mark.parametrize(
    "rule", [predecessor_is_one_less, the_clock_alone, ahead_is_reuse, no_grace], ids=lambda rule: rule.__name__
)
def test_a_rule_that_forgives_less_signs_somebody_honest_out(rule):
    assert World(rule, arrives, **HONEST).counterexample()


def test_the_same_successor_for_ever_lets_a_thief_follow():
    assert World(same_successor_for_ever, arrives, repeat_successor=True, **WITH_THIEF).counterexample()


def test_the_grace_of_a_repeated_rotation_lets_a_thief_follow():
    world = World(predecessor_for_ever_in_the_grace, arrives, **{**WITH_THIEF, "rounds": 5})
    assert world.counterexample()


def test_in_json_delivery_the_repeated_successor_lets_a_thief_follow():
    """Known, and decided otherwise: an app shares no jar, so a quick retry gets the successor itself. Who copied its
    token and asks again within the grace of each of its rotations holds what it holds."""
    assert World(generation_after, arrives, repeat_successor=True, **WITH_THIEF).counterexample()


def test_an_answer_of_its_own_for_each_repetition_would_stop_him():
    def rule(session, token, now):
        bought = generation_after(session, token, now)
        return session.generation + 1 if bought is None else bought

    assert World(rule, arrives, **WITH_THIEF).counterexample() is None
    assert World(rule, arrives, **HONEST).counterexample() is None


def test_a_straggler_of_the_grandparent_inside_the_grace_is_still_reuse():
    """Known: a tab that refreshes with the cookie that another tab got a moment ago leaves the slowest tab behind."""
    steps = World(generation_after, arrives, hurried=True, failover=0, crash=False, **HONEST).counterexample()
    assert steps is not None
    assert steps[-1] == "server gets 0, answers reuse"
