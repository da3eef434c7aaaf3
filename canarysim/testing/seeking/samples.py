"""Texts that conditions take, and texts that narrowly miss them, plain ones first.

These are but proposals: whoever uses one asks the condition. So they may be wrong, and should not be too few.
All are ordinary text, as a person writes it in a manifest.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from canarysim.request import readable
from canarysim.table.matchers import PathExact, PathRegex, PathSeparatedPrefix, Range
from canarysim.table.metadata import ListValue, NumberValue, OrValue
from canarysim.table.regex.samples import regex_samples
from canarysim.table.strings import StringMatcher
from canarysim.table.templates import PathTemplate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from canarysim.table.behaviour import Behaviour
    from canarysim.table.matchers import PathMatcher
    from canarysim.table.metadata import ValueMatcher

__all__ = ["json_values", "near_paths", "near_texts", "paths", "recased", "texts"]

#: What may stand behind a prefix, so that conditions on the path tell such paths apart.
_ENDINGS = ("/1", "/a", "1", "a", "/", "/a/b", "x", "/x", "x/1", ".html", "-a", ";v=1", "/b", "b", "/A", "A", "//")


def recased(text: str) -> str:
    """The text with A-Z in the other case, and nothing else changed."""
    return "".join(char.swapcase() if char.isascii() else char for char in text)


def _unlike(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))


# Values


@lru_cache(maxsize=4096)
def texts(asked: StringMatcher | Range, envoy: Behaviour) -> tuple[str, ...]:
    """Texts that a condition on a text takes."""
    if isinstance(asked, Range):
        return (
            _unlike((str(asked.start), str(asked.end - 1), f"+{max(asked.start, 0)}"))
            if asked.start < asked.end
            else ()
        )
    value = asked.value
    if asked.kind == "safe_regex":
        return regex_samples(value, envoy.regex_encoding)
    found = {
        "exact": (value,),
        "prefix": (value, f"{value}x", f"{value}/1"),
        "suffix": (value, f"x{value}", f"/{value}"),
        "contains": (value, f"x{value}x", f"{value}x", f"x{value}"),
    }[asked.kind]
    return _unlike((*found, *map(recased, found))) if asked.ignore_case else found


@lru_cache(maxsize=4096)
def near_texts(asked: StringMatcher | Range, envoy: Behaviour) -> tuple[str, ...]:
    """Texts that a condition on a text narrowly refuses."""
    if isinstance(asked, Range):
        return str(asked.end), str(asked.start - 1), "x"
    taken = texts(asked, envoy)[:2]
    return _unlike(
        near for text in taken for near in (f"{text}x", f"x{text}", text[:-1], recased(text), f"{text}a")
    )


def json_values(asked: ValueMatcher, envoy: Behaviour) -> list[Any]:
    """Pieces of metadata that a condition takes."""
    asks = asked.asks
    if isinstance(asks, StringMatcher):
        return [readable(text) for text in texts(asks, envoy)[:3]]
    if isinstance(asks, NumberValue):
        return [asks.start]
    if isinstance(asks, ListValue):
        return [[one] for one in json_values(asks.item, envoy)]
    if isinstance(asks, OrValue):
        return [one for each in asks.any_of for one in json_values(each, envoy)]
    if isinstance(asks, bool):
        return [asks]
    return ["a"] if asks == "present" else [None] if asks == "null" else []


# Paths


@lru_cache(maxsize=4096)
def paths(asked: PathMatcher, envoy: Behaviour) -> tuple[str, ...]:
    """Paths that a condition takes."""
    found: Iterable[str]
    if isinstance(asked, PathRegex):
        found = regex_samples(asked.regex, envoy.regex_encoding)
        found = (*found, *(f"/{text}" for text in found if text[:1] != "/"), *(f"/a{text}" for text in found))
    elif isinstance(asked, PathTemplate):
        example = asked.template.example()
        found = () if example is None else (example, f"{example}/1", f"{example}1", f"{example}a", f"{example}/a")
    elif isinstance(asked, PathExact):
        found = (asked.path,)
    elif isinstance(text := getattr(asked, "prefix", None), str):
        start = text or "/"
        endings = (
            (end for end in _ENDINGS if end[0] == "/") if isinstance(asked, PathSeparatedPrefix) else _ENDINGS
        )
        found = (start, *(start + (end.lstrip("/") if start.endswith("/") else end) for end in endings))
    else:
        return ()
    if not getattr(asked, "case_sensitive", True):
        found = (*found, *map(recased, found))
    return _unlike(path for path in found if path.startswith("/"))


#: What many a regex does not expect in a path.
_STRANGE = ("x", "/", "/1", ";v=1", ".", "-", "_", "1", "A", "%20", "//", "~", ":", "@")


@lru_cache(maxsize=4096)
def near_paths(asked: PathMatcher, envoy: Behaviour) -> tuple[str, ...]:
    """Paths that a condition narrowly refuses: what shows that it is this one and not a wider one comes first."""
    known = paths(asked, envoy)
    found: list[str] = []
    for path in known[:3]:
        shorter, longer = path[:-1], [f"{path}{end}" for end in _STRANGE]
        if isinstance(asked, PathExact):
            found += [f"{path}/", shorter, *longer]
        elif isinstance(asked, PathSeparatedPrefix | PathRegex | PathTemplate):
            found += [*longer, shorter]
        else:
            found += [shorter]
        found += [recased(path), f"/x{path}", f"/x{path[1:]}"]
    found += [f"/{text}" for text in _STRANGE]
    return _unlike(path for path in found if path.startswith("/"))
