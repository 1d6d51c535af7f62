"""A client of a project that runs in another process."""

from urllib.parse import urljoin

import requests


class Visitor(requests.Session):
    """Keeps cookies as a browser does. Follows no redirect by itself, so that a test sees each step."""

    def __init__(self, origin: str) -> None:
        super().__init__()
        self.origin = origin

    def request(self, method, path, **kwargs) -> requests.Response:
        kwargs = {"allow_redirects": False, "timeout": 20, **kwargs}
        return super().request(method, urljoin(self.origin, path), **kwargs)

    def sign_in(self, path: str = "/auth/login", **credentials: str) -> requests.Response:
        return self.post(path, json=credentials)

    def holds(self) -> set[str]:
        """The names of the cookies in the jar."""
        return {cookie.name for cookie in self.cookies}
