"""A throwaway Redis."""

import re
import socket
import subprocess

from tests.databases import Server, found


class Redis(Server):
    """A server on a free port of this machine that keeps nothing on the disk: a restart loses all of it."""

    stop_signal = "KILL"

    def install(self) -> None:
        """It needs no files."""

    def command(self) -> list[str]:
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self.directory, "appendonly": "no"}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return [found("redis-server"), *words, "--save", ""]

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    def hang(self, seconds: float) -> None:
        """Accept connections and answer nothing for a while, as an overloaded machine would."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(b"INFO server\r\n")
            process = re.search(rb"process_id:(\d+)", connection.recv(4096))
        assert process is not None
        # In a process of its own, which also wakes it up if this one is killed meanwhile.
        subprocess.run(["sh", "-c", f"kill -STOP $1; sleep {seconds}; kill -CONT $1", "hang", process[1].decode()])

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"
