"""The tree of a pattern: few kinds of frozen values, with flags and case folding already resolved.

Facts
1. A character is a number: a code point where the encoding is "utf-8", a byte where it is "latin-1".
2. RE2 compiles a UTF-8 class that holds all of U+0080..U+10FFFF to the byte sequences C2-DF cc, E0-EF cc cc
   and F0-F4 cc cc cc (cc: 80-BF), "by permitting overlong encodings in E0 and F0 sequences and code points
   over 10FFFF in F4 sequences" (re2/compile.cc, Add_80_10ffff; seen with google-re2). Other classes take
   exactly the sequences of their code points, surrogates (ED A0-BF cc) among them. So these extra sequences
   are one more character, OVERLONG, which is in such wide classes and in no other. In valid UTF-8 it never
   occurs.
3. RE2 has no limit of nesting (50,000 levels are accepted). The tree has: what is deeper than MAX_DEPTH
   becomes one Opaque, so that whoever walks a tree may recurse.

Normal form, kept by the parser: no Concat or Alternate in another of its kind, nor with fewer than two
parts; no Empty in a Concat; neighbouring Literals are one; neighbouring single characters of an Alternate
are one class; a class of one character is a Literal; Repeat is neither {0} nor {1}. The empty class, which
matches nothing, is ``CharClass(())``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from typing import Literal as OneOf

if TYPE_CHECKING:
    from canarysim.table.regex._charsets import Ranges

__all__ = [
    "MAX_DEPTH",
    "NEVER",
    "OVERLONG",
    "Alternate",
    "AnyByte",
    "Assertion",
    "CharClass",
    "Concat",
    "Empty",
    "Encoding",
    "Group",
    "Literal",
    "Node",
    "Opaque",
    "Repeat",
    "top_of",
]

Encoding = OneOf["utf-8", "latin-1"]
Place = OneOf["begin_text", "end_text", "begin_line", "end_line", "word_boundary", "no_word_boundary"]

OVERLONG = 0x110000
MAX_DEPTH = 100

_set = object.__setattr__


def top_of(encoding: Encoding) -> int:
    """The largest character of an encoding (OVERLONG, which no pattern can name, aside)."""
    return 0x10FFFF if encoding == "utf-8" else 0xFF


# Written by hand and not with attrs: making ten attrs classes costs more than the whole import may (5 ms).
class Node:
    """A part of a pattern. Values: equal and hashed by their fields, which cannot be set."""

    __slots__: tuple[str, ...] = ()

    def _fields(self) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in self.__slots__])

    def __eq__(self, other: object) -> bool:
        return other is self or (type(other) is type(self) and other._fields() == self._fields())

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._fields()))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({shown})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._fields()


class Empty(Node):
    """The empty text."""

    __slots__ = ()


class Literal(Node):
    """These characters one after the other, at least one."""

    __slots__ = ("text",)
    text: str

    def __init__(self, text: str) -> None:
        _set(self, "text", text)


class CharClass(Node):
    """One character of a set."""

    __slots__ = ("ranges",)
    ranges: Ranges

    def __init__(self, ranges: Ranges) -> None:
        _set(self, "ranges", ranges)


class AnyByte(Node):
    r"""One byte, whatever the character it is a part of: ``\C`` in UTF-8. (In Latin-1 it is a CharClass.)"""

    __slots__ = ()


class Assertion(Node):
    r"""A place that takes no text: where text or line begin or end, an ASCII word boundary or none."""

    __slots__ = ("place",)
    place: Place

    def __init__(self, place: Place) -> None:
        _set(self, "place", place)


class Concat(Node):
    """One part after the other."""

    __slots__ = ("parts",)
    parts: tuple[Node, ...]

    def __init__(self, parts: tuple[Node, ...]) -> None:
        _set(self, "parts", parts)


class Alternate(Node):
    """One of several options; the first that leads to a match wins where captures matter."""

    __slots__ = ("options",)
    options: tuple[Node, ...]

    def __init__(self, options: tuple[Node, ...]) -> None:
        _set(self, "options", options)


class Repeat(Node):
    """The body ``min`` to ``max`` times; ``max`` None: no limit. ``greedy`` matters for captures only."""

    __slots__ = ("body", "min", "max", "greedy")  # noqa: RUF023 (the order of the constructor)
    body: Node
    min: int
    max: int | None
    greedy: bool

    def __init__(self, body: Node, min: int, max: int | None, greedy: bool = True) -> None:  # noqa: A002 (as RE2 says)
        _set(self, "body", body)
        _set(self, "min", min)
        _set(self, "max", max)
        _set(self, "greedy", greedy)


class Group(Node):
    """A capture: its number from 1, and its name if it has one."""

    __slots__ = ("body", "index", "name")
    body: Node
    index: int
    name: str | None

    def __init__(self, body: Node, index: int, name: str | None) -> None:
        _set(self, "body", body)
        _set(self, "index", index)
        _set(self, "name", name)


class Opaque(Node):
    """A part that RE2 accepts and that is not simulated; ``why`` is one sentence."""

    __slots__ = ("why",)
    why: str

    def __init__(self, why: str) -> None:
        _set(self, "why", why)


NEVER = CharClass(())
