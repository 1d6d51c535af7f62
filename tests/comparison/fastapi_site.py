"""A site with FastAuth itself, and the view of Django through which the client of the other peers reaches it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from django.core import mail
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from fastapi import Depends, FastAPI
from fastauth import FastAuth, FastAuthConfig
from fastauth.adapters.sqlalchemy import SQLAlchemyAdapter
from fastauth.api.deps import require_auth
from fastauth.config import JWTConfig
from fastauth.core.credentials import hash_password
from fastauth.providers.credentials import CredentialsProvider
from fastauth.providers.google import GoogleProvider
from fastauth.providers.magic_links import MagicLinksProvider
from fastauth.providers.passkey import PasskeyProvider
from fastauth.session_backends.memory import MemorySessionBackend
from sqlalchemy import event


class Mails:
    """FastAuth's mails, where those of the Django packages are."""

    async def send(self, to: str, subject: str, body_html: str, body_text: str | None = None) -> None:
        mail.outbox.append(mail.EmailMessage(subject, body_text or body_html, to=[to]))


class Site:
    """Cookie delivery at ``/auth/``, JSON delivery for the same accounts at ``/app/auth/``."""

    def __init__(self, database: str) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.adapter = SQLAlchemyAdapter(engine_url=f"sqlite+aiosqlite:///{database}")
        self.app = self.make_app("cookie")
        self.app.mount("/app", self.make_app("json"))
        self.empty()

    def make_app(self, delivery: str) -> FastAPI:
        config = FastAuthConfig(
            secret="for the comparison only, and long enough for HS256",
            providers=[
                CredentialsProvider(),
                MagicLinksProvider(),
                GoogleProvider("id", "secret"),
                PasskeyProvider("testserver", "Comparison", "http://testserver"),
            ],
            adapter=self.adapter.user,
            token_adapter=self.adapter.token,
            oauth_adapter=self.adapter.oauth,
            oauth_state_store=MemorySessionBackend(),
            passkey_adapter=self.adapter.passkey,
            passkey_state_store=MemorySessionBackend(),
            token_delivery=delivery,
            # Without them FastAuth 0.5.8 refuses its own tokens under joserfc 1.8.
            jwt=JWTConfig(issuer="http://testserver", audience=["comparison"]),
            email_transport=Mails(),
        )
        auth = FastAuth(config)
        auth.session_adapter = self.adapter.session
        app = FastAPI()
        auth.mount(app)

        @app.api_route("/protected", methods=["GET", "POST"])
        async def protected(user=Depends(require_auth)) -> None:  # noqa: B008
            """What needs a user."""

        return app

    def wait_for(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def as_django_view(self) -> Callable[[HttpRequest], HttpResponse]:
        """Hand a request on as it came, and its answer back."""
        transport = httpx.ASGITransport(self.app)

        async def ask(request: httpx.Request) -> httpx.Response:
            answer = await transport.handle_async_request(request)
            await answer.aread()
            return answer

        @csrf_exempt
        def view(request: HttpRequest) -> HttpResponse:
            headers = {name: value for name, value in request.headers.items() if value}
            url = request.build_absolute_uri()
            asked = httpx.Request(request.method or "", url, headers=headers, content=request.body)
            answer = self.wait_for(ask(asked))
            response = HttpResponse(answer.content, status=answer.status_code)
            for name, value in answer.headers.multi_items():
                if name == "set-cookie":
                    response.cookies.load(value)
                else:
                    response[name] = value
            return response

        return view

    def create_user(self, email: str, password: str) -> None:
        self.wait_for(self.adapter.user.create_user(email, hash_password(password)))

    def set_password(self, email: str, password: str) -> None:
        user = self.wait_for(self.adapter.user.get_user_by_email(email))
        self.wait_for(self.adapter.user.set_hashed_password(user["id"], hash_password(password)))

    def empty(self) -> None:
        self.wait_for(self.adapter.drop_tables())
        self.wait_for(self.adapter.create_tables())

    @contextmanager
    def captured_queries(self) -> Iterator[list[str]]:
        captured: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            captured.append(statement)

        engine = self.adapter._engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield captured
        finally:
            event.remove(engine, "before_cursor_execute", note)
