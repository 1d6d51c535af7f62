"""What the page at / shows of cookies that no script can read. A demonstration: a real project needs none of this."""

import json
import time
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase


class ShowSetCookie:
    """Repeats the names and attributes of the cookies an answer sets in ``X-Demo-Set-Cookie``, never their values.

    ``X-Demo-Expires-In`` says how many seconds the access token lives that the request was authenticated with, and
    ``X-Demo-Renewed-At``, where the session is bound to the device, when the browser got it (seconds since 1970) and
    which one it is, for two may be of the same second.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.cookies:
            shown = [
                {
                    "name": morsel.key,
                    "cleared": morsel["max-age"] == 0,
                    "attributes": morsel.OutputString().removeprefix(f"{morsel.key}={morsel.coded_value}").lstrip("; "),
                }
                for morsel in response.cookies.values()
            ]
            response.headers["X-Demo-Set-Cookie"] = json.dumps(shown)
        token = getattr(request, "auth", None)
        if token is not None and "exp" in token:
            response.headers["X-Demo-Expires-In"] = str(max(0, int(token["exp"] - time.time())))
            session = getattr(token, "session", None)
            if session is not None and session.is_device_bound and token.key_thumbprint is not None:
                response.headers["X-Demo-Renewed-At"] = f"{token['iat']} {token['jti'][:8]}"
        return response
