"""nginx, in the foreground and with all its files in its own directory. What it serves is for a subclass to write."""

from __future__ import annotations

import socket

from tests.databases import Server, found


class Nginx(Server):
    stop_signal = "QUIT"

    @property
    def configuration(self) -> str:
        return f"{self.directory}/nginx.conf"

    @property
    def places(self) -> str:
        """The lines of the ``http`` block that keep temporary files in the directory."""
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        return "\n".join(f"  {kind}_temp_path {self.directory};" for kind in kinds)

    def command(self) -> list[str]:
        options = ["-p", self.directory, "-c", self.configuration, "-e", "stderr", "-g", "daemon off;"]
        return [found("nginx"), *options]

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
