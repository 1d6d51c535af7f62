"""Run in a reader's project: its checks, and one account through the four acts. Prints JSON in the last line.

The clients are Django's own, over HTTPS, so that a production's settings can be used.
"""

import contextlib
import io
import json
import os
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))
os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
warnings.simplefilter("error")

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

options = {"origin": None, **json.loads(sys.argv[-1])}
host = next((name for name in settings.ALLOWED_HOSTS if name != "*"), "localhost")
client = Client(SERVER_NAME=host, headers={"origin": options["origin"]} if options["origin"] else {})
result = {"statuses": {}}

with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
    try:
        call_command("check", fail_level="WARNING")
    except Exception as error:
        said.write(str(error))
result["complaints"] = said.getvalue().replace("System check identified no issues (0 silenced).\n", "")

account = {"username": "ada", "email": "ada@example.com", "password": "correct horse battery"}
for act, method, path, body in [
    ("register", "post", "/auth/register", account),
    ("login", "post", "/auth/login", account),
    ("me", "get", "/auth/me", None),
    ("refresh", "post", "/auth/refresh", {}),
    ("sessions", "get", "/auth/sessions", None),
    ("logout", "post", "/auth/logout", {}),
]:
    arguments = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    response = getattr(client, method)(path, secure=True, **arguments)
    result["statuses"][act] = response.status_code
    result[act] = {
        "cookies": [morsel.OutputString() for morsel in response.cookies.values()],
        "headers": dict(response.headers),
        "body": response.json(),
    }
print(json.dumps(result))
