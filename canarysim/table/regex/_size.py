r"""How large a program RE2 makes of a pattern: ``RE2::ProgramSize()``, which Envoy holds against its limit.

Facts (re2/compile.cc, re2/prog.cc of 2025-11; google-re2 in tests/test_regex_size.py)
1. The program has an instruction for every byte or range of bytes, assertion, end of a capture, and choice; one
   that fails, one for the match, and, unless the pattern begins with ``^``, two for starting anywhere.
   ``^`` at the very start and ``$`` at the very end are no instructions.
2. A class that treats a letter like its other case is said once for both. The row of bytes of a character in
   UTF-8: ends are shared where they are the last byte, or a range in the middle; beginnings are shared with
   the range before only, and an end that others share is copied first. U+0080 to U+10FFFF are six.
3. The program is flattened then (_size_flat.py).
4. A choice between any byte again and the match is one instruction more.
5. RE2 gives up where it takes more than 2/3 of 8 MiB, of 16 bytes for an instruction before flattening.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.table.regex._size_flat import ALT, ALT_MATCH, BYTE, CAPTURE, FAIL, MATCH, NOP, WHERE, Flat
from canarysim.table.regex._size_part import FOLDED, LAZY, Part
from canarysim.table.regex._size_simple import simplified, walk
from canarysim.table.regex._size_tree import tree

if TYPE_CHECKING:
    from canarysim.table.regex._charsets import Ranges
    from canarysim.table.regex._syntax import Encoding

__all__ = ["MOST", "program_size"]

MOST = 349_480


class _TooLarge(Exception):
    pass


def program_size(pattern: str, encoding: Encoding) -> int:
    """The size of a pattern, which is as for _parse.parse and accepted; MOST where RE2 gives up (fact 5)."""
    part = simplified(tree(pattern, encoding))
    compiler = _Compiler(encoding)
    try:
        return compiler.size(part)
    except _TooLarge:
        return MOST


# A piece of a program: where it begins (0: nowhere, it matches nothing); the ends to be filled in, as their first
# and last (an end is 2n for ``out`` and 2n + 1 for ``other`` of instruction n; each names the next, 0 is none);
# whether it may be empty.
_Piece = tuple[int, int, int, bool]
_NOTHING: _Piece = (0, 0, 0, False)


class _Compiler:
    def __init__(self, encoding: Encoding) -> None:
        self.utf8 = encoding == "utf-8"
        self.kinds: list[int] = []
        self.outs: list[int] = []
        self.others: list[int] = []
        self.bytes: list[tuple[int, int, bool] | None] = []
        self.add(FAIL)
        self.cache: dict[tuple[tuple[int, int, bool] | None, int], int] = {}
        self.range_begin = self.range_head = self.range_tail = 0

    def size(self, part: Part) -> int:
        part, anchored = _without_start(part, 0)
        part, _ = _without_end(part, 0)
        whole = walk(part, self.visit)
        whole = self.cat(whole, (self.add(MATCH), 0, 0, False))
        start = whole[0]
        if not anchored:
            anywhere = self.star(self.byte((0x00, 0xFF, False)), lazy=True)
            whole = self.cat(anywhere, whole)
        self.without_nops(start)
        return Flat(self.kinds, self.outs, self.others).size(whole[0], start)

    def add(self, kind: int, out: int = 0, other: int = 0, octets: tuple[int, int, bool] | None = None) -> int:
        if len(self.kinds) >= MOST:
            raise _TooLarge
        self.kinds.append(kind)
        self.outs.append(out)
        self.others.append(other)
        self.bytes.append(octets)
        return len(self.kinds) - 1

    def fill(self, head: int, target: int) -> None:
        while head:
            ends = self.others if head & 1 else self.outs
            ends[head >> 1], head = target, ends[head >> 1]

    def chain(self, head: int, tail: int, head2: int, tail2: int) -> tuple[int, int]:
        if not head:
            return head2, tail2
        if not head2:
            return head, tail
        (self.others if tail & 1 else self.outs)[tail >> 1] = head2
        return head, tail2

    def cat(self, left: _Piece, right: _Piece) -> _Piece:
        if not left[0] or not right[0]:
            return _NOTHING
        begin, head, _, empty = left
        if self.kinds[begin] == NOP and head == begin << 1 and not self.outs[begin]:
            self.fill(head, right[0])
            return right
        self.fill(head, right[0])
        return begin, right[1], right[2], empty and right[3]

    def alternate(self, left: _Piece, right: _Piece) -> _Piece:
        if not left[0] or not right[0]:
            return right if not left[0] else left
        begin = self.add(ALT, left[0], right[0])
        return begin, *self.chain(left[1], left[2], right[1], right[2]), left[3] or right[3]

    def again(self, body: _Piece, lazy: bool) -> tuple[int, int]:
        """A choice after ``body`` to have it again, and its other end."""
        begin = self.add(ALT, 0 if lazy else body[0], body[0] if lazy else 0)
        self.fill(body[1], begin)
        return begin, begin << 1 | (not lazy)

    def plus(self, body: _Piece, lazy: bool) -> _Piece:
        _, end = self.again(body, lazy)
        return body[0], end, end, body[3]

    def star(self, body: _Piece, lazy: bool) -> _Piece:
        if body[3]:
            return self.quest(self.plus(body, lazy), lazy)
        begin, end = self.again(body, lazy)
        return begin, end, end, True

    def quest(self, body: _Piece, lazy: bool) -> _Piece:
        if not body[0]:
            return self.single(NOP, True)
        begin = self.add(ALT, 0 if lazy else body[0], body[0] if lazy else 0)
        end = begin << 1 | (not lazy)
        return begin, *self.chain(end, end, body[1], body[2]), True

    def single(self, kind: int, empty: bool) -> _Piece:
        at = self.add(kind)
        return at, at << 1, at << 1, empty

    def byte(self, octets: tuple[int, int, bool]) -> _Piece:
        at = self.add(BYTE, octets=octets)
        return at, at << 1, at << 1, False

    def visit(self, part: Part, pieces: list[_Piece]) -> _Piece:
        op, lazy = part.op, bool(part.flags & LAZY)
        if op in ("literal", "string"):
            folded = bool(part.flags & FOLDED)
            return self.row([piece for rune in part.runes for piece in self.rune(rune, folded)])
        if op == "class":
            return self.one_of(part.ranges)
        if op == "any":
            return self.one_of(((0, 0x10FFFF),))
        if op == "byte":
            return self.byte((0x00, 0xFF, False))
        if op == "concat":
            return self.row(pieces)
        if op == "alternate":
            whole = pieces[0]
            for piece in pieces[1:]:
                whole = self.alternate(whole, piece)
            return whole
        if op in ("star", "plus", "quest"):
            repeat = {"star": self.star, "plus": self.plus, "quest": self.quest}[op]
            return repeat(pieces[0], lazy)
        if op == "capture":
            return self.capture(pieces[0])
        if op == "nothing":
            return _NOTHING
        return self.single(NOP if op == "empty" else WHERE, True)

    def row(self, pieces: list[_Piece]) -> _Piece:
        whole = pieces[0]
        for piece in pieces[1:]:
            whole = self.cat(whole, piece)
        return whole

    def capture(self, body: _Piece) -> _Piece:
        if not body[0]:
            return _NOTHING
        begin, end = self.add(CAPTURE, body[0]), self.add(CAPTURE)
        self.fill(body[1], end)
        return begin, end << 1, end << 1, body[3]

    def rune(self, rune: int, folded: bool) -> list[_Piece]:
        if not self.utf8 or rune < 0x80:
            return [self.byte((rune, rune, folded))]
        return [self.byte((one, one, False)) for one in chr(rune).encode("utf-8", "surrogatepass")]

    # Classes (fact 2).

    def one_of(self, ranges: Ranges) -> _Piece:
        self.cache = {}
        self.range_begin = self.range_head = self.range_tail = 0
        folds = _treats_cases_alike(ranges)
        for low, high in ranges:
            if folds and low >= 0x41 and high <= 0x5A:
                continue
            mixed = not (low <= 0x41 and high >= 0x7A) and high >= 0x41 and low <= 0x7A
            folded = folds and mixed and not (low > 0x5A and high < 0x61)
            if self.utf8:
                self.characters(low, high, folded)
            elif low <= 0xFF:
                self.add_row(self.suffix((low, min(high, 0xFF), folded), 0))
        return self.range_begin, self.range_head, self.range_tail, False

    def characters(self, low: int, high: int, folded: bool) -> None:
        if (low, high) == (0x80, 0x10FFFF):
            rest = 0
            for heads in ((0xC2, 0xDF), (0xE0, 0xEF), (0xF0, 0xF4)):
                rest = self.suffix((0x80, 0xBF, False), rest)
                self.add_row(self.suffix((*heads, False), rest))
            return
        for last in (0x7F, 0x7FF, 0xFFFF):
            if low <= last < high:
                self.characters(low, last, folded)
                self.characters(last + 1, high, folded)
                return
        if high < 0x80:
            self.add_row(self.suffix((low, high, folded), 0))
            return
        for bits in (6, 12, 18):
            below = (1 << bits) - 1
            if low & ~below != high & ~below and (low & below or high & below != below):
                cut = low | below if low & below else (high & ~below) - 1
                self.characters(low, cut, folded)
                self.characters(cut + 1, high, folded)
                return
        lows, highs = (chr(code).encode("utf-8", "surrogatepass") for code in (low, high))
        rest = 0
        for at in range(len(lows) - 1, -1, -1):
            octets = (lows[at], highs[at], False)
            cached = at == len(lows) - 1 or (at > 0 and lows[at] < highs[at])
            rest = self.cached_suffix(octets, rest) if cached else self.suffix(octets, rest)
        self.add_row(rest)

    def suffix(self, octets: tuple[int, int, bool], rest: int) -> int:
        at = self.add(BYTE, rest, octets=octets)
        if not rest:
            self.range_head, self.range_tail = self.chain(self.range_head, self.range_tail, at << 1, at << 1)
        return at

    def cached_suffix(self, octets: tuple[int, int, bool], rest: int) -> int:
        at = self.cache.get((octets, rest))
        if at is None:
            at = self.cache[octets, rest] = self.suffix(octets, rest)
        return at

    def is_cached(self, at: int) -> bool:
        return (self.bytes[at], self.outs[at]) in self.cache

    def add_row(self, at: int) -> None:
        if not self.range_begin:
            self.range_begin = at
        elif self.utf8:
            self.range_begin = self.add_to(self.range_begin, at)
        else:
            self.range_begin = self.add(ALT, self.range_begin, at)

    def add_to(self, root: int, at: int) -> int:
        """A row of bytes as one more choice at ``root``, sharing its beginning with the last one there."""
        choice = self.kinds[root] == ALT
        last = self.others[root] if choice else root
        if self.bytes[last] != self.bytes[at]:
            return self.add(ALT, root, at)
        if self.is_cached(last):
            last = self.add(BYTE, self.outs[last], octets=self.bytes[last])
            if choice:
                self.others[root] = last
            else:
                root = last
        rest = self.outs[at]
        if not self.is_cached(at):
            for each in (self.kinds, self.outs, self.others, self.bytes):
                each.pop()
        self.outs[last] = self.add_to(self.outs[last], rest)
        return root

    def without_nops(self, start: int) -> None:
        """What does nothing is passed by, from ``start`` on; then choices become those of fact 4."""
        kinds, outs, others = self.kinds, self.outs, self.others
        found = self.reachable(start, passing=True)
        for at in found:
            if kinds[at] != ALT:
                continue
            for again, end in ((outs[at], others[at]), (others[at], outs[at])):
                octets = self.bytes[again] or (1, 0, False)
                if outs[again] == at and octets[:2] == (0x00, 0xFF) and self.matches(end):
                    kinds[at] = ALT_MATCH
                    break

    def reachable(self, start: int, *, passing: bool) -> list[int]:
        kinds = self.kinds
        found = [start] if start else []
        seen = {0, start}
        for at in found:
            for ends in (self.outs, self.others) if kinds[at] == ALT else (self.outs,):
                to = ends[at]
                while passing and to and kinds[to] == NOP:
                    to = self.outs[to]
                ends[at] = to
                if to not in seen:
                    seen.add(to)
                    found.append(to)
        return found

    def matches(self, at: int) -> bool:
        while self.kinds[at] in (CAPTURE, NOP):
            at = self.outs[at]
        return self.kinds[at] == MATCH


def _treats_cases_alike(ranges: Ranges) -> bool:
    def letters(first: int) -> set[int]:
        return {code - first for low, high in ranges for code in range(max(low, first), min(high, first + 25) + 1)}

    return letters(0x41) == letters(0x61)


def _without_start(part: Part, depth: int) -> tuple[Part, bool]:
    return _without(part, depth, "begin_text", 0)


def _without_end(part: Part, depth: int) -> tuple[Part, bool]:
    return _without(part, depth, "end_text", -1)


def _without(part: Part, depth: int, op: str, place: int) -> tuple[Part, bool]:
    """The part without an assertion at its start or end, and whether there was one; not looked for too deep."""
    if depth < 4 and part.op == op:
        return Part("empty", part.flags), True
    if depth < 4 and part.op in ("concat", "capture"):
        inner, found = _without(part.subs[place], depth + 1, op, place)
        if found:
            new = Part(part.op, part.flags, list(part.subs))
            new.subs[place] = inner
            return new, True
    return part, False
