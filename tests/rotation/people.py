"""A client of a server that is a process of its own: a cookie jar over plain HTTP."""

from http.client import HTTPConnection
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from tests.clients import REFRESH
from tests.reading import refresh_claims


class Person:
    """A browser that sends its cookies, though they are ``Secure``, to the loopback interface."""

    def __init__(self, port: int, jar: dict[str, str] | None = None) -> None:
        self.port, self.jar = port, dict(jar or {})

    def request(self, method: str, path: str, data: dict[str, str] | None = None) -> int:
        client = HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.jar.items())} if self.jar else {}
        if data is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        client.request(method, path, body=urlencode(data or {}), headers=headers)
        response = client.getresponse()
        response.read()
        client.close()
        for header in response.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(header).items():
                if morsel["max-age"] == "0":
                    self.jar.pop(name, None)
                else:
                    self.jar[name] = morsel.value
        return response.status

    def refresh(self) -> int:
        return self.request("POST", "/auth/refresh")

    def is_let_in(self) -> bool:
        return self.request("GET", "/private") == 200

    def clone(self) -> "Person":
        return Person(self.port, self.jar)

    @property
    def session_id(self) -> str:
        return refresh_claims(self.jar[REFRESH])["sid"]
