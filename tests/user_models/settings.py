"""The test project with one of these user models: ``TEST_USER_MODEL``."""

from tests.settings import *  # noqa: F403  # the same settings but for what stands here
from tests.settings import DATABASES, INSTALLED_APPS


class NoMigrations:
    """Every app's tables are made from its models, so that none of these models needs a migration."""

    def __contains__(self, app: str) -> bool:
        return True

    def __getitem__(self, app: str) -> None:
        return None


INSTALLED_APPS = [*INSTALLED_APPS, "tests.user_models"]
MIGRATION_MODULES = NoMigrations()
DATABASES = {"default": {**DATABASES["default"], "NAME": ":memory:"}}
ROOT_URLCONF = "tests.user_models.urls"
FASTAUTH = {
    "TOKEN_DELIVERY": "cookie",
    "USER_SERIALIZER": "tests.user_models.serializers.DescribingSerializer",
    "MAX_SESSIONS_PER_USER": 2,
}
