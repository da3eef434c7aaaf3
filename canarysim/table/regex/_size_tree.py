r"""The tree that RE2 itself makes of a pattern, with the flags and the shape that decide how large its program is.

The package's own tree (_syntax.py) says what matches, and is simpler. This one is for _size.py alone.

Facts (re2/parse.cc, re2/regexp.cc of 2025-11)
1. Neighbouring literals of equal case folding make one string, but for the last one before a repetition. A
   class of one character is a literal, and one of a letter and its other case is a literal that folds case;
   classes that come of merging options stay classes.
2. ``(?:a*)*``, ``(?:a+)?`` and so on, under the same flags, are ``a*``.
3. Options are factored (_size_factor.py).
4. Under ``(?s)`` a dot among options takes the neighbouring options of one character with it.
5. ``^`` and a literal at the start of the pattern are compared apart, and are no part of the program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.table.regex._charsets import char, complement, holds
from canarysim.table.regex._classes import fold
from canarysim.table.regex._size_factor import factored
from canarysim.table.regex._size_part import ALL, DOLLAR, FOLDED, LAZY, LINES, Part, string
from canarysim.table.regex._syntax import top_of
from canarysim.table.regex._tokens import Flags, bracket, class_escape, count, escape, flags, group_name

if TYPE_CHECKING:
    from canarysim.table.regex._charsets import Ranges
    from canarysim.table.regex._syntax import Encoding

__all__ = ["tree"]

_STARS = {"*": "star", "+": "plus", "?": "quest"}
_ESCAPED = {"b": "word_boundary", "B": "no_word_boundary", "A": "begin_text", "z": "end_text", "C": "byte"}


def tree(pattern: str, encoding: Encoding) -> Part:
    """What RE2 compiles. ``pattern`` is as for _parse.parse, which has accepted it."""
    whole = _Reader(pattern, encoding).run()
    if whole.op != "concat" or whole.subs[0].op != "begin_text":
        return whole
    rest = next((at for at, part in enumerate(whole.subs) if part.op != "begin_text"), len(whole.subs))
    if rest == len(whole.subs) or whole.subs[rest].op not in ("literal", "string"):
        return whole
    left = whole.subs[rest + 1 :]
    if not left:
        return Part("empty", whole.flags)
    return left[0] if len(left) == 1 else Part("concat", whole.flags, left)


class _Reader:
    def __init__(self, text: str, encoding: Encoding) -> None:
        self.text = text
        self.encoding = encoding
        self.top = top_of(encoding)
        self.now = Flags()
        self.captures = 0
        self.stack: list[Part] = []
        self.outside: list[Flags] = []

    def bits(self) -> int:
        now = self.now
        return FOLDED * now.i | LINES * now.m | ALL * now.s | LAZY * now.U

    def run(self) -> Part:
        text, place = self.text, 0
        while place < len(text):
            symbol = text[place]
            counts = count(text, place) if symbol == "{" else None
            if counts is not None or symbol in "*+?":
                place = self.repeat(symbol, counts, place)
            elif symbol == "(":
                place = self.open(place)
            elif symbol == "|":
                self.bar()
                place += 1
            elif symbol == ")":
                self.close()
                place += 1
            elif symbol in "^$":
                where = "begin" if symbol == "^" else "end"
                dollar = DOLLAR if symbol == "$" and not self.now.m else 0
                self.push(Part(f"{where}_line" if self.now.m else f"{where}_text", self.bits() | dollar))
                place += 1
            elif symbol == ".":
                if self.now.s:
                    self.push(Part("any", self.bits()))
                else:
                    self.push_class(((0, 0x09), (0x0B, self.top)))
                place += 1
            elif symbol == "[":
                ranges, place = bracket(text, place, self.now.i, self.encoding)
                self.push_class(ranges)
            elif symbol == "\\":
                place = self.backslash(place)
            else:
                self.push_rune(ord(symbol))
                place += 1
        self.alternation()
        return self.stack[0]

    def push(self, part: Part) -> None:
        self.join()
        self.stack.append(part)

    def push_class(self, ranges: Ranges) -> None:
        if ranges and ranges[-1][1] > self.top:
            ranges = complement(complement(ranges, self.top), self.top)
        size = sum(high - low + 1 for low, high in ranges)
        first = ranges[0][0] if ranges else -1
        if size == 1:
            self.push(string([first], self.bits()))
        elif size == 2 and 0x41 <= first <= 0x5A and holds(ranges, first + 0x20):
            self.push(string([first + 0x20], self.bits() | FOLDED))
        else:
            part = Part("class", self.bits() & ~FOLDED)
            part.ranges = ranges
            self.push(part)

    def push_rune(self, rune: int) -> None:
        if self.now.i and (rune >= 0x80 or chr(rune).isalpha()):
            folded = fold(char(rune), self.encoding)
            if folded != char(rune):
                self.push_class(folded)
                return
        self.push(string([rune], self.bits()))

    def join(self) -> None:
        """Two literals on top of the stack become one string (fact 1)."""
        if len(self.stack) < 2:
            return
        lower, upper = self.stack[-2:]
        texts = ("literal", "string")
        if lower.op in texts and upper.op in texts and lower.flags & FOLDED == upper.flags & FOLDED:
            self.stack.pop()
            lower.op = "string"
            lower.runes += upper.runes

    def repeat(self, symbol: str, counts: tuple[int, int | None, int] | None, start: int) -> int:
        place = start + 1 if counts is None else counts[2]
        bits = self.bits()
        if self.text.startswith("?", place):
            bits ^= LAZY
            place += 1
        top = self.stack[-1]
        if counts is not None:
            part = Part("repeat", bits, [top])
            part.low, part.high = counts[0], -1 if counts[1] is None else counts[1]
            self.stack[-1] = part
        elif top.op in _STARS.values() and top.flags == bits:
            top.op = top.op if top.op == _STARS[symbol] else "star"
        else:
            self.stack[-1] = Part(_STARS[symbol], bits, [top])
        return place

    def open(self, start: int) -> int:
        outside, number = self.now, -1
        found = group_name(self.text, start)
        if found is None and self.text.startswith("(?", start):
            self.now, opens, place = flags(self.text, start, outside)
            if not opens:
                return place
        else:
            place = start + 1 if found is None else found[1]
            self.captures += 1
            number = self.captures
        marker = Part("(")
        marker.low = number
        self.push(marker)
        self.outside.append(outside)
        return place

    def bar(self) -> None:
        self.join()
        if not self.stack or self.stack[-1].op in ("(", "|"):
            self.stack.append(Part("empty", self.bits()))
        self.collapse("concat")
        if len(self.stack) < 2 or self.stack[-2].op != "|":
            self.stack.append(Part("|"))
            return
        option, bar = self.stack.pop(), self.stack.pop()
        earlier = self.stack[-1]
        one = ("literal", "class", "any")
        if earlier.op == "any" and option.op in one:
            pass
        elif option.op == "any" and earlier.op in one:
            self.stack[-1] = option
        else:
            self.stack.append(option)
        self.stack.append(bar)

    def alternation(self) -> None:
        self.bar()
        self.stack.pop()
        self.collapse("alternate")

    def close(self) -> None:
        self.alternation()
        held, marker = self.stack.pop(), self.stack.pop()
        self.now = self.outside.pop()
        if marker.low > 0:
            capture = Part("capture", self.bits(), [held])
            capture.low = marker.low
            held = capture
        self.push(held)

    def collapse(self, op: str) -> None:
        """What is on the stack down to a marker becomes one part."""
        start = len(self.stack)
        while start and self.stack[start - 1].op not in ("(", "|"):
            start -= 1
        if len(self.stack) - start == 1:
            return
        subs = [one for part in self.stack[start:] for one in (part.subs if part.op == op else [part])]
        del self.stack[start:]
        if op == "alternate":
            subs = factored(subs, self.bits(), self.encoding)
        self.stack.append(subs[0] if len(subs) == 1 else Part(op, self.bits(), subs))

    def backslash(self, start: int) -> int:
        kind = self.text[start + 1 : start + 2]
        if kind and kind in _ESCAPED:
            self.push(Part(_ESCAPED[kind], self.bits()))
            return start + 2
        if kind == "Q":
            close = self.text.find("\\E", start + 2)
            for symbol in self.text[start + 2 : len(self.text) if close < 0 else close]:
                self.push_rune(ord(symbol))
            return len(self.text) if close < 0 else close + 2
        found = class_escape(self.text, start, self.now.i, self.encoding)
        if found is not None:
            self.push_class(found[0])
            return found[1]
        rune, place = escape(self.text, start, self.top)
        self.push_rune(rune)
        return place
