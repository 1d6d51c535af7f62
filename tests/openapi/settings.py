"""The example project's settings, with a password hasher that a thousand requests can afford."""

from config.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
