"""A small OpenID Connect provider: a consent page for the browser, and the endpoints that a site calls itself."""

import json
import threading
import time
from html import escape
from http.server import BaseHTTPRequestHandler
from secrets import token_urlsafe
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests.browser.pages import QuietServer, serve_tls

CLIENT_ID, SECRET = "mysite", "the secret that the provider gave the site"
#: What a project of the documentation's page reads from its environment.
SECRETS = {
    "IDP_SECRET": SECRET,
    **dict.fromkeys(["GOOGLE_CLIENT_ID", "GOOGLE_SECRET", "GITHUB_CLIENT_ID", "GITHUB_SECRET"], "of the tests' own"),
}
PERSON = {"sub": "248289761001", "email": "grace@example.com", "email_verified": True, "name": "Grace Hopper"}


class Handler(BaseHTTPRequestHandler):
    """``GET /authorize`` asks the visitor. A code buys one access token, and that the description of a person."""

    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/.well-known/openid-configuration":
            self._answer(self.server.provider.configuration)
        elif url.path == "/jwks":
            self._answer({"keys": [self.server.provider.public_key]})
        elif url.path == "/authorize":
            assert query["client_id"] == CLIENT_ID
            code = token_urlsafe()
            self.server.provider.codes[code] = query["redirect_uri"]
            back = query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"]})
            self._answer(f'<!doctype html><title>Provider</title><a id="allow" href="{escape(back)}">Allow</a>')
        elif self.headers["Authorization"] == f"Bearer {self.server.provider.access_token}":
            self._answer(PERSON)
        else:
            self._answer({"error": "invalid_token"}, status=401)

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        sent = {name: values[0] for name, values in form.items()}
        if (sent["client_id"], sent["client_secret"]) != (CLIENT_ID, SECRET):
            self._answer({"error": "invalid_client"}, status=401)
        elif self.server.provider.codes.pop(sent["code"], None) != sent["redirect_uri"]:
            self._answer({"error": "invalid_grant"}, status=400)
        else:
            self._answer(self.server.provider.tokens())

    def _answer(self, body, status=200):
        is_page = isinstance(body, str)
        content = (body if is_page else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if is_page else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        """Say nothing."""


class Provider:
    """``provider.address`` is for the site. With a certificate, visitors are asked at ``https://idp.other.test``."""

    def __init__(self, certificate=None):
        self.codes, self.access_token = {}, token_urlsafe()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.servers = [self._start(None)]
        self.address = f"http://127.0.0.1:{self.servers[0].server_port}"
        self.consent_origin = self.address
        if certificate is not None:
            self.servers.append(self._start(certificate))
            self.consent_origin = f"https://idp.other.test:{self.servers[1].server_port}"

    def _start(self, certificate):
        server = QuietServer(("127.0.0.1", 0), Handler)
        server.provider = self
        if certificate is not None:
            serve_tls(server, certificate)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    @property
    def configuration(self):
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.consent_origin}/authorize",
            "token_endpoint": f"{self.address}/token",
            "userinfo_endpoint": f"{self.address}/userinfo",
            "jwks_uri": f"{self.address}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    @property
    def public_key(self):
        return {**ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True), "kid": "1", "alg": "ES256"}

    def as_setting(self):
        """The line that has a project of the page ask this provider."""
        server_url = 'SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"]["server_url"]'
        return f"{server_url} = {self.address!r}"

    def tokens(self):
        now = int(time.time())
        claims = {**PERSON, "iss": self.address, "aud": CLIENT_ID, "iat": now, "exp": now + 60}
        return {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": 60,
            "id_token": jwt.encode(claims, self._key, "ES256", {"kid": "1"}),
        }

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
