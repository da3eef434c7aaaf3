r"""Whether all of a text matches, in linear time for every pattern: its program (_program.py) is followed in all
ways at once, byte by byte.

How it runs. The reads of the program are its places, and a state is the set of places at which the last byte
was read, as bits of one number; before the first byte it is place 0, which reads nothing. A step asks which
places can be reached from those of the state without reading (the instructions between are walked once, each
at most one time), and keeps the ones that read the next byte. Where the pattern has assertions, the state also
has the kind of its last byte (_around.py): with that of the next byte, or the edge, it is known whether they
hold, so that they are exact.

What it costs. States and steps are remembered, so that a text mostly looks steps up: some 50 ns a byte. A step
that is new takes time linear in the program at most, usually some microseconds, for what is reached from eight
places is remembered too. What is remembered has limits (some megabytes), and is then forgotten as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from canarysim.table.regex._around import EDGE, holds, kind_of
from canarysim.table.regex._program import EITHER, MATCH, PLACES, READ, WHERE, NoProgram, code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarysim.table.regex._charsets import Ranges
    from canarysim.table.regex._program import Code
    from canarysim.table.regex._syntax import Encoding, Node

__all__ = ["InUtf8", "Matcher", "prepare"]

_MOST_CELLS = 600_000  # of eight bytes or so, remembered at once of states, and as many of what is reached
_STATE_CELLS = 30  # that a state takes besides its bits and its moves
_TABLE_CELLS = 16  # that an entry of what is reached takes besides its bits


def prepare(tree: Node, encoding: Encoding) -> Matcher | InUtf8 | str:
    """What matches a pattern, or one sentence on why nothing does."""
    try:
        program = code(tree, encoding, matching=True)
        return Matcher(program) if encoding == "latin-1" else InUtf8(tree, program)
    except NoProgram as reason:
        return str(reason.args[0])


class InUtf8:
    """A pattern, ready to be matched in UTF-8: texts of ASCII by a program that knows nothing else."""

    __slots__ = ("_ascii", "_program", "_whole")

    def __init__(self, tree: Node, program: Code) -> None:
        self._ascii = Matcher(code(tree, "utf-8", matching=True, ascii_only=True))
        self._program = program
        self._whole: Matcher | None = None  # made for the first text that needs it

    def fullmatch(self, text: str) -> bool:
        """Whether all of the octet text matches. Raises UnicodeEncodeError for what is no such text."""
        if text.isascii():
            return self._ascii.fullmatch(text)
        if self._whole is None:
            self._whole = Matcher(self._program)
        return self._whole.fullmatch(text)


class _State:
    """Places at which the last byte, of kind ``kind``, was read.

    ``moves`` leads on by classes of bytes: None is not known yet, False leads nowhere. ``reached`` holds, by
    kinds of the next byte, the places that can read it; negative where not known yet.
    """

    __slots__ = ("kind", "moves", "places", "reached")

    def __init__(self, places: int, kind: int, classes: int, kinds: int) -> None:
        self.places = places
        self.kind = kind
        self.moves: list[_State | Literal[False] | None] = [None] * classes
        self.reached = [-1] * kinds


class Matcher:
    """A pattern, ready to be matched; immutable but for what it remembers."""

    __slots__ = (
        "_after",
        "_asks",
        "_begin",
        "_cells",
        "_class_of",
        "_classes",
        "_instructions",
        "_matched",
        "_room",
        "_states",
        "_table_room",
        "_tables",
    )

    def __init__(self, program: Code) -> None:
        start, self._instructions, reads = program
        self._after = [start] * len(reads)  # the instruction after each place
        for kind, follows, number in self._instructions:
            if kind == READ:
                self._after[number] = follows
        self._matched = len(reads)  # the bit of the match
        self._cells = len(reads) >> 6
        self._asks = program.asks
        readers = _readers(reads)
        kinds = [kind_of(byte) if self._asks else EDGE for byte in range(256)]
        alike = list(zip(readers, kinds, strict=True))
        numbers = {one: number for number, one in enumerate(dict.fromkeys(alike))}
        self._class_of = bytes(numbers[one] for one in alike)
        self._classes = list(numbers)
        self._states: dict[tuple[int, int], _State] = {}
        self._tables: dict[int, int] = {}
        self._room = self._table_room = _MOST_CELLS
        self._begin = self._state(1, EDGE)

    def fullmatch(self, text: str) -> bool:
        """Whether all of the octet text matches. Raises UnicodeEncodeError for what is no such text."""
        state = self._begin
        for one in text.encode("latin-1").translate(self._class_of):
            following = state.moves[one]
            if not following:
                if following is None:
                    following = self._move(state, one)
                if following is False:
                    return False
            state = following
        return bool(self._reached(state, EDGE) >> self._matched & 1)

    def _move(self, state: _State, one: int) -> _State | Literal[False]:
        """The state behind a byte of class ``one``."""
        readers, kind = self._classes[one]
        places = self._reached(state, kind) & readers
        following: _State | Literal[False] = self._state(places, kind) if places else False
        state.moves[one] = following
        return following

    def _state(self, places: int, kind: int) -> _State:
        found = self._states.get((places, kind))
        if found is None:
            self._take(_STATE_CELLS + len(self._classes) + 2 * self._cells)
            found = _State(places, kind, len(self._classes), 4 if self._asks else 1)
            self._states[places, kind] = found
        return found

    def _reached(self, state: _State, kind: int) -> int:
        """The places that can be reached without reading, the match among them, before a byte of this kind."""
        found = state.reached[kind]
        if found < 0:
            found = 0
            around = state.kind << 2 | kind
            octets = state.places.to_bytes(state.places.bit_length() + 7 >> 3, "little")
            some = octets.lstrip(b"\0")
            for index, byte in enumerate(some, len(octets) - len(some)):
                if byte:
                    reached = self._tables.get(index << 12 | byte << 4 | around)
                    found |= self._walk(index, byte, around) if reached is None else reached
            state.reached[kind] = found
        return found

    def _walk(self, index: int, byte: int, around: int) -> int:
        """What can be reached from those of eight places whose bits are in ``byte``."""
        found = 0
        stack = [self._after[8 * index + bit] for bit in range(8) if byte >> bit & 1]
        seen = set(stack)
        while stack:
            kind, follows, another = self._instructions[stack.pop()]
            if kind == READ:
                found |= 1 << another
            elif kind == MATCH:
                found |= 1 << self._matched
            elif kind == EITHER:
                if another not in seen:
                    seen.add(another)
                    stack.append(another)
                if follows not in seen:
                    seen.add(follows)
                    stack.append(follows)
            elif kind == WHERE and follows not in seen and holds(PLACES[another], around):
                seen.add(follows)
                stack.append(follows)
        self._table_room -= _TABLE_CELLS + self._cells
        if self._table_room < 0:
            self._tables = {}
            self._table_room = _MOST_CELLS
        self._tables[index << 12 | byte << 4 | around] = found
        return found

    def _take(self, cells: int) -> None:
        """Makes room for a state, if need be by forgetting all others."""
        self._room -= cells
        if self._room < 0:
            self._room = _MOST_CELLS
            forgotten, self._states = self._states, {}
            for state in list(forgotten.values()):  # those that are asked just now lead on to no others
                state.moves = [None] * len(self._classes)
                state.reached = [-1] * len(state.reached)


def _readers(reads: Sequence[Ranges]) -> list[int]:
    """For each byte the places that read it. (Places are many, sets are few.)"""
    numbers: dict[Ranges, list[int]] = {}
    for number, ranges in enumerate(reads):
        numbers.setdefault(ranges, []).append(number)
    readers = [0] * 256
    for ranges, places in numbers.items():
        bits = bytearray(len(reads) + 7 >> 3)
        for number in places:
            bits[number >> 3] |= 1 << (number & 7)
        these = int.from_bytes(bits, "little")
        for low, high in ranges:
            for byte in range(low, high + 1):
                readers[byte] |= these
    return readers
