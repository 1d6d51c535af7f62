"""A site with FastAuth itself: ``python -m tests.integration.fastauth_site DATABASE``.

Cookie delivery at ``/auth/``, and JSON delivery for the same accounts at ``/json/auth/``. Prints its port when it
answers, and ends when its stdin does. ``FASTAUTH_SECRET`` signs its tokens.
"""

import os
import socket
import sys
import threading
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from fastauth import FastAuth, FastAuthConfig
from fastauth.adapters.sqlalchemy import SQLAlchemyAdapter
from fastauth.config import JWTConfig
from fastauth.providers.credentials import CredentialsProvider

if __name__ == "__main__":
    adapter = SQLAlchemyAdapter(engine_url=f"sqlite+aiosqlite:///{sys.argv[1]}")

    @asynccontextmanager
    async def lifespan(app):
        await adapter.create_tables()
        yield

    def make_app(delivery):
        config = FastAuthConfig(
            secret=os.environ["FASTAUTH_SECRET"],
            providers=[CredentialsProvider()],
            adapter=adapter.user,
            token_adapter=adapter.token,
            token_delivery=delivery,
            # Without them FastAuth 0.5.8 refuses its own tokens under joserfc 1.8.
            jwt=JWTConfig(issuer="https://auth.example.com", audience=["mysite"]),
            debug=True,
        )
        app = FastAPI(lifespan=lifespan)
        FastAuth(config).mount(app)
        return app

    app = make_app("cookie")
    app.mount("/json", make_app("json"))
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    print(listening.getsockname()[1], flush=True)
    sys.stdin.read()
