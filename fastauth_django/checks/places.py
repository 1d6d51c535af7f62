"""Where a route answers, as far as its patterns tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings as django_settings
from django.urls.resolvers import LocalePrefixPattern, RegexPattern, RoutePattern

#: A part of a regular expression that cannot match a slash.
PIECE = r"\\[^DSW0-9]|\[(?!\^)[^\]/]+\]|\[\^[^\]]*/[^\]]*\]|[^/|()\[\]\\.]"
SEGMENT = re.compile(rf"((?:{PIECE}|\((?!\?P=)(?:{PIECE}|\|)*\))*)(?:(/)(?![?*{{])|\Z)")
PLAIN = re.compile(r"[\w/~-]*")


@dataclass(frozen=True)
class Place:
    """The URLs of a route. ``shown`` is for people, and the URL itself where ``is_exact``; ``regex`` matches them."""

    shown: str
    regex: str
    is_exact: bool = True

    def below(self, pattern: RoutePattern | RegexPattern | LocalePrefixPattern) -> Place:
        """The place of ``pattern`` inside this one."""
        if isinstance(pattern, LocalePrefixPattern):
            # Where the default language has no prefix, there are two kinds of URLs.
            regex = (
                f"(?:{'|'.join(re.escape(code) for code, _name in django_settings.LANGUAGES)})/"
                if pattern.prefix_default_language
                else ".*"
            )
            return Place(f"{self.shown}<language>/", self.regex + regex, is_exact=False)
        regex = _unanchored(pattern.regex.pattern)
        shown = _unanchored(str(pattern))
        is_exact = "<" not in shown if isinstance(pattern, RoutePattern) else PLAIN.fullmatch(regex) is not None
        if "|" in re.sub(r"\([^()]*\)", "", regex):
            regex = f"(?:{regex})"
        return Place(self.shown + shown, self.regex + regex, self.is_exact and is_exact)

    def is_below(self, path: str) -> bool | None:
        """Whether each URL here is ``path`` or below it, as a cookie's path is compared (RFC 6265, section 5.1.4).

        None if that depends on a variable in the URL.
        """
        wanted, own = path.removesuffix("/").split("/"), list(_segments(self.regex))
        is_certain = True
        for part, segment in zip(wanted, own, strict=False):
            if segment is None:
                return None
            if not re.fullmatch(segment, part):
                return False
            is_certain &= segment == re.escape(part)
        return (is_certain or None) if len(own) >= len(wanted) + path.endswith("/") else False


def _unanchored(regex: str) -> str:
    return re.sub(r"(\$|\\Z)$", "", regex.removeprefix("^"))


def _segments(regex: str) -> Iterator[str | None]:
    """The regular expressions of a URL's segments. None: from here on nobody can tell where one ends."""
    position, slash = 0, True
    while slash:
        segment = SEGMENT.match(regex, position)
        if segment is None:
            yield None
            return
        yield segment[1]
        position, slash = segment.end(), bool(segment[2])
