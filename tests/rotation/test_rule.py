"""What each refresh token of a session buys, row by row."""

import pytest

from fastauth_django.exceptions import RefreshTokenReused, SessionBehind
from fastauth_django.sessions import generation_after
from tests.rotation.model import NOW, Row, Token

#: Signed in; refreshed once; refreshed after two lost answers; gone on after a failover; a row of version 0.1.0.
SIGNED_IN = Row(0, None, None)
ONCE = Row(1, 0, False)
THRICE = Row(3, 0, False)
JUMPED = Row(1002, 2, False)
OLD = Row(5, None, None)


@pytest.mark.parametrize(
    ("row", "token", "bought"),
    [
        (SIGNED_IN, 0, 1),
        (ONCE, 1, 2),
        (ONCE, 0, None),
        (ONCE._replace(fresh=False), 0, 2),
        (ONCE._replace(fresh=False, seen=True), 0, RefreshTokenReused),
        (ONCE._replace(seen=True), 0, None),
        # Lost twice: each tab gets an answer of its own, and the first that comes back counts.
        (THRICE, 0, 4),
        (THRICE, 3, 4),
        (THRICE, 2, 1003),
        (THRICE, 1, 1003),
        (Row(1003, 2, False), 1, RefreshTokenReused),
        (Row(1003, 2, False), 3, RefreshTokenReused),
        (Row(1003, 2, False), 2, 1004),
        (THRICE._replace(seen=True), 0, None),
        (THRICE._replace(seen=True, fresh=False), 0, RefreshTokenReused),
        # The row is behind.
        (ONCE, 2, 1002),
        (ONCE, 3, 1003),
        (ONCE, 4, SessionBehind),
        (JUMPED, 2, None),
        (JUMPED, 1, RefreshTokenReused),
        (JUMPED, 3, RefreshTokenReused),
        (JUMPED._replace(fresh=False), 2, 1003),
        # A second failover lost the jump, and two rotations at most besides.
        (ONCE, 1001, 2001),
        (ONCE, 1002, 2002),
        (ONCE, 1003, 2003),
        (ONCE, 1004, SessionBehind),
        # An older process rotated: the columns say nothing.
        (OLD, 5, 6),
        (OLD, 4, None),
        (OLD._replace(fresh=False), 4, RefreshTokenReused),
        (OLD, 3, RefreshTokenReused),
    ],
)
def test_what_a_token_buys(row, token, bought):
    if isinstance(bought, int | None):
        assert generation_after(row.session(), Token(token), NOW) == bought
    else:
        with pytest.raises(bought):
            generation_after(row.session(), Token(token), NOW)


@pytest.mark.parametrize("row", [SIGNED_IN, ONCE, THRICE, JUMPED, OLD])
def test_without_a_grace_only_the_present_generation_is_answered(row, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "REFRESH_GRACE": 0}
    for fresh in (True, False):
        with pytest.raises(RefreshTokenReused):
            generation_after(row._replace(fresh=fresh).session(), Token(row.session().predecessor_generation), NOW)
    assert generation_after(row.session(), Token(row.generation), NOW) == row.generation + 1
