r"""How RE2 factors the options of a choice, in the tree of _size_tree.py.

Facts (re2/parse.cc of 2025-11)
1. There are three rounds: shared literal beginnings; shared first parts that are an assertion, a class, or a
   fixed count of one character; then neighbouring single characters become one class. What follows a shared
   beginning is factored likewise. Only neighbouring options share.
2. In the third round a literal that folds case is folded once more, by Unicode's rules: ``[Kk]|x`` has U+212A,
   ``[Kk]`` has not. (The RE2 of Envoy 1.36.4 adds nothing where the class has the lower case already, so that
   ``[a-c]|(?i:a)`` does not match "A" there, and is smaller by one. That is a fault which later ones do not
   have; here it is as in later ones.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canarysim.table.regex._charsets import Ranges, char, union
from canarysim.table.regex._classes import fold
from canarysim.table.regex._size_part import ASSERTIONS, FOLDED, LAZY, SINGLES, Part, same, string

if TYPE_CHECKING:
    from collections.abc import Generator

    from canarysim.table.regex._syntax import Encoding

__all__ = ["factored"]


def factored(subs: list[Part], flags: int, encoding: Encoding) -> list[Part]:
    """The options of a choice, factored; those that are given may be changed."""
    return _run(_factored(subs, flags, encoding))


def _run(steps: Generator[Any, list[Part], list[Part]]) -> list[Part]:
    """What recursive steps give; each asks for the outcome of others by yielding them.

    (Factoring recurs as deep as options share beginnings within options that do: deeper than Python's stack.)
    """
    stack = [steps]
    outcome: list[Part] | None = None
    while stack:
        try:
            stack.append(next(stack[-1]) if outcome is None else stack[-1].send(outcome))
            outcome = None
        except StopIteration as ended:
            stack.pop()
            outcome = ended.value
    return outcome or []


def _factored(subs: list[Part], bits: int, encoding: Encoding) -> Generator[Any, list[Part], list[Part]]:
    for shares in (_shared_texts, _shared_parts):
        made: list[Part] = []
        for prefix, these in shares(subs):
            if prefix is None:
                made += these
                continue
            rest = yield _factored(these, bits, encoding)
            made.append(
                Part("concat", bits, [prefix, rest[0] if len(rest) == 1 else Part("alternate", bits, rest)])
            )
        subs = made
    merged: list[Part] = []
    run: list[Part] = []
    for part in [*subs, Part("")]:
        if part.op in ("literal", "class"):
            run.append(part)
            continue
        if len(run) > 1:
            one = Part("class", bits & ~FOLDED)
            one.ranges = union(*(_ranges(member, encoding) for member in run))
            run = [one]
        merged += run
        run = []
        merged.append(part)
    return merged[:-1]


def _ranges(part: Part, encoding: Encoding) -> Ranges:
    if part.op == "class":
        return part.ranges
    single = char(part.runes[0])
    return fold(single, encoding) if part.flags & FOLDED else single


def _shared_texts(subs: list[Part]) -> list[tuple[Part | None, list[Part]]]:
    """Runs of options that begin with the same text, without it."""
    found: list[tuple[Part | None, list[Part]]] = []
    start, bits = 0, 0
    text: list[int] = []
    for at in range(len(subs) + 1):
        its, its_bits = _leading(subs[at]) if at < len(subs) else ([], -1)
        if its_bits == bits:
            length = next(
                (i for i, (one, other) in enumerate(zip(text, its, strict=False)) if one != other),
                min(len(text), len(its)),
            )
            if length:
                text = text[:length]
                continue
        these = subs[start:at]
        if len(these) > 1:
            for part in these:
                _drop_text(part, len(text))
            found.append((string(text, bits), these))
        elif these:
            found.append((None, these))
        start, text, bits = at, its, its_bits
    return found


def _leading(part: Part) -> tuple[list[int], int]:
    while part.op == "concat":
        part = part.subs[0]
    return part.runes if part.op in ("literal", "string") else [], part.flags & FOLDED


def _drop_text(part: Part, length: int) -> None:
    above: list[Part] = []
    while part.op == "concat":
        above.append(part)
        part = part.subs[0]
    part.runes = part.runes[length:]
    part.op = "empty" if not part.runes else "literal" if len(part.runes) == 1 else "string"
    for one in reversed(above):
        if one.subs[0].op == "empty":
            one.subs = one.subs[1:]
            if len(one.subs) == 1:
                left = one.subs[0]
                for name in Part.__slots__:
                    setattr(one, name, getattr(left, name))


def _shared_parts(subs: list[Part]) -> list[tuple[Part | None, list[Part]]]:
    """Runs of options that begin with the same part, without it."""
    found: list[tuple[Part | None, list[Part]]] = []
    start = 0
    first: Part | None = None
    for at in range(len(subs) + 1):
        its = _first(subs[at]) if at < len(subs) else None
        if first is not None and its is not None and _may_be_shared(first) and _same_first(first, its):
            continue
        these = subs[start:at]
        if len(these) > 1:
            found.append((first, [_without_first(part) for part in these]))
        elif these:
            found.append((None, these))
        start, first = at, its
    return found


def _first(part: Part) -> Part | None:
    if part.op == "concat":
        part = part.subs[0]
    return None if part.op == "empty" else part


def _may_be_shared(part: Part) -> bool:
    if part.op == "repeat":
        return part.low == part.high and part.subs[0].op in SINGLES
    return part.op in ASSERTIONS or (part.op in SINGLES and part.op != "literal")


def _same_first(left: Part, right: Part) -> bool:
    if left.op != "repeat" or right.op != "repeat":
        return same(left, right)
    counts = (left.low, left.high, left.flags & LAZY) == (right.low, right.high, right.flags & LAZY)
    return counts and same(left.subs[0], right.subs[0])


def _without_first(part: Part) -> Part:
    if part.op != "concat":
        return Part("empty", part.flags)
    if len(part.subs) == 2:
        return part.subs[1]
    part.subs = part.subs[1:]
    return part
