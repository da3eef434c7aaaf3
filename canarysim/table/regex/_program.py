r"""From the tree of a pattern to a program over bytes. One compiler, two runners: _replace.py and _dfa.py.

Replacing needs every preference and the captures, as RE2 has them. Matching needs neither: captures are left
out, circular ways do no harm, and programs may be as large as RE2's.

Facts (re2/compile.cc, re2/simplify.cc, re2/parse.cc; google-re2 in tests/test_regex_replace.py)
1. Programs read bytes in both encodings. In UTF-8 a character is the rows of bytes that _syntax.py tells;
   ``\C`` is any byte.
2. x* is a choice between x, after which it comes again, and what follows; x{2,} is xx+, x{2,4} is
   xx(x(x)?)?. Where it is lazy, what follows is preferred.
3. Of the ways through a program without text RE2 prefers the one that a depth-first search finds first. Where
   none goes in a circle, that depends on the pattern alone, and not on how RE2 simplifies it and lays it out
   (prog.cc Flatten). Ways go in a circle where a repetition without limit has an empty round. Then it does
   depend on that: of "bb", ``((?:(b*)*?)+)`` matches nothing and ``((?:(b*)*?)+|c)`` all. So these have no
   program for replacing.
4. Shared beginnings of neighbouring options are written once, and neighbouring options of one character
   become one class. That keeps every preference, and makes programs about as small as RE2 does.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from canarysim.table.regex._charsets import char, union
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
    Node,
    Opaque,
    Repeat,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from canarysim.table.regex._charsets import Ranges
    from canarysim.table.regex._syntax import Encoding, Place

__all__ = [
    "EITHER",
    "FAIL",
    "LAST_GROUP",
    "MATCH",
    "MAX_PLACES",
    "PLACES",
    "READ",
    "SLOT",
    "WHERE",
    "Code",
    "NoProgram",
    "code",
]

# Envoy refuses what makes more than 100 instructions for RE2 unless told otherwise, and ours are of that
# size (tests/test_regex_replace.py compares). What replacing costs grows with the places, hence a limit.
MAX_PLACES = 128
_MAX_INSTRUCTIONS = 1000
# RE2 gives up at 349,000 instructions, with the memory it takes unless told otherwise. Ours may be some more.
_MOST_FOR_MATCHING = 1_000_000
_MAX_LEVELS = 8  # of shared beginnings within what follows others
LAST_GROUP = 9  # that a rewrite can name

READ, EITHER, SLOT, WHERE, FAIL, MATCH = range(6)
PLACES: tuple[Place, ...] = (
    "begin_text",
    "end_text",
    "begin_line",
    "end_line",
    "word_boundary",
    "no_word_boundary",
)

_Bytes = tuple[tuple[int, int], ...]
_TAIL = (0x80, 0xBF)

# Ways to read one character, last bytes first: each is a choice of a byte and the way after it, where way 0 is
# what follows the character, and way 1 is the first of the plan. The last one is the whole character.
_Plan = list[list[tuple[_Bytes, int]]]


class NoProgram(Exception):
    """There is no program; the argument is one sentence."""


class Code(NamedTuple):
    """A program: its instructions as (kind, next, another), and where it starts.

    What ``another`` is depends on the kind. READ: a number of ``reads``; EITHER: the instruction that is
    preferred less; SLOT: the end of a group that is here, 2n and 2n + 1 for group n; WHERE: an index of PLACES.
    ``reads`` are sets of bytes; number 0 is nobody's.
    """

    start: int
    instructions: Sequence[tuple[int, int, int]]
    reads: Sequence[Ranges]

    @property
    def asks(self) -> bool:
        """Whether what stands beside a place in the text matters to it."""
        return any(kind == WHERE for kind, _, _ in self.instructions)


def code(tree: Node, encoding: Encoding, *, matching: bool, ascii_only: bool = False) -> Code:
    """The program of a pattern, for matching or for replacing. Raises NoProgram.

    ``ascii_only``: for texts of ASCII, for which programs in UTF-8 are much smaller.
    Takes time linear in the program, which is limited: about a second for the largest ones for matching.
    """
    compiler = _Compiler(encoding, matching, ascii_only)
    start = compiler.node(tree, compiler.add(MATCH))
    return Code(start, compiler.instructions, compiler.reads)


class _Compiler:
    """Writes from the end of the pattern to its beginning, so that what follows is known."""

    def __init__(self, encoding: Encoding, matching: bool, ascii_only: bool) -> None:
        self.encoding = encoding
        self.matching = matching
        self.ascii_only = ascii_only
        self.most = _MOST_FOR_MATCHING if matching else _MAX_INSTRUCTIONS
        self.most_reads = self.most if matching else MAX_PLACES + 1
        self.plans: dict[Ranges, _Plan] = {}
        self.instructions: list[tuple[int, int, int]] = []
        self.reads: list[Ranges] = [()]

    def add(self, kind: int, follows: int = -1, another: int = 0) -> int:
        if len(self.instructions) >= self.most or len(self.reads) > self.most_reads:
            if self.matching:
                raise NoProgram("it is larger than RE2 takes with the memory that Envoy gives it")
            raise NoProgram("it is larger than canarysim replaces, and than Envoy takes unless told otherwise")
        self.instructions.append((kind, follows, another))
        return len(self.instructions) - 1

    def read(self, ranges: Ranges, follows: int) -> int:
        self.reads.append(ranges)
        return self.add(READ, follows, len(self.reads) - 1)

    def node(self, node: Node, follows: int) -> int:
        """The first instruction of a node, after which comes ``follows``."""
        if isinstance(node, Literal):
            octets = node.text.encode("utf-8" if self.encoding == "utf-8" else "latin-1", "surrogatepass")
            for byte in reversed(octets):
                follows = self.read(char(byte), follows)
            return follows
        if isinstance(node, CharClass):
            return self.character(node.ranges, follows)
        if isinstance(node, Concat):
            for part in reversed(node.parts):
                follows = self.node(part, follows)
            return follows
        if isinstance(node, Alternate):
            return self.alternate(node.options, follows)
        if isinstance(node, Group):
            if self.matching or node.index > LAST_GROUP:
                return self.node(node.body, follows)
            end = self.add(SLOT, follows, 2 * node.index + 1)
            return self.add(SLOT, self.node(node.body, end), 2 * node.index)
        if isinstance(node, Repeat):
            return self.repeat(node, follows)
        if isinstance(node, Assertion):
            return self.add(WHERE, follows, PLACES.index(node.place))
        if isinstance(node, AnyByte):
            return self.read(((0x00, 0xFF),), follows)
        if isinstance(node, Empty):
            return follows
        raise NoProgram(node.why if isinstance(node, Opaque) else f"{type(node).__name__} is not known")

    def repeat(self, node: Repeat, follows: int) -> int:
        body, rounds = node.body, node.min
        if node.max is None:
            if not self.matching and _may_be_empty(body):
                raise NoProgram(
                    "it repeats without limit what can match the empty text, where RE2's choice of a match"
                    " depends on more than the pattern says"
                )
            again = self.add(EITHER)
            first = self.node(body, again)
            self.instructions[again] = (EITHER, *_preferred(first, follows, node.greedy))
            if rounds == 0:
                return again
            rounds, follows = rounds - 1, first
        else:
            after = follows
            for _ in range(node.max - rounds):
                follows = self.either(self.node(body, follows), after, node.greedy)
        for _ in range(rounds):
            follows = self.node(body, follows)
        return follows

    def either(self, body: int, after: int, greedy: bool) -> int:
        return self.add(EITHER, *_preferred(body, after, greedy))

    def alternate(self, options: Sequence[Node], follows: int, level: int = 0) -> int:
        """The first instruction of a choice (fact 4)."""
        entries: list[int] = []
        for beginning, run in groupby(options, _beginning if level < _MAX_LEVELS else lambda _: ""):
            these = list(run)
            if beginning and len(these) > 1:
                shared = _shared([_text(one) for one in these])
                rest = self.alternate([_without(one, len(shared)) for one in these], follows, level + 1)
                entries.append(self.node(Literal(shared), rest))
                continue
            for single, some in groupby(these, lambda one: isinstance(one, CharClass)):
                if single:
                    ranges = union(*(one.ranges for one in some if isinstance(one, CharClass)))
                    entries.append(self.character(ranges, follows))
                else:
                    entries += [self.node(one, follows) for one in some]
        return self.first_of(entries)

    def first_of(self, entries: Sequence[int]) -> int:
        entry = entries[-1]
        for other in reversed(entries[:-1]):
            entry = self.add(EITHER, other, entry)
        return entry

    def character(self, ranges: Ranges, follows: int) -> int:
        """One character of a set. Its rows of bytes exclude each other, so that their order is free."""
        if self.ascii_only:
            ranges = tuple((low, min(high, 0x7F)) for low, high in ranges if low <= 0x7F)
        if not ranges:
            return self.add(FAIL)
        if self.ascii_only or self.encoding == "latin-1":
            return self.read(ranges, follows)
        plan = self.plans.get(ranges)
        if plan is None:
            plan = self.plans[ranges] = _planned(ranges)
        entries = [follows]
        for choice in plan:
            entries.append(self.first_of([self.read(heads, entries[rest]) for heads, rest in choice]))
        return entries[-1]


def _preferred(body: int, after: int, greedy: bool) -> tuple[int, int]:
    return (body, after) if greedy else (after, body)


def _may_be_empty(node: Node) -> bool:
    if isinstance(node, Concat):
        return all(map(_may_be_empty, node.parts))
    if isinstance(node, Alternate):
        return any(map(_may_be_empty, node.options))
    if isinstance(node, Repeat):
        return node.min == 0 or _may_be_empty(node.body)
    return _may_be_empty(node.body) if isinstance(node, Group) else isinstance(node, (Empty, Assertion))


def _text(node: Node) -> str:
    """The text that an option begins with."""
    first = node.parts[0] if isinstance(node, Concat) else node
    return first.text if isinstance(first, Literal) else ""


def _beginning(node: Node) -> str:
    return _text(node)[:1]


def _shared(texts: Sequence[str]) -> str:
    low, high = min(texts), max(texts)
    length = next((i for i, (one, other) in enumerate(zip(low, high, strict=False)) if one != other), len(low))
    return low[:length]


def _without(node: Node, length: int) -> Node:
    """An option without the beginning of its text; a single character comes as a class."""
    left = _text(node)[length:]
    if isinstance(node, Concat):
        return Concat((Literal(left), *node.parts[1:]) if left else node.parts[1:])
    if len(left) == 1:
        return CharClass(char(ord(left)))
    return Literal(left) if left else Empty()


def _planned(ranges: Ranges) -> _Plan:
    """How to read one of a set. Rows share their beginnings, and whatever is read alike is read in one place."""
    plan: _Plan = []
    known: dict[tuple[_Bytes, ...], int] = {((),): 0}

    def way(rows: tuple[_Bytes, ...]) -> int:
        if rows not in known:
            tails: dict[tuple[int, int], list[_Bytes]] = {}
            for head, *tail in rows:
                tails.setdefault(head, []).append(tuple(tail))
            heads: dict[int, list[tuple[int, int]]] = {}
            for head, rest in tails.items():
                heads.setdefault(way(tuple(rest)), []).append(head)
            plan.append([(tuple(these), rest) for rest, these in heads.items()])
            known[rows] = len(plan)
        return known[rows]

    way(tuple(_rows(ranges)))
    return plan


def _rows(ranges: Ranges) -> Iterator[_Bytes]:
    """A set of code points as bytes in a row (_syntax.py, fact 2)."""
    for low, high in ranges:
        if high == OVERLONG:
            yield from _encoded(low, 0x7F)
            yield from (((0xC2, 0xDF), _TAIL), ((0xE0, 0xEF), _TAIL, _TAIL), ((0xF0, 0xF4), _TAIL, _TAIL, _TAIL))
        else:
            yield from _encoded(low, high)


def _encoded(low: int, high: int) -> Iterator[_Bytes]:
    """A range of code points as rows in which every byte may be any of its range."""
    if low > high:
        return
    for last in (0x7F, 0x7FF, 0xFFFF):  # of as many bytes
        if low <= last < high:
            yield from _encoded(low, last)
            yield from _encoded(last + 1, high)
            return
    for bits in (6, 12, 18) if high > 0x7F else ():
        below = (1 << bits) - 1  # what the last bytes say
        if low & ~below != high & ~below and (low & below or high & below != below):
            cut = low | below if low & below else (high & ~below) - 1
            yield from _encoded(low, cut)
            yield from _encoded(cut + 1, high)
            return
    ends = [chr(code).encode("utf-8", "surrogatepass") for code in (low, high)]
    yield tuple(zip(*ends, strict=True))
