"""The settings of the test suite, with django-axes put in as its documentation says. Nothing of ours is changed."""

from tests.settings import *  # noqa: F403
from tests.settings import FASTAUTH, INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "axes"]
MIDDLEWARE = [*MIDDLEWARE, "axes.middleware.AxesMiddleware"]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = 3
AXES_COOLOFF_TIME = 1
AXES_RESET_ON_SUCCESS = True
# Each limit by itself: ours is out of the way unless a test says otherwise.
FASTAUTH = {**FASTAUTH, "LOGIN_FAILURE_LIMIT": 1000}
