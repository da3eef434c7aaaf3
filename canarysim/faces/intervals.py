"""Which random values lead where, as a bar of letters and a legend."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from canarysim.faces.text import WIDTH, percent, plural
from canarysim.table.chance import Chance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarysim.table.decision import Decision

    Chances = Sequence[tuple[Decision, Chance]]

__all__ = ["Values", "interval_lines", "values_in_play", "values_text"]

CELLS = 60
#: So many destinations get a line of their own; of more, the largest do.
LINES = 8
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Values(NamedTuple):
    """Which values decide: what they are called, which of them lead where, and the given one.

    ``several`` says that the random value and that of a fault decide together.
    """

    name: str
    chances: Chances
    value: int | None
    several: bool = False


def values_in_play(chances: Chances, random_value: int | None, fault_value: int | None) -> Values:
    """The value that decides: that of the request, or that of a fault where nothing else is left open."""
    if not any(chance.fault for _, chance in chances):
        return Values("the random value", chances, random_value)
    lead, left = "", chances
    by_chance = any(chance.conditions for _, chance in chances)
    if random_value is not None and by_chance:
        lead, left = f"with random value {random_value}, ", _left(chances, random_value, None)
    elif fault_value is not None and by_chance:
        lead, left = f"with fault value {fault_value}, ", _left(chances, None, fault_value)
    if len(left) < 2:
        lead, left = "", chances
    if not any(chance.conditions for _, chance in left):
        drawn = [(decision, Chance(chance.fault)) for decision, chance in left]
        return Values(f"{lead}what the fault draws", drawn, fault_value)
    if not any(chance.fault for _, chance in left):
        return Values(f"{lead}the random value", left, None)
    return Values(f"{lead}the random value and what the fault draws", left, random_value, several=True)


def _left(chances: Chances, random_value: int | None, fault_value: int | None) -> Chances:
    given = [(decision, chance.given(random_value, fault_value)) for decision, chance in chances]
    return [(decision, chance) for decision, chance in given if chance.share]


def interval_lines(
    chances: Chances,
    random_value: int | None = None,
    indent: str = "      ",
    *,
    fault_value: int | None = None,
) -> list[str]:
    """A bar over the residues 0 to total - 1 with a letter a destination, and what each letter stands for.

    Whatever has a share has a cell of the bar where there are enough of them. A given random value is marked.
    Where the values are no residues of one number, there is no bar.
    """
    name, chances, random_value, several = values_in_play(chances, random_value, fault_value)
    letters = dict(zip((i for i, (_, chance) in enumerate(chances) if chance.share), _LETTERS, strict=False))
    moduli = {condition.modulus for _, chance in chances for condition in chance.conditions}
    lines = []
    if not several and len(moduli) == 1 and all(len(chance.conditions) <= 1 for _, chance in chances):
        total = moduli.pop()
        lines.append(f"{indent}=> {name} modulo {total} decides:")
        spans = _spans(chances, total)
        cells = "".join(letters.get(i, ".") * (stop - start) for _, _, i, start, stop in spans)
        lines.append(f"{indent}   {cells}")
        if random_value is not None:
            rest = random_value % total
            at = next(
                start + (rest - begin) * (stop - start) // (end - begin)
                for begin, end, _, start, stop in spans
                if begin <= rest < end
            )
            at = min(at, CELLS - 1)
            lines.append(f"{indent}   {' ' * at}^ {random_value} is {rest} modulo {total}")
            if len(lines[-1]) > 80:
                lines[-1] = f"{indent}   {f'{random_value} is {rest} modulo {total} ^':>{at + 1}}"
    else:
        lines.append(f"{indent}=> {name} decide{'' if several else 's'}:")
    return lines + _legend(chances, letters, random_value, indent, several)


def _spans(chances: Chances, total: int) -> list[tuple[int, int, int, int, int]]:
    """(begin, end, number of the chance, first cell, cell after the last) of each interval, in order."""
    intervals = sorted(
        (begin, end, i)
        for i, (_, chance) in enumerate(chances)
        for begin, end in (chance.conditions[0].intervals if chance.conditions else ((0, total),))
        if chance.share
    )
    sizes = [max(1, round(Fraction((end - begin) * CELLS, total))) for begin, end, _ in intervals]
    if len(sizes) > CELLS:  # more intervals than cells: some cells hold several, and show the last
        edges = [(end * CELLS) // total for _, end, _ in intervals]
        sizes = [edge - before for before, edge in zip([0, *edges], edges, strict=False)]
    while sum(sizes) > CELLS:
        sizes[sizes.index(max(sizes))] -= 1
    while sum(sizes) < CELLS:
        sizes[sizes.index(max(sizes))] += 1
    spans, at = [], 0
    for (begin, end, i), size in zip(intervals, sizes, strict=True):
        spans.append((begin, end, i, at, at + size))
        at += size
    return spans


def _legend(
    chances: Chances, letters: dict[int, str], random_value: int | None, indent: str, several: bool
) -> list[str]:
    shown = set(range(len(chances)))
    if len(chances) > LINES:
        largest = sorted(shown, key=lambda i: (-chances[i][1].share, i))[: LINES - 1]
        shown = {*largest, *(i for i in shown if random_value is not None and random_value in chances[i][1])}
    lines = _rows(chances, sorted(shown), letters, indent, with_modulus=True)
    if max(map(len, lines)) > WIDTH:
        if several:  # what the values are goes below what they lead to
            lines = _rows(chances, sorted(shown), letters, indent, with_modulus=True, apart=True)
        else:  # the line above the bar has the modulus too
            lines = _rows(chances, sorted(shown), letters, indent, with_modulus=False)
    if random_value is not None:
        lines = [
            f"{indent}=> {line[len(indent) + 3 :]}" if random_value in chances[i][1] else line
            for i, line in zip(sorted(shown), lines, strict=True)
        ]
    if len(shown) < len(chances):
        rest = sum((chance.share for i, (_, chance) in enumerate(chances) if i not in shown), Fraction(0))
        lines.append(
            f"{indent}   ... {plural(len(chances) - len(shown), 'destination')} more, {percent(rest)} in all"
        )
    return [piece for line in lines for piece in line.split("\n")]


def _rows(
    chances: Chances,
    shown: Sequence[int],
    letters: dict[int, str],
    indent: str,
    *,
    with_modulus: bool,
    apart: bool = False,
) -> list[str]:
    rows = []
    for i in shown:
        decision, chance = chances[i]
        letter = letters.get(i, "." if chance.share else "-")
        rows.append(
            (letter, percent(chance.share), values_text(chance, with_modulus=with_modulus), decision.outcome)
        )
    share, width = (max(len(row[column]) for row in rows) for column in (1, 2))
    if apart:
        below = f"\n{indent}      {'':>{share}}  "
        return [f"{indent}   {row[0]}  {row[1]:>{share}}  {row[3]}{below}{row[2]}" for row in rows]
    return [f"{indent}   {row[0]}  {row[1]:>{share}}  {row[2]:<{width}}  {row[3]}" for row in rows]


def values_text(chance: Chance, *, with_modulus: bool) -> str:
    if not chance.share:
        return "never"
    if not chance.conditions and not chance.fault:
        return "always"
    with_modulus = with_modulus or len(chance.conditions) > 1 or bool(chance.fault)
    named = [*(("", condition) for condition in chance.conditions), *(("fault ", each) for each in chance.fault)]
    return " and ".join(
        name
        + " ".join(f"[{begin}, {end})" for begin, end in condition.intervals)
        + (f" of {condition.modulus}" if with_modulus else "")
        for name, condition in named
    )
