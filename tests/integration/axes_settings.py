"""The settings of the test suite, with django-axes put in as the page of the documentation says."""

from tests.integration.project import steps
from tests.settings import *  # noqa: F403
from tests.settings import FASTAUTH

[(_how, _file, _code)] = steps("integrations/axes.md")
exec(_code)  # noqa: S102
# Each limit by itself: ours is out of the way unless a test says otherwise.
FASTAUTH = {**FASTAUTH, "LOGIN_FAILURE_LIMIT": 1000}
