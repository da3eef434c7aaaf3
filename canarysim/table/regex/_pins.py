r"""Ways through a pattern that need not be taken back, so that a backtracking matcher does not try others.

Facts (x, y sets of characters; each loses no match of the whole pattern)
1. *Pinned*: in x{a,} M y{b,}, with all characters of x and of M in y, the M that ends first will do:
   whatever stands between its end and the end of another goes to y.
2. The M that begins first ends first if all its matches are equally long; or if M is a choice of words, none
   of which can stand strictly inside another, and the shortest are tried first; or if no character that can
   begin M stands later in it but at its end, which is a single character, and every choice in M is settled
   (_safety.py). In the last case attempts at different places overlap in one character at most.
3. *Held*: in x{a,} y* R, where no character of x begins R (R may be the end), the longest x will do. Where a
   shorter one leads to a match, y goes on beyond the end of the longest: R does not begin before it. So y can
   begin there as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.table.regex._charsets import covers, disjoint, union
from canarysim.table.regex._shape import alphabet, longest, may_be_empty, shortest
from canarysim.table.regex._syntax import Alternate, CharClass, Concat, Empty, Node, Repeat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from canarysim.table.regex._charsets import Ranges

__all__ = ["Held", "Pinned", "pin"]

_MOST_WORDS = 64


class Pinned(Node):
    """Fact 1: a repetition of single characters, as few as it takes, then ``middle``; never taken back."""

    __slots__ = ("loop", "middle")
    loop: Repeat
    middle: Node

    def __init__(self, loop: Repeat, middle: Node) -> None:
        object.__setattr__(self, "loop", loop)
        object.__setattr__(self, "middle", middle)


class Held(Node):
    """Fact 3: a repetition of single characters, as many as there are; never taken back."""

    __slots__ = ("loop",)
    loop: Repeat

    def __init__(self, loop: Repeat) -> None:
        object.__setattr__(self, "loop", loop)


def pin(node: Node, settled: Callable[[Node], Ranges | None], *, last: bool = True) -> Node:
    """Pins and holds what can be, outside repetitions.

    ``settled`` gives what a node can begin with if every choice in it is settled, else None. ``last``:
    nothing follows the node.
    """
    if isinstance(node, Alternate):
        return Alternate(tuple(pin(option, settled, last=last) for option in node.options))
    if isinstance(node, Repeat) and node.max == 1:
        return Repeat(pin(node.body, settled, last=last), node.min, 1)
    if not isinstance(node, Concat):
        return node
    parts: list[Node] = []
    at = 0
    while at < len(node.parts):
        part = node.parts[at]
        found = _pinned(node.parts, at, settled)
        if found is not None:
            parts.append(found[0])
            at = found[1]
            continue
        rest = node.parts[at + 1 :]
        if isinstance(part, Repeat) and _holds_on(part, rest, settled, last=last):
            parts.append(Held(part))
        else:
            parts.append(pin(part, settled, last=last and not rest))
        at += 1
    return parts[0] if len(parts) == 1 else Concat(tuple(parts))


def _pinned(
    parts: Sequence[Node], start: int, settled: Callable[[Node], Ranges | None]
) -> tuple[Node, int] | None:
    """The repetition at ``start`` pinned, and the index of the one up to which it is."""
    loop = parts[start]
    held = _unlimited(loop)
    if held is None:
        return None
    for end in range(start + 1, len(parts)):
        later = _unlimited(parts[end])
        if later is not None and end > start + 1 and covers(later, held):
            middle = _first_to_end(parts[start + 1 : end], settled)
            return None if middle is None or not isinstance(loop, Repeat) else (Pinned(loop, middle), end)
        held = union(held, alphabet(parts[end]))
    return None


def _unlimited(node: Node) -> Ranges | None:
    if isinstance(node, Repeat) and node.max is None and isinstance(node.body, CharClass):
        return node.body.ranges
    return None


def _first_to_end(middle: Sequence[Node], settled: Callable[[Node], Ranges | None]) -> Node | None:
    """The parts as one node, the first match of which ends first (fact 2); None where that is not known."""
    whole = middle[0] if len(middle) == 1 else Concat(tuple(middle))
    if longest(whole) == shortest(whole):
        return whole
    words = _words(whole)
    if words is not None:
        words.sort(key=len)
        apart = not any(_inside(short, long) for short in words for long in words)
        return Alternate(tuple(map(_spelled, words))) if apart else None
    if len(middle) > 1 and isinstance(middle[-1], CharClass):
        first = settled(whole)
        if first is not None and disjoint(first, _later(Concat(tuple(middle[:-1])))):
            return whole
    return None


def _later(node: Node) -> Ranges:
    """The characters that can stand in a match of ``node`` behind the first one."""
    if isinstance(node, Concat) and not may_be_empty(node.parts[0]):
        return union(_later(node.parts[0]), *map(alphabet, node.parts[1:]))
    if isinstance(node, Alternate):
        return union(*map(_later, node.options))
    return () if isinstance(node, CharClass) else alphabet(node)


def _words(node: Node) -> list[tuple[Ranges, ...]] | None:
    """The node as a choice of words, which are rows of sets; None where there are many, or assertions."""
    words: list[tuple[Ranges, ...]] = [()]
    if isinstance(node, CharClass):
        return [(node.ranges,)]
    if isinstance(node, Alternate):
        found = [_words(option) for option in node.options]
        words = [word for some in found if some is not None for word in some]
        return words if None not in found and len(words) <= _MOST_WORDS else None
    if isinstance(node, Concat):
        for part in node.parts:
            some = _words(part)
            if some is None or len(words) * len(some) > _MOST_WORDS:
                return None
            words = [word + end for word in words for end in some]
        return words
    if isinstance(node, Repeat) and node.max is not None and node.max <= _MOST_WORDS:
        some = _words(node.body)
        rounds = [words]
        for _ in range(node.max):
            if some is None or len(rounds[-1]) * len(some) > _MOST_WORDS:
                return None
            rounds.append([word + end for word in rounds[-1] for end in some])
        words = [word for these in rounds[node.min :] for word in these]
        return words if len(words) <= _MOST_WORDS else None
    return words if isinstance(node, Empty) else None


def _inside(short: tuple[Ranges, ...], long: tuple[Ranges, ...]) -> bool:
    """Whether a match of one word can stand in one of the other, with something before and after it."""
    return any(
        not any(disjoint(mine, its) for mine, its in zip(short, long[at:], strict=False))
        for at in range(1, len(long) - len(short))
    )


def _spelled(word: tuple[Ranges, ...]) -> Node:
    if not word:
        return Empty()
    return CharClass(word[0]) if len(word) == 1 else Concat(tuple(map(CharClass, word)))


def _holds_on(loop: Repeat, rest: Sequence[Node], settled: Callable[[Node], Ranges | None], *, last: bool) -> bool:
    """Whether fact 3 goes for a repetition and what follows it."""
    ranges = _unlimited(loop)
    if ranges is None or not rest or _unlimited(rest[0]) is None:
        return False
    if not isinstance(rest[0], Repeat) or rest[0].min:
        return False
    if len(rest) == 1:
        return last
    first = None if may_be_empty(rest[1]) else settled(rest[1])
    return first is not None and disjoint(ranges, first)
