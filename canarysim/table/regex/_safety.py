r"""Whether a backtracking matcher needs linear time for a pattern, for every text.

The rule
A backtracking matcher tries one way on, and where that fails another. What it costs is decided by its
choices: to leave a repetition or to go round again, and which option to take. A choice is *settled* if no
character (and not the end of the text) can begin two of its ways: all but one then fail on the spot. So,
with n the length of the text, and "what follows" all the rest of the pattern up to its end:

1. In a repetition without limit, every choice within the body is settled, the body cannot match the empty
   text, and either leaving it is settled, or what follows costs a constant (no further repetition without
   limit). Then each place of the text is reached in one way only, and costs a constant there.
2. Outside such repetitions a choice that is not settled costs the sum of its ways, a settled one the
   greater.
3. What is pinned or held (_pins.py) offers no choice once it has matched. Looking for the middle of what is
   pinned costs n times what one attempt costs, or n where attempts do not overlap.
4. What the rule says is computed as constant + slope * n steps; both are limited so that a text of 10,000
   characters takes a few milliseconds. Whatever is not shown to be so is not run.

It is tried on the pattern, on its mirror image (then the text is read backwards: ``.*/[a-z]+`` is settled
so), and on the languages the pattern is the union of (``(.*;)?a(;.*)?`` makes four).
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from canarysim.table.regex._charsets import Ranges, disjoint, union
from canarysim.table.regex._pins import Held, Pinned, pin
from canarysim.table.regex._shape import alphabet, may_be_empty, reverse, shortest, variants
from canarysim.table.regex._syntax import Alternate, CharClass, Concat, Empty, Node, Repeat

__all__ = ["Reading", "Unsafe", "readings"]

# The unit is the comparison of one literal character, measured as 1 to 2 ns; what re does for a choice, for a
# character of a repetition, for a round of one with a longer body, takes some more. So a text of 10,000
# characters takes some 4 ms at most (tests/test_regex.py measures again).
_CHOICE = 4
_STEP = 4
_ROUND = 8
_MOST_SLOPE = 250
_MOST_CONSTANT = 100_000
_MOST_VARIANTS = 16
_MOST_WORK = 30_000

_END: Ranges = ((-1, -1),)


class Unsafe(Exception):
    """Not shown to be linear; the argument is one sentence."""


class _TooLarge(Unsafe):
    """Given up; smaller questions about the same pattern would not be much smaller."""


class Reading(NamedTuple):
    """A language and the direction in which to read the text for it."""

    node: Node
    backwards: bool


def readings(node: Node) -> list[Reading]:
    """Languages, each safe in its direction, whose union is this one. Raises Unsafe."""
    try:
        return [_reading(node)]
    except _TooLarge:
        raise
    except Unsafe:
        choices = variants(node, _MOST_VARIANTS)
        if len(choices) == 1:
            raise
        return [_reading(choice) for choice in choices]


def _reading(node: Node) -> Reading:
    refusals: list[Unsafe] = []
    for backwards, pinned in product((False, True), repeat=2):
        candidate = reverse(node) if backwards else node
        if pinned:
            candidate = pin(candidate, _settled)
        try:
            _Judge().judge(candidate)
        except _TooLarge:
            raise
        except Unsafe as unsafe:
            refusals.append(unsafe)
        else:
            return Reading(candidate, backwards)
    raise refusals[0]


class _Ahead(NamedTuple):
    """What is known of the rest of a pattern: what it can begin with (the end of the text is -1), the steps
    it takes to fail where it does not begin, and those it takes at most, which are constant + slope * length.
    """

    first: Ranges
    fail: int
    constant: int
    slope: int


_NOTHING = _Ahead(_END, 1, 1, 0)
_SHUT = _Ahead((), 0, 0, 0)


class _Judge:
    """One pass over a pattern, from its end to its beginning."""

    def __init__(self) -> None:
        self.work = 0

    def judge(self, node: Node, ahead: _Ahead = _NOTHING, *, settled: bool = False) -> _Ahead:
        """What is known of ``node`` with all after it; ``settled``: refuse other choices. Raises Unsafe."""
        self.work += 1
        if self.work > _MOST_WORK:
            raise _TooLarge("it is too large to judge whether Python's re would be fast enough")
        known = self._judge(node, ahead, settled)
        if known.slope > _MOST_SLOPE or known.constant > _MOST_CONSTANT:
            raise Unsafe(f"Python's re might backtrack too long on {show(node)}")
        return known

    def _judge(self, node: Node, ahead: _Ahead, settled: bool) -> _Ahead:
        if isinstance(node, CharClass):
            return _Ahead(node.ranges, 1, 1 + ahead.constant, ahead.slope)
        if isinstance(node, Concat):
            for part in reversed(node.parts):
                ahead = self.judge(part, ahead, settled=settled)
            return ahead
        if isinstance(node, Alternate):
            return self._choice(
                node, [self.judge(option, ahead, settled=settled) for option in node.options], settled
            )
        if isinstance(node, Repeat):
            if node.max == 1:
                return self._choice(node, [self.judge(node.body, ahead, settled=settled), ahead], settled)
            if isinstance(node.body, CharClass):
                return self._run(node, node.body.ranges, ahead, settled)
            if may_be_empty(node.body):
                raise Unsafe(f"{show(node)} repeats what can match the empty text")
            return self._loop(node, ahead, settled) if node.max is None else self._unroll(node, ahead, settled)
        if isinstance(node, Pinned):
            return self._pinned(node, ahead, settled)
        if isinstance(node, Held):
            return self._held(node, ahead)
        if isinstance(node, Empty):
            return ahead
        # An assertion: taken to hold and taken to fail, whichever is worse.
        return _Ahead(ahead.first, 1 + ahead.fail, 1 + ahead.constant, ahead.slope)

    def _choice(self, node: Node, ways: list[_Ahead], settled: bool) -> _Ahead:
        first: Ranges = ()
        apart = True
        for way in ways:
            apart = apart and disjoint(first, way.first)
            first = union(first, way.first)
        fail = _CHOICE + sum(way.fail for way in ways)
        if apart:
            constant, slope = max(way.constant for way in ways), max(way.slope for way in ways)
            return _Ahead(first, fail, fail + constant, slope)
        if settled:
            raise Unsafe(f"a repetition goes round through {show(node)}, which does not settle its choice at once")
        constant, slope = sum(way.constant for way in ways), sum(way.slope for way in ways)
        return _Ahead(first, fail, _CHOICE + constant, slope)

    def _run(self, node: Repeat, ranges: Ranges, ahead: _Ahead, settled: bool) -> _Ahead:
        """A repetition of single characters."""
        first = ranges if node.min else union(ranges, ahead.first)
        fail = _STEP if node.min else _STEP + ahead.fail
        base = node.min + ahead.constant + ahead.fail
        apart = disjoint(ranges, ahead.first)
        if node.min == node.max:
            return _Ahead(first, fail, base, ahead.slope)
        if not apart and settled:
            raise Unsafe(f"a repetition goes round through {show(node)}, which can be left in several places")
        if node.max is None:
            if apart:
                return _Ahead(first, fail, base, ahead.slope + _STEP + ahead.fail)
            if ahead.slope:
                raise Unsafe(f"{show(node)} can be left in many places, and another repetition follows it")
            return _Ahead(first, fail, base, _STEP + ahead.constant)
        ways = node.max - node.min + 1
        if apart:
            return _Ahead(first, fail, base + ways * (_STEP + ahead.fail), ahead.slope)
        return _Ahead(first, fail, node.min + ways * (_STEP + ahead.constant), ways * ahead.slope)

    def _loop(self, node: Repeat, ahead: _Ahead, settled: bool) -> _Ahead:
        """A repetition without limit of a longer body (rule 1)."""
        body = self.judge(node.body, _SHUT, settled=True)
        again = _Ahead(union(body.first, ahead.first), _ROUND + body.fail + ahead.fail, 0, 0)
        around = self.judge(node.body, again, settled=True)
        length = max(1, shortest(node.body))
        slope = ahead.slope + around.slope - (-(around.constant + again.fail) // length)
        constant = node.min * (around.constant + 1) + again.fail + ahead.constant
        if not disjoint(body.first, ahead.first):
            if settled:
                raise Unsafe(f"a repetition goes round through {show(node)}, which can be left in several places")
            if ahead.slope:
                raise Unsafe(f"{show(node)} can be left in many places, and another repetition follows it")
            slope -= -ahead.constant // length
        first = body.first if node.min else again.first
        return _Ahead(first, body.fail if node.min else again.fail, constant, slope)

    def _unroll(self, node: Repeat, ahead: _Ahead, settled: bool) -> _Ahead:
        """A repetition with a limit: as many choices as it has optional rounds."""
        known = ahead
        for left in range(node.max or 0, 0, -1):
            known = self.judge(node.body, known, settled=settled)
            if left > node.min:
                known = self._choice(node, [known, ahead], settled)
        return known

    def _pinned(self, node: Pinned, ahead: _Ahead, settled: bool) -> _Ahead:
        if settled:
            raise Unsafe(f"a repetition goes round through {show(node)}, which can be left in several places")
        middle = self.judge(node.middle, _SHUT)
        each = _STEP + middle.constant + 2 * middle.slope
        first = alphabet(node.loop) if node.loop.min else union(alphabet(node.loop), middle.first)
        if not node.loop.min and may_be_empty(node.middle):
            first = union(first, ahead.first)
        constant = node.loop.min + each + ahead.constant
        return _Ahead(first, 1 + middle.fail, constant, each + ahead.slope)

    def _held(self, node: Held, ahead: _Ahead) -> _Ahead:
        ranges = alphabet(node.loop)
        first = ranges if node.loop.min else union(ranges, ahead.first)
        fail = _STEP if node.loop.min else _STEP + ahead.fail
        return _Ahead(first, fail, node.loop.min + ahead.constant, _STEP + ahead.slope)


def _settled(node: Node) -> Ranges | None:
    """What a node can begin with, if every choice in it is settled."""
    try:
        return _Judge().judge(node, _SHUT, settled=True).first
    except Unsafe:
        return None


def show(node: Node) -> str:
    """A part of a pattern as text, cut where it is long."""
    from canarysim.table.regex._python import emit

    text = emit(node).replace(r"[^\x0a]", ".").replace("(?:", "(").replace("(?>", "(")
    return f"'{text}'" if len(text) <= 60 else f"'{text[:57]}...'"
