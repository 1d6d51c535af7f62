"""The example's settings. Only the password hasher is another: the app is to be measured, and not the hash."""

from config.settings import *  # noqa: F403

MIDDLEWARE = ["benchmarks.scale.middleware.NameWorker", *MIDDLEWARE]  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Failed requests are counted by whoever sent them; the log of the workers is to say why they failed.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "fastauth_django": {"handlers": ["stderr"], "level": "WARNING"},
    },
}
