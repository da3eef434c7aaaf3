r"""How RE2 simplifies its tree (_size_tree.py) before it compiles it.

Facts (re2/simplify.cc of 2025-11)
1. First, from the inside out, a repetition of one character takes in what follows it in a row: a repetition of
   the same (both greedy or both lazy), the same once, or the beginning of a text that repeats it. So ``a*a`` is
   ``a{1,}`` and ``a?ab`` is ``a{1,2}b``.
2. Then x{2,} is xx+, x{2,4} is xx(x(x)?)?, x{0} is empty; what is a row or a choice of assertions only is
   repeated once at most. A repetition of the empty text is the empty text. Stars of stars under the same flags
   are one.
3. A class of nothing matches nothing, a class of all is the dot of ``(?s)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from canarysim.table.regex._size_part import ASSERTIONS, FOLDED, LAZY, SINGLES, Part, same

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["simplified", "walk"]

_T = TypeVar("_T")
_STARS = ("star", "plus", "quest")


def simplified(part: Part) -> Part:
    return walk(walk(part, _coalesced), _simple)


def walk(top: Part, visit: Callable[[Part, list[_T]], _T]) -> _T:
    """What ``visit`` makes of a part and of what it made of the parts in it, without recursion."""
    stack: list[tuple[Part, list[_T]]] = [(top, [])]
    while True:
        part, found = stack[-1]
        if len(found) < len(part.subs):
            stack.append((part.subs[len(found)], []))
            continue
        made = visit(part, found)
        stack.pop()
        if not stack:
            return made
        stack[-1][1].append(made)


def _with(part: Part, subs: list[Part]) -> Part:
    """The part with others in it; the same where they are the same."""
    if all(one is other for one, other in zip(part.subs, subs, strict=True)):
        return part
    return _copy(part, subs)


def _copy(part: Part, subs: list[Part]) -> Part:
    new = Part(part.op, part.flags, subs)
    new.low, new.high = part.low, part.high
    return new


def _coalesced(part: Part, subs: list[Part]) -> Part:
    if part.op != "concat":
        return _with(part, subs)
    if not any(map(_may_join, subs, subs[1:])):
        return _with(part, subs)
    subs = list(subs)
    for at in range(len(subs) - 1):
        if _may_join(subs[at], subs[at + 1]):
            subs[at : at + 2] = _joined(subs[at], subs[at + 1])
    return Part("concat", part.flags, [one for one in subs if one.op != "empty"])


def _may_join(left: Part, right: Part) -> bool:
    if left.op not in _STARS and left.op != "repeat":
        return False
    body = left.subs[0]
    if body.op not in SINGLES:
        return False
    if (right.op in _STARS or right.op == "repeat") and same(body, right.subs[0]):
        return left.flags & LAZY == right.flags & LAZY
    if same(body, right):
        return True
    if body.op != "literal" or right.op != "string":
        return False
    return right.runes[0] == body.runes[0] and body.flags & FOLDED == right.flags & FOLDED


def _joined(left: Part, right: Part) -> tuple[Part, Part]:
    new = Part("repeat", left.flags, [left.subs[0]])
    new.low, new.high = _counts(left)
    if right.op == "string":
        times = next((i for i, rune in enumerate(right.runes) if rune != right.runes[0]), len(right.runes))
        low = high = times
    else:
        times = 0
        low, high = _counts(right)
    new.low += low
    new.high = -1 if high < 0 or new.high < 0 else new.high + high
    if times == len(right.runes) or right.op != "string":
        return Part("empty"), new
    rest = Part("literal" if len(right.runes) - times == 1 else "string", right.flags)
    rest.runes = right.runes[times:]
    return new, rest


def _counts(part: Part) -> tuple[int, int]:
    if part.op == "repeat":
        return part.low, part.high
    return {"star": (0, -1), "plus": (1, -1), "quest": (0, 1)}.get(part.op, (1, 1))


def _simple(part: Part, subs: list[Part]) -> Part:
    if part.op in _STARS:
        (body,) = subs
        if body.op == "empty" or (body is not part.subs[0] and (body.op, body.flags) == (part.op, part.flags)):
            return body
    elif part.op == "repeat":
        return subs[0] if subs[0].op == "empty" else _unrolled(subs[0], part.low, part.high, part.flags)
    elif part.op == "class":
        if not part.ranges:
            return Part("nothing")
        return Part("any", part.flags) if part.ranges == ((0, 0x10FFFF),) else part
    return _with(part, subs)


def _unrolled(body: Part, low: int, high: int, flags: int) -> Part:
    row = body.subs if body.op in ("concat", "alternate") else [body]
    if all(one.op in ASSERTIONS for one in row):
        low, high = min(low, 1), min(high, 1)
    if high < 0:
        if low < 2:
            return _star("plus" if low else "star", body, flags)
        return Part("concat", flags, [body] * (low - 1) + [_star("plus", body, flags)])
    if high == 0:
        return Part("empty", flags)
    if low == high == 1:
        return body
    first = body if low == 1 else Part("concat", flags, [body] * low)
    if low == high:
        return first
    rest = _star("quest", body, flags)
    for _ in range(high - low - 1):
        rest = _star("quest", Part("concat", flags, [body, rest]), flags)
    return Part("concat", flags, [first, rest]) if low else rest


def _star(op: str, body: Part, flags: int) -> Part:
    if body.op not in _STARS or body.flags != flags:
        return Part(op, flags, [body])
    return body if body.op in (op, "star") else Part("star", flags, body.subs)
