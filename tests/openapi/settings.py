"""The example project's settings, with a password hasher and a database that thousands of requests can afford."""

from config.settings import *  # noqa: F403
from config.settings import DATABASES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES["default"]["OPTIONS"] = {"init_command": "PRAGMA synchronous=OFF"}
