"""Which database the suite runs on. ``FASTAUTH_TEST_DATABASE`` is ``sqlite``, ``postgres`` or ``mariadb``."""

from typing import Any


def settings_for(kind: str) -> dict[str, Any]:
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:fastauth?mode=memory&cache=shared"}
