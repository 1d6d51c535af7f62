"""What a regular expression for origins lets in, told by examples: each is an origin that it matches.

An expression that is too clever for this gets no example, and no message: a check must not guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeAlias

from . import domains

Matches: TypeAlias = Callable[[str], object]

ANY_SITE = "any-site.invalid"
ANY_EXTENSION = f"chrome-extension://{'p' * 32}"
GROUP = re.compile(r"(?<!\\)\((?:\?:|\?P<\w+>)?((?:\\.|\[[^\]]*\]|[^()\\\[])*)\)")
TOKEN = re.compile(r"(?P<one>\\.|\[\^?.[^\]]*\]|.)(?P<more>[*+?]|\{(?P<count>\d+)[^}]*\})?\??")
OPTIONAL = re.compile(r"(\\.|\[\^?.[^\]]*\]|.)[?*]")
WEB_ORIGIN = re.compile(r"(https?://)([^:]+)(:\d+)?")
#: What stands for a class of characters: the first that is in it.
LETTERS = "a1-x0"
MOST = 50


def examples(pattern: str, matches: Matches) -> list[str]:
    """Origins of browsers that ``pattern`` matches, one for each of its alternatives."""
    found = dict.fromkeys(map(_literal, islice(_alternatives(pattern), MOST)))
    return [origin for origin in map(_with_scheme, found) if matches(origin) and domains.origin_fault(origin) is None]


def fault(pattern: str, matches: Matches) -> str | None:
    """Why ``pattern`` matches no origin of a browser, or None if it may: the fault of each text that it matches."""
    texts = [
        _literal(each) for every in islice(_alternatives(pattern), MOST) for each in (every, OPTIONAL.sub("", every))
    ]
    faults = [
        domains.origin_fault(text)
        for each in texts
        for text in (each, each.lower(), _with_scheme(each))
        if matches(text)
    ]
    return faults[0] if faults and None not in faults else None


def _with_scheme(text: str) -> str:
    return text if "://" in text else f"https://{text}"


def _alternatives(pattern: str) -> Iterator[str]:
    """``pattern`` without groups: the innermost is replaced by each of its alternatives."""
    group = GROUP.search(pattern)
    if group is None:
        yield from pattern.split("|")
        return
    before, after = pattern[: group.start()], pattern[group.end() :]
    for alternative in group[1].split("|"):
        yield from _alternatives(before + alternative + after)
    if after.startswith(("?", "*")):
        yield from _alternatives(before + after[1:])


def _literal(pattern: str) -> str:
    """The shortest text that ``pattern`` may mean. A bare dot is taken for a dot, which it matches."""
    text = ""
    for token in TOKEN.finditer(pattern):
        one = token["one"]
        if one in {"^", "$", r"\A", r"\Z", r"\b"}:
            continue
        if one[0] == "[" or one in {r"\d", r"\w", r"\S"}:
            one = next((letter for letter in LETTERS if _is_in(letter, one)), "")
        elif one == "." and token["more"]:
            one = LETTERS[0]
        text += one.removeprefix("\\") * min(int(token["count"] or 1) or 1, MOST)
    return text


def _is_in(letter: str, characters: str) -> bool:
    try:
        return re.fullmatch(characters, letter) is not None
    except re.error:  # A bracket or bar among the characters was taken for one of the pattern's own.
        return False


def allows_every_site(origins: list[str], matches: Matches) -> bool:
    """Whether any page may come, because the pattern has no bounds, or none at its end.

    To an extension's origin, ``moz-extension://<uuid>``, nobody can add anything.
    """
    probes = [f"https://{ANY_SITE}"]
    for origin in origins:
        parts = WEB_ORIGIN.fullmatch(origin)
        if parts:
            scheme, host, port = parts.groups("")
            probes += [f"{scheme}{ANY_SITE}{port}", f"{scheme}{host}.{ANY_SITE}", f"{scheme}{host}.{ANY_SITE}{port}"]
    return any(map(matches, probes))


def allows_strangers(matches: Matches) -> bool:
    """Whether the pattern allows a name that anyone could register with a hoster."""
    return any(matches(f"https://any-site.{suffix}") for suffix in domains.public_suffixes())


def other_site(origins: list[str], matches: Matches) -> str | None:
    """An origin below another domain that an unescaped dot lets in, or a domain without a bound in front of it.

    Or one of another Chrome extension. Those of Firefox have another ID in each browser, which only a pattern matches.
    """
    for origin in origins:
        scheme, _separator, host = origin.partition("://")
        if scheme == "chrome-extension" and matches(ANY_EXTENSION):
            return ANY_EXTENSION
        site, suffix = domains.site_of(host)
        for other in [f"x{host}", *(f"{host[: dot.start()]}x{host[dot.end() :]}" for dot in re.finditer(r"\.", host))]:
            other_site, other_suffix = domains.site_of(other)
            # Where the dot stands in front of "com", nobody can register the name.
            if other_suffix == suffix and other_site != site and matches(f"{scheme}://{other}"):
                return f"{scheme}://{other}"
    return None
