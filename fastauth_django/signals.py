"""Signals of this app. Signing in and out also send Django's own ``user_logged_in`` and ``user_logged_out``.

==========================  =================================================================================
``user_signed_up``          ``sender`` (user class), ``request``, ``user``. Sent in the transaction that creates the
                            account: a receiver that raises stops the sign-up
``token_refreshed``         ``sender`` (AuthSession), ``request``, ``session``
``session_revoked``         ``sender`` (AuthSession), ``request`` (or None), ``session``, ``reason``
``refresh_token_reused``    ``sender`` (AuthSession), ``request``, ``session``, ``same_client``: whether address and
                            user agent are those of the last rotation, and ``age``: seconds since it. Sent after
                            the session was revoked
``refresh_token_repeated``  ``sender`` (AuthSession), ``request``, ``session``, ``lost``: False for a second tab, or a
                            quick retry; True where the answer to the last rotation never arrived
``device_proof_failed``     ``sender`` (AuthSession), ``request``, ``session``, ``reason``: ``"signature"``, a proof
                            that the session's device did not sign, or ``"refresh_token"``, one that was
                            presented for a session that is bound to a device. For each session and reason
                            once a minute in each process
==========================  =================================================================================

All but ``user_signed_up`` tell of something that is done already, as ``user_logged_out`` does. A receiver of them that
raises is logged, and changes neither the answer nor what was done. If a transaction of the project's is rolled back
later, what they told of is undone with it: a receiver that writes a mail does so in ``transaction.on_commit``.

A receiver may stop a request on purpose in two places. If one of ``user_signed_up`` raises, there is no account. If one
of Django's ``user_logged_in`` raises, the client gets no token. That signal is sent after the session was written: its
row stays, and nobody has a token for it. (``user_login_failed`` is sent by Django's ``authenticate()``, and a receiver
that raises stops that request, too.)

At a sign-out, ``session`` and the ``user`` of ``user_logged_out`` are lazy: the
database is asked for them when a receiver looks at them.
"""

import logging
from contextlib import ExitStack, suppress
from typing import Any

from django.db import connections, transaction
from django.dispatch import Signal

user_signed_up = Signal()
token_refreshed = Signal()
session_revoked = Signal()
refresh_token_reused = Signal()
refresh_token_repeated = Signal()
device_proof_failed = Signal()

logger = logging.getLogger("fastauth_django.security")


def announce(signal: Signal, sender: type, **about: Any) -> None:
    """Send ``signal`` of something that is done. A receiver that raises changes neither that nor the answer.

    In a transaction it runs in a savepoint, so that a query of a receiver that fails does not break what is done there.
    """
    if not signal.has_listeners(sender):
        return
    # Suppressed is what a handler of the project's logging raises, to which Django reports the receiver's error.
    with suppress(Exception), ExitStack() as stack:
        for connection in connections.all(initialized_only=True):
            if connection.in_atomic_block:
                stack.enter_context(transaction.atomic(using=connection.alias))
        signal.send_robust(sender, **about)


def log(level: int, message: str, *args: object) -> None:
    """Write to the security log. A handler that raises, such as one that mails, changes nothing either."""
    with suppress(Exception):
        logger.log(level, message, *args)
