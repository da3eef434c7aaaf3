"""Texts that conditions take, and texts that narrowly miss them, plain ones first.

These are but proposals: whoever uses one asks the condition. So they may be wrong, and should not be too few.
All are ordinary text, as a person writes it in a manifest.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from canarysim.request import readable
from canarysim.table import regex
from canarysim.table.matchers import PathExact, PathRegex, PathSeparatedPrefix, Range
from canarysim.table.metadata import ListValue, NumberValue, OrValue
from canarysim.table.regex._syntax import (
    Alternate,
    AnyByte,
    Assertion,
    CharClass,
    Concat,
    Empty,
    Group,
    Literal,
    Repeat,
)
from canarysim.table.strings import StringMatcher
from canarysim.table.templates import PathTemplate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from canarysim.table.behaviour import Behaviour
    from canarysim.table.matchers import PathMatcher
    from canarysim.table.metadata import ValueMatcher
    from canarysim.table.regex._syntax import Encoding, Node

__all__ = ["json_values", "near_paths", "near_texts", "paths", "recased", "regex_samples", "texts"]

#: Texts of a regex that are tried; of a part of it fewer.
_MOST = 24
_MOST_OF_PART = 8
_LONG = 1000
#: Characters that samples are made of where a class has them.
_PLEASANT = "a1/A-_.x;, %"
#: What may stand behind a prefix, so that conditions on the path tell such paths apart.
_ENDINGS = ("/1", "/a", "1", "a", "/", "/a/b", "x", "/x", "x/1", ".html", "-a", ";v=1", "/b", "b", "/A", "A", "//")


def recased(text: str) -> str:
    """The text with A-Z in the other case, and nothing else changed."""
    return "".join(char.swapcase() if char.isascii() else char for char in text)


def _unlike(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))


# Regular expressions


@lru_cache(maxsize=4096)
def regex_samples(pattern: str, encoding: Encoding) -> tuple[str, ...]:
    """Texts made along a pattern, the shortest and plainest first; most of them match it. Cost: O(pattern)."""
    made = _made(regex.compile(pattern, encoding).tree, _MOST)
    if encoding == "latin-1":  # there a character is a byte
        made = [text.encode("latin-1").decode("utf-8", "surrogateescape") for text in made]
    return _unlike(text for text in made if text.isprintable())


def _made(node: Node, most: int = _MOST_OF_PART) -> list[str]:
    match node:
        case Empty() | Assertion():
            return [""]  # whether the place is there is for the whole pattern to say
        case Literal():
            return [node.text]
        case AnyByte():
            return ["a"]
        case CharClass():
            return list(islice(_characters(node), 8))
        case Group():
            return _made(node.body, most)
        case Alternate():
            of_options = [_made(option) for option in node.options]
            first = [texts[0] for texts in of_options if texts]
            return list(_unlike([*first, *(text for texts in of_options for text in texts)]))[:most]
        case Repeat():
            return _repeated(node, most)
        case Concat():
            return _joined([_made(part) for part in node.parts], most)
    return []


def _characters(node: CharClass) -> Iterator[str]:
    for char in _PLEASANT:
        if any(low <= ord(char) <= high for low, high in node.ranges):
            yield char
    for low, high in node.ranges:
        for code in (low, high):
            if code < 0x110000 and chr(code).isprintable() and chr(code) not in _PLEASANT:
                yield chr(code)


def _repeated(node: Repeat, most: int) -> list[str]:
    ones = _made(node.body)
    if not ones:
        return [] if node.min else [""]
    counts = [count for count in range(node.min, node.min + 3) if node.max is None or count <= node.max]
    if len(ones[0]) * counts[-1] > _LONG:
        return []
    found = [ones[0] * count for count in counts]
    found += [one * max(node.min, 1) for one in ones]
    if len(ones) > 1 and counts[-1] > 1:
        found += [ones[0] * (counts[-1] - 1) + one for one in ones[1:]]
    return list(_unlike(found))[:most]


def _joined(parts: list[list[str]], most: int) -> list[str]:
    """One text a part, behind one another: the first of each, and then another one of one part at a time."""
    if not all(parts):
        return []
    found = ["".join(texts[0] for texts in parts)]
    depth = max(map(len, parts))
    for number in range(1, depth):
        for at, texts in enumerate(parts):
            if number < len(texts):
                found.append("".join(texts[number] if place == at else one[0] for place, one in enumerate(parts)))
        found.append("".join(texts[min(number, len(texts) - 1)] for texts in parts))
    return list(_unlike(text for text in found if len(text) <= _LONG))[:most]


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
