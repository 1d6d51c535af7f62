"""Signals of this app. Signing in and out also send Django's own ``user_logged_in`` and ``user_logged_out``.

=========================  ==================================================================================
``user_signed_up``         ``sender`` (user class), ``request``, ``user``
``token_refreshed``        ``sender`` (AuthSession), ``request``, ``session``
``session_revoked``        ``sender`` (AuthSession), ``request`` (or None), ``session``, ``reason``
``refresh_token_reused``   ``sender`` (AuthSession), ``request``, ``session``. Sent before the session's
                           ``session_revoked``
``device_proof_failed``    ``sender`` (AuthSession), ``request``, ``session``, ``reason``: ``"signature"``, a proof
                           that the session's device did not sign, or ``"refresh_token"``, one that was
                           presented for a session that is bound to a device
=========================  ==================================================================================

At a sign-out, ``session`` and the ``user`` of ``user_logged_out`` are lazy: the database is asked for them when a
receiver looks at them.
"""

from django.dispatch import Signal

user_signed_up = Signal()
token_refreshed = Signal()
session_revoked = Signal()
refresh_token_reused = Signal()
device_proof_failed = Signal()
