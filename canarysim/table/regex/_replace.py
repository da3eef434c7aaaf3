r"""Replacing all matches of a pattern, as ``RE2::GlobalReplace`` does it, in linear time for every text.

Envoy rewrites paths (``regex_rewrite``) and hosts with it. A backtracking matcher would need quadratic time
even for harmless patterns, for it starts anew at each place of the text, and Python's ``re`` decides otherwise
where groups are empty. So the pattern is not run on ``re``: RE2's program (_program.py) is followed.

Facts
1. GlobalReplace (re2/re2.cc) takes the leftmost match at or after a place, writes what stood before it and
   the rewrite, and goes on at its end. An empty match where the last match ended is none: one character is
   copied and the search goes on behind it. In UTF-8 a character is what chartorune (util/rune.cc) reads,
   surrogates included, and else one byte. ``^ $ \b`` look at the whole text, not at what is left of it.
2. The rewrite: ``\0`` to ``\9`` are groups, of one digit, and nothing where the group took no part;
   ``\\`` is a backslash; all else but a backslash is itself. At another escape, and at a backslash that ends
   it, the rewrite ends. If it names a group that the pattern lacks, even behind such an escape, nothing is
   replaced at all. (Envoy 1.36.4 and 1.40.0 load every rewrite, and do so; tests/envoy.)
3. Of the matches that begin at one place RE2 prefers as Perl does: earlier options, more rounds, or fewer
   where lazy. A group has what it took in its last round.
4. A match may begin at any byte: ``\B`` in UTF-8 holds between the bytes of a character.

How it runs, and what that costs, with n bytes of text and a program that reads at m places. From the end of
the text to its beginning it is noted for each byte at which places it could be read on the way to a match, as
bits of one number: a step looks up at most m/8 numbers in tables, or one where the same step was made before.
Then, from the beginning, matches are read off: each place noted leads to a match, so that the first of them in
the order of preference is the one RE2 takes, and no step is ever taken back. A step asks log m of them. Both
are n steps, whatever is matched, for no match looks at what another took. m is limited by _program.py.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from operator import or_
from typing import TYPE_CHECKING

from canarysim.table.regex._around import EDGE, holds, kind_of
from canarysim.table.regex._program import EITHER, LAST_GROUP, MATCH, PLACES, READ, SLOT, WHERE, NoProgram, code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.table.regex._program import Code
    from canarysim.table.regex._syntax import Encoding, Node

__all__ = ["Replacer", "prepare"]

_MOST_MOVES = 20_000  # remembered at once
_FEW = 6  # ways, which are asked one after the other
_MATCHED = 1  # the bit of the match, which is always noted: it may end here
_DIGITS = frozenset("0123456789")

# A way through the program without text: the bit of the place it leads to (or the match's), the ends of groups
# it passes, and the instruction behind, which is negative at the match.
_Way = tuple[int, tuple[int, ...], int]

# Which bits lead to those that are noted behind a byte: first those that do by one to the bit below them (as in
# a text of the pattern), then for eight bits at a time, from ``shift`` on, all others.
_Tables = tuple[int, list[tuple[int, list[int]]]]


def prepare(tree: Node, groups: int, encoding: Encoding) -> Replacer | str:
    """What replaces the matches of a pattern, or one sentence on why nothing does."""
    try:
        return Replacer(code(tree, encoding, matching=False), groups, encoding)
    except NoProgram as reason:
        return str(reason.args[0])


class Replacer:
    """A pattern, ready to replace its matches; immutable but for what it remembers.

    Making one takes about a millisecond, and a text's first characters take longer than others.
    """

    def __init__(self, program: Code, groups: int, encoding: Encoding) -> None:
        self._start, self._instructions, reads = program
        self._groups = groups
        self._unset = [-1] * (2 * min(groups, LAST_GROUP) + 2)
        self._utf8 = encoding == "utf-8"
        self._bits = len(reads)
        readers = [_MATCHED] * 256
        for number, ranges in enumerate(reads):
            for low, high in ranges:
                for byte in range(low, high + 1):
                    readers[byte] |= 1 << number
        self._kinds = bytes(kind_of(byte) if program.asks else EDGE for byte in range(256))
        alike = list(zip(readers, self._kinds, strict=True))
        numbers = {one: number for number, one in enumerate(dict.fromkeys(alike))}
        self._class_of = bytes(numbers[one] for one in alike)
        self._classes = list(numbers)
        self._moves: list[dict[int, int]] = [{} for _ in numbers]
        self._room = _MOST_MOVES
        self._ways: dict[int, list[_Way]] = {}
        self._sums: dict[int, list[int]] = {}  # of the bits of many ways, without the last
        self._tables: dict[int, _Tables] = {}
        self._asks = program.asks
        starts = [self._ways_on(self._start, around) for around in range(16 if program.asks else 1)]
        self._wanted = [sum(bit for bit, _, _ in ways) for ways in starts]

    def __call__(self, text: str, substitution: str) -> str:
        """The octet text with all matches replaced. Raises UnicodeEncodeError for what is no such text."""
        pieces, largest = _rewrite(substitution)
        octets = text.encode("latin-1")
        if largest > self._groups:
            return text
        noted = self._noted(octets)
        around = self._around(octets)
        bytewise = not self._utf8 or octets.isascii()
        written: list[str] = []
        place = copied = 0
        last_end = -1
        for begin in self._beginnings(noted, around):
            if begin < place:
                continue
            slots = self._match(begin, noted, around)
            end = slots[1]
            if begin < end or begin != last_end:
                if copied < begin:
                    written.append(text[copied:begin])
                for piece in pieces:
                    if isinstance(piece, str):
                        written.append(piece)
                    else:
                        written.append(text[slots[piece] : slots[piece + 1]])
                copied = last_end = end
            # Behind an empty match the same one would be found again.
            place = end if begin < end else end + 1 if bytewise else end + _step(octets, end)
        written.append(text[copied:])
        return "".join(written)

    def _around(self, octets: bytes) -> bytes:
        """For each place of the text the kinds of the bytes before and after it, in one number; 0 if not asked."""
        if not self._asks:
            return bytes(len(octets) + 1)
        kinds = octets.translate(self._kinds)
        return bytes(before << 2 | after for before, after in zip(b"\0" + kinds, kinds + b"\0", strict=True))

    def _noted(self, octets: bytes) -> list[int]:
        """For each place of the text the bits of what leads on to a match; above them the kind of its byte."""
        state = _MATCHED | EDGE << self._bits
        noted = [state]
        moves = self._moves
        for one in reversed(octets.translate(self._class_of)):
            earlier = moves[one].get(state)
            state = self._move(one, state) if earlier is None else earlier
            noted.append(state)
        noted.reverse()
        return noted

    def _move(self, one: int, state: int) -> int:
        """What is noted a byte of class ``one`` earlier."""
        readers, kind = self._classes[one]
        around = kind << 2 | state >> self._bits
        chain, tables = self._tables.get(around) or self._tabled(around)
        found = state << 1 & chain
        for shift, table in tables:
            found |= table[state >> shift & 0xFF]
        found = found & readers | _MATCHED | kind << self._bits
        if not self._room:
            for move in self._moves:
                move.clear()
            self._room = _MOST_MOVES
        self._room -= 1
        self._moves[one][state] = found
        return found

    def _tabled(self, around: int) -> _Tables:
        chain = 0
        leads = [0] * (self._bits + 7)  # the last eight may have the kind among them, which leads nowhere
        for kind, follows, number in self._instructions:
            if kind == READ:
                for bit, _, _ in self._ways_on(follows, around):
                    if bit == 1 << number - 1:
                        chain |= 1 << number
                    else:
                        leads[bit.bit_length() - 1] |= 1 << number
        tables = []
        for shift in range(0, self._bits, 8):
            if any(leads[shift : shift + 8]):
                table = [0]
                for lead in leads[shift : shift + 8]:
                    table += [one | lead for one in table]
                tables.append((shift, table))
        self._tables[around] = chain, tables
        return chain, tables

    def _ways_on(self, start: int, around: int) -> list[_Way]:
        """The ways on from an instruction between bytes of these kinds, in the order of preference."""
        ways: list[_Way] = []
        seen: set[int] = set()
        stack: list[tuple[int, tuple[int, ...]]] = [(start, ())]
        while stack:
            at, slots = stack.pop()
            if at in seen:
                continue
            seen.add(at)
            kind, follows, another = self._instructions[at]
            if kind == READ:
                ways.append((1 << another, slots, follows))
            elif kind == MATCH:
                ways.append((_MATCHED, slots, -1))
                break  # it succeeds, whatever is preferred less
            elif kind == EITHER:
                stack += ((another, slots), (follows, slots))
            elif kind == SLOT:
                stack.append((follows, slots if another in slots else (*slots, another)))
            elif kind == WHERE and holds(PLACES[another], around):
                stack.append((follows, slots))
        return ways

    def _beginnings(self, noted: list[int], around: bytes) -> Iterator[int]:
        """The places of the text where a match can begin."""
        wanted = self._wanted
        return (place for place, state in enumerate(noted) if state & wanted[around[place]])

    def _match(self, begin: int, noted: list[int], around: bytes) -> list[int]:
        """The ends of the match that begins there and of its groups."""
        slots = self._unset.copy()
        known = self._ways
        at, instruction = begin, self._start
        while instruction >= 0:
            asked = instruction << 4 | around[at]
            ways = known.get(asked) or self._remembered(asked)
            state = noted[at]
            if len(ways) <= _FEW:
                for bit, passed, instruction in ways:  # noqa: B007 (they are of the way taken)
                    if state & bit:
                        break
            else:
                sums = self._sums[asked]
                first, last = 0, len(sums)
                if not state & sums[-1]:
                    first = last
                while first < last:
                    middle = first + last >> 1
                    if state & sums[middle]:
                        last = middle
                    else:
                        first = middle + 1
                _, passed, instruction = ways[first]
            for slot in passed:
                slots[slot] = at
            at += 1
        slots[0], slots[1] = begin, at - 1
        return slots

    def _remembered(self, asked: int) -> list[_Way]:
        ways = self._ways_on(asked >> 4, asked & 15)
        if len(ways) > _FEW:
            self._sums[asked] = list(accumulate((bit for bit, _, _ in ways[:-1]), or_))
        self._ways[asked] = ways
        return ways


def _step(octets: bytes, place: int) -> int:
    """The length of a character of UTF-8 (fact 1)."""
    if place == len(octets) or octets[place] < 0xC0:
        return 1
    length = 2 + (octets[place] >= 0xE0) + (octets[place] >= 0xF0)
    try:
        octets[place : place + length].decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return 1
    return length


@lru_cache(maxsize=256)
def _rewrite(substitution: str) -> tuple[tuple[str | int, ...], int]:
    """A rewrite up to where it ends, as texts and the slots of groups, and the largest group it names (fact 2)."""
    pieces: list[str | int] = []
    largest, ended = 0, False
    chars = iter(substitution.encode().decode("latin-1"))
    for char in chars:
        piece: str | int = char
        if char == "\\":
            escaped = next(chars, "")
            if escaped in _DIGITS:
                piece = 2 * int(escaped)
                largest = max(largest, int(escaped))
            elif escaped != "\\":
                ended = True
        if ended:
            continue
        if pieces and isinstance(piece, str) and isinstance(pieces[-1], str):
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return tuple(pieces), largest
