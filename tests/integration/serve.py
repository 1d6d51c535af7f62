"""A project on the server of the browser tests, checked and prepared in the same process: it starts sooner.

It answers with what the project has, and not with the static files that ``runserver`` adds. ``PROJECT_COMMANDS`` and
``PROJECT_USERS`` are JSON: what ``manage.py`` has to do before, and accounts to make, by name and password.
"""

import importlib
import json
import os
from io import StringIO

import django
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

from tests.browser import serve

if __name__ == "__main__":
    django.setup()
    call_command("check", fail_level="WARNING", stdout=StringIO())  # stdout is for the port alone
    for command in json.loads(os.environ["PROJECT_COMMANDS"]):
        call_command(*command.split(), verbosity=0)
        importlib.invalidate_caches()  # It may have written migrations.
    for name, password in json.loads(os.environ["PROJECT_USERS"]).items():
        get_user_model().objects.create_user(name, f"{name}@example.com", password)
    serve.main(get_wsgi_application)
