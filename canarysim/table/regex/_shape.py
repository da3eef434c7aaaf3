r"""A pattern's language in a plainer shape: no captures, no needless choice. For asking yes or no only.

Facts (each is an equality of languages, E any expression, x and y sets of characters)
1. E{a,b} E{c,d} = E{a+c,b+d}.  (E{a,b}){c,d} = E{ac,bd} where the counts have no gap: c = d, or cb + 1 >=
   (c+1)a.
2. y{c,} E = y{c,} and E y{c,} = y{c,} where E matches the empty text and is made of characters of y. y{c,}
   x{a,b} = y{c,} x{a,a} and x{a,b} y{c,} = x{a,a} y{c,} where x is in y: what is left over goes to y.
3. Where E matches the empty text, E{m,} = E* = (E°)*, with (F|G)° = F°|G°, (FG)° = F°|G° (both
   empty, else FG), (F{a,b})° = F° (Brüggemann-Klein's star normal form). Not with assertions: (\ba?)* is
   not a*.
4. EF|EG = E(F|G), in whatever order the options stand.
5. Reversing every word of a language reverses the parts of each Concat and swaps the beginnings and ends.
6. (x|E)* = x* and (x|E)+ = x+ where E is made of characters of x, and is not empty.
7. ``^`` and ``\A`` hold where the text begins, ``$`` and ``\z`` where it ends.

Single characters are CharClass here, never Literal, so that equal things compare equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.table.regex._charsets import char, covers, union
from canarysim.table.regex._syntax import (
    NEVER,
    Alternate,
    Assertion,
    CharClass,
    Concat,
    Empty,
    Group,
    Literal,
    Node,
    Repeat,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from canarysim.table.regex._charsets import Ranges

__all__ = [
    "alphabet",
    "assertive",
    "may_be_empty",
    "plain",
    "reverse",
    "shortest",
    "variants",
    "without_edges",
]

_EMPTY = Empty()
_MOST_LEVELS = 8  # of options that share beginnings within options that do
_MIRRORED = {
    "begin_text": Assertion("end_text"),
    "end_text": Assertion("begin_text"),
    "begin_line": Assertion("end_line"),
    "end_line": Assertion("begin_line"),
}


def plain(node: Node) -> Node:
    """The same language without captures, in this module's shape."""
    if isinstance(node, Literal):
        return _concat([CharClass(char(ord(one))) for one in node.text])
    if isinstance(node, Group):
        return plain(node.body)
    if isinstance(node, Concat):
        return _concat(map(plain, node.parts))
    if isinstance(node, Alternate):
        return _alternate(map(plain, node.options))
    if isinstance(node, Repeat):
        return _repeat(plain(node.body), node.min, node.max)
    return node


def reverse(node: Node) -> Node:
    """The language of the reversed words (fact 5)."""
    if isinstance(node, Concat):
        return _concat(reverse(part) for part in reversed(node.parts))
    if isinstance(node, Alternate):
        return _alternate(map(reverse, node.options))
    if isinstance(node, Repeat):
        return _repeat(reverse(node.body), node.min, node.max)
    if isinstance(node, Assertion):
        return _MIRRORED.get(node.place, node)
    return node


def without_edges(node: Node) -> Node:
    """Without the assertions that always hold, because they stand at an end of a whole match (fact 7)."""
    return reverse(_without_beginning(reverse(_without_beginning(node)))) if assertive(node) else node


def _without_beginning(node: Node) -> Node:
    if isinstance(node, Assertion) and node.place in ("begin_text", "begin_line"):
        return _EMPTY
    if isinstance(node, Alternate):
        return _alternate(map(_without_beginning, node.options))
    if isinstance(node, Repeat) and node.max == 1:
        return _repeat(_without_beginning(node.body), node.min, 1)
    if isinstance(node, Concat):
        parts = list(node.parts)
        while parts:
            first = _without_beginning(parts[0])
            if not isinstance(first, Empty):
                return _concat([first, *parts[1:]])
            del parts[0]
        return _EMPTY
    return node


