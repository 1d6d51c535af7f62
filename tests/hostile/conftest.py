import socket

import pytest


@pytest.fixture
def no_connections(monkeypatch):
    """Whoever follows a URL out of a token fails the test."""

    def refuse(self, address):
        pytest.fail(f"A connection to {address} was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
