"""A Django project on a threaded server: ``python -m tests.browser.serve LOG [--certificate PEM] [--port N]``.

Prints its port when it answers. Every request is a line of JSON in LOG. A line on stdin, ``PATH N``, makes the next N
requests for that path wait until all have arrived; it ends when stdin does, so it never outlives the tests.
"""

import argparse
import json
import ssl
import sys
import threading

import django
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.http.cookie import parse_cookie

PATIENCE = 20


class Handler(WSGIRequestHandler):
    # Headers and body are two writes, and a client on a kept connection may wait 40 ms to acknowledge the first.
    disable_nagle_algorithm = True

    def get_environ(self):
        environ = super().get_environ()
        if "Cookie" in self.headers:
            # wsgiref strips whatever Python takes for a space, U+00A0 too; servers for production what RFC 9110 does.
            environ["HTTP_COOKIE"] = self.headers["Cookie"].strip(" \t")
        return environ

    def log_message(self, *args):
        """The log of this server is another."""


class Gates:
    """Holds requests back until the agreed number of them has arrived."""

    def __init__(self):
        self.barriers = {}

    def close(self, path, parties):
        self.barriers[path] = threading.Barrier(parties, action=lambda: self.barriers.pop(path))

    def wait(self, path):
        barrier = self.barriers.get(path)
        if barrier is not None:
            barrier.wait(PATIENCE)


class Watched:
    """A WSGI application whose every request waits at the gates and is written down before it is answered."""

    def __init__(self, application, scheme, log, gates):
        self.application, self.scheme, self.log, self.gates = application, scheme, log, gates
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        environ["wsgi.url_scheme"] = self.scheme
        # Before the project's middleware can write to it.
        forwarded = [name for name in ("HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED") if name in environ]
        if environ["REQUEST_METHOD"] != "OPTIONS":
            self.gates.wait(environ["PATH_INFO"])

        def start(status, headers, exc_info=None):
            self._write_down(environ, status, forwarded)
            return start_response(status, headers, exc_info)

        return self.application(environ, start)

    def _write_down(self, environ, status, forwarded):
        entry = {
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "status": int(status.split()[0]),
            "cookies": sorted(parse_cookie(environ.get("HTTP_COOKIE", ""))),
            "origin": environ.get("HTTP_ORIGIN"),
            "fetch_site": environ.get("HTTP_SEC_FETCH_SITE"),
            "fetch_mode": environ.get("HTTP_SEC_FETCH_MODE"),
            "skipped": environ.get("HTTP_SECURE_SESSION_SKIPPED"),
            "forwarded": forwarded,
        }
        with self.lock:
            self.log.write(json.dumps(entry) + "\n")
            self.log.flush()


def main(make_application=lambda: StaticFilesHandler(get_wsgi_application())):
    parser = argparse.ArgumentParser()
    parser.add_argument("log", type=argparse.FileType("a"))
    parser.add_argument("--certificate")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    django.setup()
    gates = Gates()
    server = ThreadedWSGIServer(("127.0.0.1", options.port), Handler)
    scheme = "https" if options.certificate else "http"
    server.set_app(Watched(make_application(), scheme, options.log, gates))
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    for line in sys.stdin:
        path, parties = line.split()
        gates.close(path, int(parties))
        print("held", flush=True)


if __name__ == "__main__":
    main()
