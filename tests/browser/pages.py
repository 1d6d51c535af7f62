"""Pages that are not the API's: front ends on other origins, and attackers'. A plain server, for any host."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import fastauth_django

FRONT_END = (Path(__file__).parent / "front_end.html").read_text()
CLIENT = Path(fastauth_django.__file__).parent / "static/fastauth_django/fastauth.js"
BLANK = '<!doctype html><title>A page of somebody else</title><link rel="icon" href="data:,"><body>'


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/page":
            self._answer(FRONT_END.encode(), "text/html")
        elif path == "/static/fastauth_django/fastauth.js":
            self._answer(CLIENT.read_bytes(), "text/javascript")
        elif path == "/set-cookie":
            # Byte for byte what the query says: a header can hold what script cannot write.
            self._answer(BLANK.encode(), "text/html", cookie=unquote(query, encoding="latin-1"))
        else:
            self._answer(BLANK.encode(), "text/html")

    def _answer(self, body, content_type, cookie=None):
        self.send_response(200)
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing."""


class QuietServer(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Browsers open connections ahead of need and drop them."""


def serve_tls(server: ThreadingHTTPServer, certificate: Path) -> None:
    """Have ``server`` speak TLS from now on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    # The handshake belongs to the connection's own thread: one slow client must not stop the others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)


class Pages:
    """``pages.origin("app.example.test")`` is an origin whose ``/page`` is the front end. Its other paths are blank."""

    def __init__(self, certificate: Path | None) -> None:
        self.scheme = "https" if certificate else "http"
        self.server = QuietServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        if certificate:
            serve_tls(self.server, certificate)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def origin(self, host: str) -> str:
        return f"{self.scheme}://{host}:{self.port}"

    def front_end(self, host: str, api: str) -> str:
        """The address of the front end on ``host`` that calls the API on the origin ``api``."""
        return f"{self.origin(host)}/page?api={api}/auth/"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