def variants(node: Node, most: int) -> list[Node]:
    """Languages whose union this is: its choices (of options, and of once or never) made beforehand.

    Choices inside repetitions stay, as do those that would make more than ``most`` languages.
    """
    if isinstance(node, Alternate):
        found = [one for option in node.options for one in variants(option, most)]
        return found if len(found) <= most else [node]
    if isinstance(node, Repeat) and (node.min, node.max) == (0, 1):
        found = [_EMPTY, *variants(node.body, most)]
        return found if len(found) <= most else [node]
    if isinstance(node, Concat):
        rows: list[list[Node]] = [[]]
        for part in node.parts:
            # Only what holds an unlimited repetition is worth a choice of its own.
            choices = variants(part, most) if not isinstance(part, CharClass) and longest(part) is None else [part]
            if len(rows) * len(choices) > most:
                choices = [part]
            rows = [[*row, choice] for row in rows for choice in choices]
        return [_concat(row) for row in rows]
    return [node]


def assertive(node: Node) -> bool:
    """Whether there is an assertion in it."""
    return isinstance(node, Assertion) or any(map(assertive, _children(node)))


def may_be_empty(node: Node) -> bool:
    """Whether it can match the empty text, at least in some places (an assertion may)."""
    if isinstance(node, Concat):
        return all(map(may_be_empty, node.parts))
    if isinstance(node, Alternate):
        return any(map(may_be_empty, node.options))
    if isinstance(node, Repeat):
        return node.min == 0 or may_be_empty(node.body)
    return isinstance(node, (Empty, Assertion))


def shortest(node: Node) -> int:
    """The length of a shortest match. (The empty class has none, and counts as one character.)"""
    if isinstance(node, Concat):
        return sum(map(shortest, node.parts))
    if isinstance(node, Alternate):
        return min(map(shortest, node.options))
    if isinstance(node, Repeat):
        return node.min * shortest(node.body)
    return int(isinstance(node, CharClass))


def longest(node: Node) -> int | None:
    """The length of a longest match; None where there is no limit."""
    if isinstance(node, Repeat):
        body = longest(node.body)
        if body == 0:
            return 0
        return None if body is None or node.max is None else node.max * body
    if isinstance(node, (Concat, Alternate)):
        lengths = [longest(child) for child in _children(node)]
        known = [length for length in lengths if length is not None]
        if len(known) < len(lengths):
            return None
        return sum(known) if isinstance(node, Concat) else max(known)
    return int(isinstance(node, CharClass))


def alphabet(node: Node) -> Ranges:
    """The characters its matches are made of."""
    if isinstance(node, CharClass):
        return node.ranges
    return union(*map(alphabet, _children(node)))


def _children(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Concat):
        return node.parts
    if isinstance(node, Alternate):
        return node.options
    return (node.body,) if isinstance(node, Repeat) else ()


def _concat(given: Iterable[Node]) -> Node:
    parts: list[Node] = []
    for node in given:
        for part in node.parts if isinstance(node, Concat) else (node,):
            if isinstance(part, CharClass) and not part.ranges:
                return NEVER
            _append(parts, part)
    if len(parts) == 1:
        return parts[0]
    return Concat(tuple(parts)) if parts else _EMPTY


def _append(parts: list[Node], part: Node) -> None:
    """Appends, simplifying where two parts meet (facts 1 and 2)."""
    while parts and not isinstance(part, Empty):
        before = parts[-1]
        if not isinstance(before, Repeat) and not isinstance(part, Repeat):
            break
        body, low, high = _counted(before)
        other, least, most = _counted(part)
        if body == other:
            parts.pop()
            part = _repeat(body, low + least, None if high is None or most is None else high + most)
            continue
        lesser = _absorbed(before, part)
        if lesser is not None:
            part = lesser
            continue
        lesser = _absorbed(part, before)
        if lesser is None:
            break
        parts.pop()
        if not isinstance(lesser, Empty):
            parts.append(lesser)
            break
    if not isinstance(part, Empty):
        parts.append(part)


def _counted(node: Node) -> tuple[Node, int, int | None]:
    return (node.body, node.min, node.max) if isinstance(node, Repeat) else (node, 1, 1)


