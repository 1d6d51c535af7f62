"""The test project, with ``REST_FRAMEWORK`` as an existing project may have it: ``WIRE_REST_FRAMEWORK``, as JSON."""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, REST_FRAMEWORK

ROOT_URLCONF = "tests.wire.urls"
INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework_json_api", "drf_standardized_errors"]
REST_FRAMEWORK = {**REST_FRAMEWORK, **json.loads(os.environ["WIRE_REST_FRAMEWORK"])}
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
# The tables of the models as they are: quicker than migrations.
MIGRATION_MODULES = {path.rpartition(".")[2]: None for path in INSTALLED_APPS}
