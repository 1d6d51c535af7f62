"""A project on the server of the browser tests, checked and with its tables made in the same process: it starts sooner.

It answers with what the project has, and not with the static files that ``runserver`` adds. ``PROJECT_USERS`` is JSON:
accounts to make, by name and password, or null where the project has no tables.
"""

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
    users = json.loads(os.environ["PROJECT_USERS"])
    if users is not None:
        call_command("migrate", verbosity=0)
        for name, password in users.items():
            get_user_model().objects.create_user(name, f"{name}@example.com", password)
    serve.main(get_wsgi_application)
