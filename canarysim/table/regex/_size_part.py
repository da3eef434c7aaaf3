"""The parts of the tree that RE2 makes of a pattern (_size_tree.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from canarysim.table.regex._charsets import Ranges

__all__ = ["ALL", "ASSERTIONS", "DOLLAR", "FOLDED", "LAZY", "LINES", "SINGLES", "Part", "same", "string"]

FOLDED, LINES, ALL, LAZY, DOLLAR = 1, 2, 4, 8, 16  # flags: (?i), (?m), (?s), (?U), and of "$" where it is \z

SINGLES = frozenset({"literal", "class", "any", "byte"})
ASSERTIONS = frozenset({"begin_text", "end_text", "begin_line", "end_line", "word_boundary", "no_word_boundary"})


class Part:
    """A part of the tree. ``op`` says which of the other fields it has."""

    __slots__ = ("flags", "high", "low", "op", "ranges", "runes", "subs")

    def __init__(self, op: str, flags: int = 0, subs: list[Part] | None = None) -> None:
        self.op = op
        self.flags = flags
        self.subs = subs or []
        self.runes: list[int] = []  # of literals and strings
        self.ranges: Ranges = ()  # of classes
        self.low = self.high = 0  # of repetitions; -1 for no limit; of captures ``low`` is the number


def string(runes: list[int], flags: int) -> Part:
    part = Part("empty" if not runes else "literal" if len(runes) == 1 else "string", flags)
    part.runes = runes
    return part


def same(left: Part, right: Part) -> bool:
    """Whether two parts that hold no others are equal, as RE2 sees it."""
    if left.op != right.op or left.ranges != right.ranges:
        return False
    if left.op == "end_text":
        return left.flags & DOLLAR == right.flags & DOLLAR
    return left.op != "literal" or (left.runes == right.runes and left.flags & FOLDED == right.flags & FOLDED)
