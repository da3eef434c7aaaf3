"""Texts that a regular expression takes, made along its tree.

These are but proposals: whoever uses one asks the pattern. So they may be wrong, and should not be too few.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from canarysim.table import regex
from canarysim.table.regex._syntax import (
    OVERLONG,
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from canarysim.table.regex._syntax import Encoding, Node

__all__ = ["as_text", "regex_samples"]

#: Texts of a pattern that are made; of a part of it fewer.
_MOST = 24
_MOST_OF_PART = 8
_LONG = 1000
#: Characters that samples are made of where a class has them; those that a path or a header treats specially last.
_PLEASANT = "a1A-_./x;, %"


@lru_cache(maxsize=4096)
def regex_samples(pattern: str, encoding: Encoding) -> tuple[str, ...]:
    """Texts made along a pattern, the shortest and plainest first; most of them match it. Cost: O(pattern)."""
    made = _made(regex.compile(pattern, encoding).tree, _MOST)
    return _distinct(text for one in made if (text := as_text(one, encoding)).isprintable())


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
            return list(_distinct([*first, *(text for texts in of_options for text in texts)]))[:most]
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
        first = next((code for code in range(low, min(high, low + 64) + 1) if _plain(code)), high)
        for code in (first, high):
            if _plain(code) and chr(code) not in _PLEASANT:
                yield chr(code)


def _plain(code: int) -> bool:
    return code != OVERLONG and chr(code).isprintable()


def _repeated(node: Repeat, most: int) -> list[str]:
    ones = _made(node.body)
    if not ones:
        return [] if node.min else [""]
    counts = [count for count in range(node.min, node.min + 3) if node.max is None or count <= node.max]
    counts = [count for count in counts if len(ones[0]) * count <= _LONG]
    if not counts:
        return []
    found = [ones[0] * count for count in counts]
    found += [one * max(node.min, 1) for one in ones]
    if len(ones) > 1 and counts[-1] > 1:
        found += [ones[0] * (counts[-1] - 1) + one for one in ones[1:]]
    return list(_distinct(found))[:most]


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
    return list(_distinct(text for text in found if len(text) <= _LONG))[:most]


def as_text(text: str, encoding: Encoding) -> str:
    """What the pattern's characters are as text: in latin-1 a character is a byte."""
    if encoding == "utf-8" or text.isascii():
        return text
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


def _distinct(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
