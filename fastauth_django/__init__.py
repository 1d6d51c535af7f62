"""Cookie delivery of JWT sessions for Django REST framework.

The functions here are what a project's own views call. They are imported on first use, because Django imports
this package to find the app before any model may be loaded.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .csrf import refuse_forgery
    from .delivery import sign_in, sign_out, update_session_auth_hash

__version__ = "0.1.0"

__all__ = ["refuse_forgery", "sign_in", "sign_out", "update_session_auth_hash"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import csrf, delivery

        return getattr(csrf if name == "refuse_forgery" else delivery, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
