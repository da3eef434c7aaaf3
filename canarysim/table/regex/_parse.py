r"""From the text of a pattern to its tree, refusing exactly what RE2 refuses.

Facts (re2/parse.cc; google-re2 in tests/test_regex_laws.py)
1. A repetition applies to the last thing read, and ``(?i)`` and ``\Q\E`` are no things: ``a(?i)*`` is
   ``a*``. Where nothing was read since the last ``(`` or ``|``, it is refused. ``(?:)`` and ``^`` are
   things.
2. A repetition straight after another is refused (``a**``, ``a{2}{3}``, ``a++``); ``a*?`` is lazy, and
   ``a*(?i)*`` passes.
3. A count is at most 1000, and so is the product of counts along any path of nested repetitions, where
   ``{n,}`` counts n, ``{0}`` and ``* + ?`` count 1.
4. ``^`` and ``$`` are the ends of the text, under ``(?m)`` of lines. ``.`` is all but \n, under ``(?s)``
   all. Envoy changes none of RE2's defaults but the encoding (seen on 1.36.4 and 1.40.0).
5. Flags last to the end of their group. ``\Q`` without ``\E`` lasts to the end of the pattern.
6. RE2 folds neighbouring single characters of an alternation into one class, which matters for OVERLONG, and
   for ``[Kk]`` and ``[Ss]`` in UTF-8: folded into a class they bring U+212A and U+017F (_size_factor.py, fact 2).
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from canarysim.table.regex._charsets import Ranges, char, complement, union
from canarysim.table.regex._classes import fold
from canarysim.table.regex._errors import Refused
from canarysim.table.regex._syntax import (
    MAX_DEPTH,
    OVERLONG,
    Alternate,
    AnyByte,
    Assertion,
    CharClass,
    Concat,
    Empty,
    Group,
    Literal,
    Node,
    Opaque,
    Repeat,
    top_of,
)
from canarysim.table.regex._tokens import Flags, bracket, class_escape, count, escape, flags, group_name

if TYPE_CHECKING:
    from canarysim.table.regex._syntax import Encoding

__all__ = ["parse"]

_MAX_COUNT = 1000
_STARS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}

# A part that was read: its tree, the largest product of nested counts in it, the depth of its tree.
_Item = tuple[Node, int, int]

_WHY_DEEP = f"it is nested more than {MAX_DEPTH} deep"


class _Level:
    """An open group, or the pattern itself: what was read in it, and what holds again after it."""

    __slots__ = ("flags", "index", "items", "name", "options", "start")

    def __init__(self, start: int, flags: Flags, index: int | None, name: str | None) -> None:
        self.start = start
        self.flags = flags  # those outside
        self.index = index  # None: not a capture
        self.name = name
        self.options: list[_Item] = []
        self.items: list[_Item] = []


def parse(text: str, encoding: Encoding) -> tuple[Node, int]:
    """The tree of a pattern and the number of its captures. In Latin-1 each character of the text is a byte.

    Raises Refused. Takes time linear in the length of the text (counted repetitions are not unrolled).
    """
    return _Parser(text, encoding).run()


class _Parser:
    def __init__(self, text: str, encoding: Encoding) -> None:
        self.text = text
        self.encoding = encoding
        self.top = top_of(encoding)
        self.flags = Flags()
        self.captures = 0
        self.levels = [_Level(0, self.flags, None, None)]
        self.cased: list[Node] = []  # the classes of fact 6

    def run(self) -> tuple[Node, int]:
        text, place, repeated = self.text, 0, -1
        while place < len(text):
            symbol, start = text[place], place
            if symbol in "*+?{":
                counts = (*_STARS[symbol], start + 1) if symbol != "{" else count(text, start)
                if counts is not None:
                    place = self.repetition(start, counts, repeated)
                    repeated = start
                    continue
            repeated = -1
            if symbol == "(":
                place = self.open(start)
            elif symbol == "|":
                level = self.levels[-1]
                level.options.append(_concat(level.items))
                level.items = []
                place += 1
            elif symbol == ")":
                self.close(start)
                place += 1
            elif symbol == "^":
                self.push(Assertion("begin_line" if self.flags.m else "begin_text"))
                place += 1
            elif symbol == "$":
                self.push(Assertion("end_line" if self.flags.m else "end_text"))
                place += 1
            elif symbol == ".":
                self.push_class(((0, self.top),) if self.flags.s else ((0, 0x09), (0x0B, self.top)))
                place += 1
            elif symbol == "[":
                ranges, place = bracket(text, start, self.flags.i, self.encoding)
                self.push_class(ranges)
            elif symbol == "\\":
                place = self.backslash(start)
            else:
                self.push_char(ord(symbol))
                place += 1
        if len(self.levels) > 1:
            raise Refused(
                self.levels[-1].start, "a ( without its )", r"Close the group, or write \( for the character."
            )
        return _finish(self.levels[0], self.top, self.cased)[0], self.captures

    def push(self, node: Node) -> None:
        self.levels[-1].items.append((node, 1, 1))

    def push_char(self, code: int) -> None:
        # A letter that is not ASCII may have other cases; so may k and s, which _classes.fold knows.
        if not self.flags.i or (code < 0x80 and not chr(code).isalpha()):
            self.push(Literal(chr(code)))
        else:
            self.push_class(fold(char(code), self.encoding))

    def push_class(self, ranges: Ranges) -> None:
        node = _one_of(ranges, self.top)
        if ranges in _CASED and self.encoding == "utf-8":
            self.cased.append(node)
        self.push(node)

    def repetition(self, start: int, counts: tuple[int, int | None, int], previous: int) -> int:
        """``* + ? {2,5}`` and a ``?`` after it, applied to what was read last; gives the index after."""
        text = self.text
        low, high, place = counts
        lazy = text.startswith("?", place)
        if lazy:
            place += 1
        items = self.levels[-1].items
        if previous >= 0:
            advice = (
                "RE2 has no possessive repetition and needs none: leave the + out."
                if text[start] == "+"
                else ("Put the inner repetition into (?:...) if you mean both.")
            )
            raise Refused(previous, f"bad repetition {text[previous:place]}", advice)
        if low > _MAX_COUNT or (high is not None and (high > _MAX_COUNT or high < low)):
            least_first = high is not None and high < low
            advice = "The least comes first." if least_first else f"RE2 counts to {_MAX_COUNT}."
            raise Refused(start, f"bad repetition count {text[start:place]}", advice)
        if not items:
            advice = f"Write \\{text[start]} for the character."
            raise Refused(start, f"nothing to repeat before {text[start:place]}", advice)
        node, weight, depth = items[-1]
        if text[start] == "{":
            weight *= max(1, low if high is None else high)
        if weight > _MAX_COUNT:
            advice = f"Counts of nested repetitions multiply, and RE2 counts to {_MAX_COUNT}."
            raise Refused(start, f"bad repetition count {text[start:place]}", advice)
        items[-1] = _shallow(_repeat(node, low, high, lazy == self.flags.U), weight, depth + 1)
        return place

    def open(self, start: int) -> int:
        outside, name, index = self.flags, None, None
        if self.text.startswith("(?", start):
            found = group_name(self.text, start)
            if found is None:
                self.flags, opens, place = flags(self.text, start, outside)
                if not opens:
                    return place
                self.levels.append(_Level(start, outside, None, None))
                return place
            name, place = found
        else:
            place = start + 1
        self.captures += 1
        index = self.captures
        self.levels.append(_Level(start, outside, index, name))
        return place

    def close(self, start: int) -> None:
        if len(self.levels) == 1:
            raise Refused(start, "a ) without its (", r"Open the group, or write \) for the character.")
        level = self.levels.pop()
        self.flags = level.flags
        node, weight, depth = _finish(level, self.top, self.cased)
        if level.index is not None:
            node, weight, depth = _shallow(Group(node, level.index, level.name), weight, depth + 1)
        self.levels[-1].items.append((node, weight, depth))

    def backslash(self, start: int) -> int:
        kind = self.text[start + 1 : start + 2]
        if kind in _ASSERTIONS:
            self.push(_ASSERTIONS[kind])
            return start + 2
        if kind == "C":
            self.push(AnyByte() if self.encoding == "utf-8" else CharClass(((0, self.top),)))
            return start + 2
        if kind == "Q":
            close = self.text.find("\\E", start + 2)
            end = len(self.text) if close < 0 else close
            for symbol in self.text[start + 2 : end]:
                self.push_char(ord(symbol))
            return end if close < 0 else end + 2
        found = class_escape(self.text, start, self.flags.i, self.encoding)
        if found is not None:
            ranges, place = found
            self.push_class(ranges)
            return place
        code, place = escape(self.text, start, self.top)
        self.push_char(code)
        return place


_ASSERTIONS = {
    "b": Assertion("word_boundary"),
    "B": Assertion("no_word_boundary"),
    "A": Assertion("begin_text"),
    "z": Assertion("end_text"),
}


_CASED = (((0x4B, 0x4B), (0x6B, 0x6B)), ((0x53, 0x53), (0x73, 0x73)))


def _finish(level: _Level, top: int, cased: list[Node]) -> _Item:
    """What a group or the pattern holds: its options, the last of which is still open."""
    level.options.append(_concat(level.items))
    flat = [
        (one, weight, depth)
        for node, weight, depth in level.options
        for one in (node.options if isinstance(node, Alternate) else (node,))
    ]
    merged: list[_Item] = []
    for single, run in groupby(flat, lambda item: _single(item[0]) is not None):
        items = list(run)
        if single and len(items) > 1:
            brought = [
                fold(_single(node) or (), "utf-8") for node in cased if any(item[0] is node for item in items)
            ]
            ranges = union(*(_single(item[0]) or () for item in items), *brought)
            items = [(_one_of(ranges, top), max(item[1] for item in items), 1)]
        merged.extend(items)
    if len(merged) == 1:
        return merged[0]
    weight, depth = max(item[1] for item in merged), max(item[2] for item in merged)
    return _shallow(Alternate(tuple(item[0] for item in merged)), weight, depth + 1)


def _concat(items: list[_Item]) -> _Item:
    flat = [part for item in items for part in (item[0].parts if isinstance(item[0], Concat) else (item[0],))]
    parts: list[Node] = []
    for kind, run in groupby(flat, type):
        if kind is Literal:
            parts.append(Literal("".join(part.text for part in run if isinstance(part, Literal))))
        elif kind is not Empty:
            parts.extend(run)
    # What is left out (a{600}){0} still counts.
    weight, depth = max((item[1] for item in items), default=1), max((item[2] for item in items), default=1)
    if not parts:
        return Empty(), weight, 1
    return (parts[0], weight, depth) if len(parts) == 1 else _shallow(Concat(tuple(parts)), weight, depth + 1)


def _repeat(body: Node, low: int, high: int | None, greedy: bool) -> Node:
    if high == 0 or isinstance(body, Empty):
        return Empty()
    return body if (low, high) == (1, 1) else Repeat(body, low, high, greedy)


def _shallow(node: Node, weight: int, depth: int) -> _Item:
    return (node, weight, depth) if depth <= MAX_DEPTH else (Opaque(_WHY_DEEP), weight, 1)


def _single(node: Node) -> Ranges | None:
    """The set, where a node is one character."""
    if isinstance(node, CharClass):
        return node.ranges
    return char(ord(node.text)) if isinstance(node, Literal) and len(node.text) == 1 else None


def _one_of(ranges: Ranges, top: int) -> Node:
    """One character of a set, as a Literal if there is but one; wide sets take OVERLONG too."""
    if ranges and ranges[-1][1] > top:
        ranges = complement(complement(ranges, top), top)
    if top > 0xFF and ranges and ranges[-1][1] >= top and ranges[-1][0] <= 0x80:
        ranges = (*ranges[:-1], (ranges[-1][0], OVERLONG))
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return Literal(chr(ranges[0][0]))
    return CharClass(ranges)
