"""Texts that satisfy a condition, simple ones first. What is said here is what matchers ask for, told the other
way round; tests of the table hold one against the other.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from canarysim.answers.respell import example
from canarysim.request import octets, readable
from canarysim.table import regex
from canarysim.table.matchers import PathRegex, PathSeparatedPrefix, Range
from canarysim.table.metadata import ListValue, NumberValue, OrValue, ValueMatcher
from canarysim.table.strings import StringMatcher
from canarysim.table.templates import PathTemplate
from canarysim.testing.strategies.pools import HOSTS, PATHS, VALUES

if TYPE_CHECKING:
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.matchers import HeaderMatcher, PathMatcher
    from canarysim.table.regex._syntax import Encoding

__all__ = ["Values", "header_values", "hosts", "json_value", "paths", "recased", "texts"]

#: The values of a header, a line each; None where it is missing.
Values = tuple[str, ...] | None

#: What few conditions ask for, for those that ask for anything else.
_OTHERS = ("zz", "", "b", "9223372036854775808", "ab")
_METHOD_NAMES = ("GET", "POST", "DELETE", "PATCH")


def recased(text: str) -> str:
    """The text with A-Z in the other case, and nothing else changed."""
    return "".join(char.swapcase() if char.isascii() else char for char in text)


@lru_cache(maxsize=4096)
def _matching(pattern: str, encoding: Encoding, pool: tuple[str, ...]) -> tuple[str, ...]:
    """Texts that a pattern takes: an example, and those of a pool."""
    compiled = regex.compile(pattern, encoding)
    made = example(pattern, encoding)
    found = [] if made is None else [made]
    if compiled.simulated:
        found += [text for text in pool if compiled.fullmatch(octets(text))]
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=4096)
def texts(asked: StringMatcher | Range, envoy: Behaviour) -> tuple[str, ...]:
    """Texts that a condition on a text takes; () where none is known."""
    if isinstance(asked, Range):
        if asked.start >= asked.end:
            return ()
        signed = f"+{asked.end - 1}" if asked.end > 0 else str(asked.end - 1)
        return str(asked.start), str(asked.end - 1), signed, f" {asked.start} "
    value = asked.value
    if asked.kind == "safe_regex":
        return _matching(value, envoy.regex_encoding, (*VALUES, *_METHOD_NAMES, "", "123", "éé"))
    found = {
        "exact": (value,),
        "prefix": (value, f"{value}x", f"{value}/b"),
        "suffix": (value, f"x{value}", f"b,{value}"),
        "contains": (value, f"x{value}y", f"{value},b"),
    }[asked.kind]
    return (*found, *map(recased, found)) if asked.ignore_case else found


def header_values(asked: HeaderMatcher, envoy: Behaviour) -> tuple[Values, ...]:
    """Values of a header that satisfy a condition, most of the time."""
    missing: tuple[Values, ...] = (None,)
    if asked.value is None:
        if asked.present is asked.invert:
            return missing
        return ("a",), ("",), ("b", "a")
    taken = texts(asked.value, envoy)
    if asked.invert:
        near = [text for value in taken[:2] for text in (f"{value}x", recased(value), value[:-1])]
        return (*((text,) for text in (*_OTHERS, *near)), *(missing if asked.missing_as_empty else ()))
    return (*((text,) for text in taken), *(missing if asked.missing_as_empty else ())) or missing


@lru_cache(maxsize=4096)
def paths(asked: PathMatcher, envoy: Behaviour) -> tuple[str, ...]:
    """Paths that a condition takes; () where none is known, as for CONNECT."""
    if isinstance(asked, PathRegex):
        found = _matching(asked.regex, envoy.regex_encoding, PATHS)
    elif isinstance(asked, PathTemplate):
        made = asked.template.example()
        found = () if made is None else (made, *filter(asked.template.matches, PATHS))
    elif isinstance(text := getattr(asked, "prefix", None), str):
        start = text or "/"
        separated = isinstance(asked, PathSeparatedPrefix)
        found = (
            (start, f"{start}/b", f"{start}/") if separated else (start, f"{start}b", f"{start}/b", f"{start};v=1")
        )
    else:
        found = (getattr(asked, "path", ""),)
    found = tuple(path for path in found if path.startswith("/"))
    return found if getattr(asked, "case_sensitive", True) else (*found, *map(recased, found))


def hosts(domain: str) -> tuple[str, ...]:
    """Hosts that a domain takes."""
    if domain == "*":
        return HOSTS
    if domain.startswith("*"):
        return tuple(start + domain[1:] for start in ("x", "a.b", "shop"))
    if domain.endswith("*"):
        return tuple(domain[:-1] + end for end in ("x", "org", "example"))
    return (domain,)


def json_value(asked: ValueMatcher, envoy: Behaviour) -> Any:
    """A piece of metadata that a condition takes; ``...`` where none is known."""
    asks = asked.asks
    if isinstance(asks, StringMatcher):
        return next(map(readable, texts(asks, envoy)), ...)
    if isinstance(asks, NumberValue):
        return asks.start
    if isinstance(asks, ListValue):
        inner = json_value(asks.item, envoy)
        return ... if inner is ... else [inner]
    if isinstance(asks, OrValue):
        return next((found for each in asks.any_of if (found := json_value(each, envoy)) is not ...), ...)
    if isinstance(asks, bool):
        return asks
    return {"present": "a", "null": None}.get(asks, ...)
