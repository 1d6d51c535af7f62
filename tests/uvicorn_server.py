"""A real ASGI server: ``python -m tests.uvicorn_server`` serves the pages and prints its port when it is up."""

import os
import socket

import uvicorn
from django.core.asgi import get_asgi_application


class Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.page_settings"
    config = uvicorn.Config(get_asgi_application(), host="127.0.0.1", port=0, lifespan="off", log_level="warning")
    Server(config).run()


if __name__ == "__main__":
    main()
