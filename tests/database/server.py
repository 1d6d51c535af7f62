"""A web server to be killed: ``python -m tests.database.server`` serves the suite's routes and prints its port.

With ``--die-after-rotation`` it is killed by the first refresh, when the row is written and the answer is not yet.
"""

import os
import signal
import sys
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.core.wsgi import get_wsgi_application


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


def die(**kwargs: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    application = get_wsgi_application()
    if "--die-after-rotation" in sys.argv:
        from fastauth_django.signals import token_refreshed

        token_refreshed.connect(die)
    with make_server("127.0.0.1", 0, application, handler_class=QuietHandler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
