"""ASGI applications that a project may name, rightly or wrongly, for the checks to look at."""

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.handlers.asgi import ASGIHandler

from fastauth_django.contrib.channels import AuthSocketMiddleware

sockets = URLRouter([])


def site(websocket):
    return ProtocolTypeRouter({"http": None, "websocket": websocket})


ours = site(AllowedHostsOriginValidator(AuthSocketMiddleware(sockets)))
ours_last = site(AuthMiddlewareStack(AuthSocketMiddleware(sockets)))
theirs = site(AllowedHostsOriginValidator(AuthMiddlewareStack(sockets)))
theirs_last = site(AuthSocketMiddleware(AuthMiddlewareStack(sockets)))
nobodys = site(sockets)
no_sockets = ProtocolTypeRouter({"http": None})
no_channels = ASGIHandler.__new__(ASGIHandler)
