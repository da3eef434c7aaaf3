"""How a path template runs: whether a path fits, and what its variables take, in linear time.

Facts (tests/test_uri_template.py asks google-re2, tests/envoy/test_uri_template.py asks Envoy)

1. RE2 prefers as Perl does: a repetition takes as much as lets the rest match, the first one first.
2. Of a repeated group the last round is captured. RE2 makes ``((E)+)?`` of ``(E)*`` where E may be empty, and no
   way through an expression goes in a circle: a round that takes nothing comes only first, and only alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PLAIN", "Glob", "Literal", "Part", "Program", "Variable"]

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
#: What literals and ``*`` are of; ``**`` takes slashes too.
PLAIN: Final = frozenset(_LETTERS + _LETTERS.upper() + "0123456789-._~%!$&'()+,;:@=*")


class Literal(NamedTuple):
    text: str


class Glob(NamedTuple):
    """``*``, or ``**`` where it is ``long``; ``example`` is what it takes in an example."""

    long: bool
    example: str = "x"


class Variable(NamedTuple):
    name: str
    parts: tuple[Literal | Glob, ...]


Part = Literal | Glob | Variable


class _Capture(NamedTuple):
    """A variable: the step it begins with, the one behind its last, and whether all of it may repeat."""

    name: str
    begin: int
    end: int
    repeats: bool


class Program:
    """Steps that each take characters of one set, once, once or more, or any number of times; immutable.

    Sets of steps are bits of a number. The last of n steps is bit 1 and the first is bit n, so that each step
    leads to the bit below it; bit 0 is the match. From the end of the path to its beginning it is noted which
    steps can take each character on the way to the match; so the walk from its beginning always knows what it
    prefers of what leads there. Both take time linear in the path, times the template's length in words.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._sets: list[frozenset[str]] = []
        self._top = 0  # the number of steps
        self._again: set[int] = set()  # steps that may take more than one character
        self._maybe: set[int] = set()  # steps that may take none
        self._captures: dict[int, _Capture] = {}
        for number, part in enumerate(parts):
            if isinstance(part, Variable):
                follows = parts[number + 1 : number + 2]
                repeats = any(isinstance(one, Literal) and one.text.startswith("*") for one in follows)
                begin = self._top
                if repeats:  # a step that takes nothing: here, and not within a round, there may be none at all
                    self._step(frozenset())
                    self._maybe.add(begin)
                for inner in part.parts:
                    self._add(inner)
                self._captures[begin] = _Capture(part.name, begin, self._top, repeats)
            else:
                self._add(part)
        self._again_bits = sum(map(self._bit, self._again))
        self._maybe_bits = sum(map(self._bit, self._maybe))
        self._repeated = [
            (self._bit(capture.begin), self._bit(capture.end))
            for capture in self._captures.values()
            if capture.repeats
        ]
        self._takers = dict.fromkeys(PLAIN | {"/"}, 0)
        for step, chars in enumerate(self._sets):
            for char in chars:
                self._takers[char] |= self._bit(step)

    def _add(self, part: Literal | Glob) -> None:
        if isinstance(part, Glob):
            self._step(PLAIN | {"/"} if part.long else PLAIN)
            self._repeat(at_least_once=not part.long)
            return
        for number, char in enumerate(part.text):
            if char != "*":
                self._step(frozenset(char))
            elif number > 0:  # else it stands behind a variable, and repeats that
                self._repeat(at_least_once=False)

    def _step(self, chars: frozenset[str]) -> None:
        self._sets.append(chars)
        self._top += 1

    def _repeat(self, *, at_least_once: bool) -> None:
        self._again.add(self._top - 1)
        if not at_least_once:
            self._maybe.add(self._top - 1)

    def _bit(self, step: int) -> int:
        return 1 << self._top - step

    def _reached(self, steps: int) -> int:
        """These, and the steps from which one gets to them without taking a character."""
        maybe = self._maybe_bits
        while True:
            # A step of ``maybe`` is reached from the one below it. The sum carries from there through all of
            # ``maybe`` that lies above without a gap, and so changes these; it does not where two such meet.
            seeds = steps << 1 & maybe
            found = steps | maybe & ((maybe + seeds ^ maybe) | seeds)
            for begin, end in self._repeated:
                if found & (begin | end):
                    found |= begin | end
            if found == steps:
                return found
            steps = found

    def _noted(self, path: str) -> list[int] | None:
        """For each place of the path the steps that can take its character there; None if it does not match."""
        ahead = self._reached(1)
        noted = [0]
        for char in reversed(path):
            taking = self._takers.get(char, 0) & (ahead << 1 | ahead & self._again_bits)
            if not taking:
                return None
            noted.append(taking)
            ahead = self._reached(taking)
        if not ahead >> self._top & 1:
            return None
        noted.reverse()
        return noted

    def capture(self, path: str) -> dict[str, str] | None:
        noted = self._noted(path)
        if noted is None:
            return None
        found: dict[str, str] = {}
        step = at = 0
        while step < self._top:
            capture = self._captures.get(step) or _Capture("", step, step + 1, repeats=False)
            begin = at
            if not capture.repeats:
                at = self._walk(capture, at, noted)
            while capture.repeats and self._goes_on(capture, noted[at]):
                begin = at
                at = self._walk(capture, at, noted)
            if capture.name:
                found[capture.name] = path[begin:at]
            step = capture.end
        return found

    def _goes_on(self, capture: _Capture, taking: int) -> bool:
        """Whether a round that takes something can begin where these steps can take the character."""
        for step in range(capture.begin, capture.end):
            if taking & self._bit(step):
                return True
            if step not in self._maybe:
                return False
        return False

    def _walk(self, capture: _Capture, at: int, noted: list[int]) -> int:
        """Where its steps end that begin at a place of the path."""
        for step in range(capture.begin, capture.end):
            if step not in self._maybe:
                at += 1
            if step in self._again:
                bit = self._bit(step)
                while noted[at] & bit:
                    at += 1
        return at