def _absorbed(loop: Node, part: Node) -> Node | None:
    """What is left of a part beside an unlimited repetition of single characters; None: all of it."""
    if not isinstance(loop, Repeat) or loop.max is not None or not isinstance(loop.body, CharClass):
        return None
    body, low, high = _counted(part)
    if low == high or assertive(part) or not covers(loop.body.ranges, alphabet(part)):
        return None
    if may_be_empty(part):
        return _EMPTY
    return _repeat(body, low, low) if isinstance(body, CharClass) else None


def _alternate(given: Iterable[Node], level: int = 0) -> Node:
    families: dict[Node, list[tuple[Node, ...]]] = {}
    optional = False
    for option in _options(given):
        if isinstance(option, Empty):
            optional = True
        elif option != NEVER:
            parts = option.parts if isinstance(option, Concat) else (option,)
            families.setdefault(parts[0], []).append(parts)
    singles: list[Ranges] = []
    options: list[Node] = []
    for members in families.values():
        for option in [_factored(members, level)] if level < _MOST_LEVELS else map(_concat, members):
            if isinstance(option, CharClass):
                singles.append(option.ranges)
            elif isinstance(option, Repeat) and (option.min, option.max) == (0, 1):
                optional = True
                options.append(option.body)
            else:
                options.append(option)
    if singles:
        options.insert(0, CharClass(union(*singles)))
    if not options:
        return _EMPTY if optional else NEVER
    node = options[0] if len(options) == 1 else Alternate(tuple(options))
    return _repeat(node, 0, 1) if optional else node


def _factored(members: list[tuple[Node, ...]], level: int) -> Node:
    """One of several rows of parts that have their first part in common (fact 4)."""
    if len(members) == 1:
        return _concat(members[0])
    same = 1
    least = min(map(len, members))
    while same < least and all(member[same] == members[0][same] for member in members):
        same += 1
    rests = [_concat(member[same:]) for member in members]
    return _concat([*members[0][:same], _alternate(rests, level + 1)])


def _options(given: Iterable[Node]) -> list[Node]:
    flat: list[Node] = []
    for option in given:
        if isinstance(option, Alternate):
            flat.extend(option.options)
        elif isinstance(option, Repeat) and (option.min, option.max) == (0, 1):
            flat.append(_EMPTY)
            flat.extend(_options([option.body]))
        else:
            flat.append(option)
    return flat


def _repeat(body: Node, low: int, high: int | None) -> Node:
    """A repetition in its plainest form (facts 1 and 3)."""
    if isinstance(body, Empty) or high == 0:
        return _EMPTY
    if body == NEVER:
        return NEVER if low else _EMPTY
    if low == high == 1:
        return body
    if longest(body) == 0:  # an assertion holds as often as one likes, and not at all needs none
        return body if low else _EMPTY
    if isinstance(body, Repeat):
        least, most = body.min, body.max
        gapless = low == high or most is None or low * most + 1 >= (low + 1) * least
        if most is None and low == 0:
            gapless = least <= 1
        if gapless:
            return _repeat(body.body, low * least, None if most is None or high is None else most * high)
    if may_be_empty(body) and not assertive(body):
        if high == 1:
            return body
        low = 0
        if high is None:
            return _repeat(_nonempty(body), 0, None)
    if high is None and low <= 1 and isinstance(body, Alternate):
        return Repeat(_without_words(body), low, None)
    return Repeat(body, low, high)


def _without_words(node: Alternate) -> Node:
    """The options of a repetition without those that its single characters can spell (fact 6)."""
    singles = union(*(option.ranges for option in node.options if isinstance(option, CharClass)))
    left = [
        option
        for option in node.options
        if isinstance(option, CharClass) or assertive(option) or not covers(singles, alphabet(option))
    ]
    return left[0] if len(left) == 1 else Alternate(tuple(left))


def _nonempty(node: Node) -> Node:
    """E° of fact 3."""
    if not may_be_empty(node):
        return node
    if isinstance(node, Repeat):
        return _nonempty(node.body)
    if isinstance(node, (Concat, Alternate)):
        return _alternate(map(_nonempty, _children(node)))
    return NEVER
