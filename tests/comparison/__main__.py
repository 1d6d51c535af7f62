"""``python -m tests.comparison`` prints the table; ``--write`` keeps it in docs/comparison.md; ``PEER`` asks one."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from types import ModuleType
from typing import Any

from benchmarks import pages
from tests.comparison.peers import PEERS


def ask(name: str) -> dict[str, Any]:
    """Configure Django for one peer and ask it everything. Once in a process."""
    import django
    from django.conf import settings

    peer = PEERS[name]()
    urls = sys.modules["comparison_urls"] = ModuleType("comparison_urls")
    settings.configure(
        SECRET_KEY="for the comparison only, and long enough for HS256",
        ALLOWED_HOSTS=["testserver"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": peer.database}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", *peer.apps],
        MIDDLEWARE=[
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            *peer.middleware,
        ],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": list(filter(None, [peer.authentication, peer.app_authentication])),
        },
        ROOT_URLCONF="comparison_urls",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {}}],
        USE_TZ=True,
        **peer.settings,
    )
    django.setup()

    from django.core.management import call_command
    from django.test.utils import setup_test_environment
    from django.urls import path
    from django.utils.module_loading import import_string
    from rest_framework.permissions import IsAuthenticated
    from rest_framework.response import Response
    from rest_framework.views import APIView

    class Protected(APIView):
        permission_classes = (IsAuthenticated,)

        def get(self, request: Any) -> Response:
            return Response()

        post = get

    setup_test_environment()
    # First: drf-auth-kit looks up its providers while its routes are imported.
    call_command("migrate", verbosity=0, run_syncdb=True)
    # Both: the routes of the peer, and what they protect.
    urls.urlpatterns = [*peer.urlpatterns(), path("protected", Protected.as_view())]
    if peer.stateless:
        classes = [import_string(peer.stateless)]
        urls.urlpatterns.append(path("stateless", Protected.as_view(authentication_classes=classes)))

    from tests.comparison.questions import answers

    return {
        "label": peer.label,
        "distribution": f"{peer.distribution} {version(peer.distribution)}",
        "setup": peer.setup,
        "answers": answers(peer),
    }


def ask_all() -> list[dict[str, Any]]:
    asked = []
    for name in PEERS:
        done = subprocess.run([sys.executable, "-m", "tests.comparison", name], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        asked.append(json.loads(done.stdout.splitlines()[-1]))
    return asked


def as_markdown(asked: list[dict[str, Any]]) -> str:
    """The table, and how each was set up."""
    rows = [[question, *(peer["answers"][question] for peer in asked)] for question in asked[0]["answers"]]
    versions = ", ".join(f"{name} {version(name)}" for name in ("Django", "djangorestframework"))
    lines = [
        pages.table(["", *(peer["label"] for peer in asked)], rows),
        "",
        f"Run on {datetime.now(UTC):%d %B %Y} with Python {platform.python_version()}, {versions}:",
        "",
        *(f"- **{peer['label']}** ({peer['distribution']}): {peer['setup']}" for peer in asked),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.comparison", description=__doc__)
    parser.add_argument("peer", nargs="?", choices=PEERS, help="ask this one, and print its answers as JSON")
    parser.add_argument("--write", action="store_true", help="keep the table in docs/comparison.md")
    options = parser.parse_args()
    if options.peer:
        print(json.dumps(ask(options.peer)))
        return
    table = as_markdown(ask_all())
    print(table)
    if options.write:
        pages.publish("comparison.md", "python -m tests.comparison", table)


if __name__ == "__main__":
    main()
