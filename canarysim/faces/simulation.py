"""Simulations as plain text: what was seen of each outcome, beside what the table says."""

from __future__ import annotations

import textwrap
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING

from canarysim.faces.text import (
    BEFORE_UPSTREAM,
    WIDTH,
    open_lines,
    percent,
    plural,
    readable_name,
    with_source,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarysim.answers.simulate import Observed, Simulation
    from canarysim.table.decision import Decision

__all__ = ["simulation_text"]

_BAR = 20
_FOLD_FROM = 24
_NAMED = 2
_RANGE = "95 % range"


def simulation_text(simulation: Simulation, observed: Sequence[Observed]) -> str:
    """Every outcome by route: its count, the observed and the exact share, the range; then what stands out.

    ``observed`` are the figures of each outcome. Of very many the most frequent are shown, and those outside
    their range.
    """
    title = simulation_title(simulation)
    if not simulation.n:
        return title
    shown = worth_showing(observed)
    figures = [(simulation.outcomes[number], observed[number]) for number in shown]
    page = _Page([row for _, row in figures], simulation.n)
    lines = [title, "", page.head()]
    for _, group in groupby(figures, key=lambda figure: _group(figure[0])):
        outcomes = list(group)
        lines += _heading(outcomes[0][0])
        for decision, row in outcomes:
            lines += [f"  {_label(decision)}", *page.figures(row)]
            lines += open_lines(decision) if decision.kind == "unknown" else []
    hidden = [row.count for number, row in enumerate(observed) if number not in shown]
    if hidden:
        lines += ["", f"... and {plural(len(hidden), 'outcome')} more, with {plural(sum(hidden), 'request')}"]
    return "\n".join([*lines, "", *simulation_in_words(simulation, observed)]).rstrip()


def simulation_title(simulation: Simulation) -> str:
    """How many requests there are, and how many distinct ones where that is known or cheap to know."""
    distinct = None if simulation.traffic is None else simulation.traffic.distinct
    return plural(simulation.n, "request") + ("" if distinct is None else f", {distinct:,} distinct")


def worth_showing(observed: Sequence[Observed]) -> list[int]:
    numbers = range(len(observed))
    if len(observed) <= _FOLD_FROM:
        return list(numbers)
    frequent = sorted(numbers, key=lambda number: -observed[number].count)[:_FOLD_FROM]
    return sorted({*frequent, *(number for number in numbers if observed[number].outside)})


def _group(decision: Decision) -> tuple[str | None, int | None]:
    return decision.virtual_host, None if decision.matched is None else decision.matched.index


def _heading(decision: Decision) -> list[str]:
    if decision.matched is not None:
        return with_source("route ", readable_name(decision.matched), decision.matched.source)
    return [f"virtual host {decision.virtual_host}"] if decision.virtual_host is not None else ["no virtual host"]


def _name(decision: Decision) -> str:
    from canarysim.answers.groups import outcome_name  # whoever has a simulation to show has imported it

    return outcome_name(decision)


def _label(decision: Decision) -> str:
    destination = decision.destination
    if decision.kind == "unknown":
        return "unknown"
    if decision.kind == "fault_abort":
        return f"{_name(decision)}{BEFORE_UPSTREAM}"
    if destination is None:
        return _name(decision)
    label = f"  {destination.label}" if destination.label else ""
    return f"{destination.cluster}{label}{decision.copies}"


class _Page:
    """The columns of one text: widths that fit its figures, and a bar where there is room for one."""

    def __init__(self, rows: Sequence[Observed], n: int) -> None:
        self._n = n
        cells = [self._cells(row) for row in rows]
        self._heads = ("seen", "share", "exact")
        columns = zip(self._heads, *(texts for texts, _ in cells), strict=True)
        self._widths = [max(map(len, column)) + 3 for column in columns]
        spreads = [spread for _, spread in cells if spread]
        self._ranged = bool(spreads)
        room = max(map(len, [_RANGE, *spreads])) + 3 if spreads else 0
        # Great numbers have long ranges, which then stand on a line of their own.
        self._apart = 4 + sum(self._widths) + room + len(" !") > WIDTH
        self._range = 0 if self._apart else room
        self._bar = _BAR if 4 + _BAR + sum(self._widths) + self._range + len(" !") <= WIDTH else 0

    def _cells(self, row: Observed) -> tuple[tuple[str, str, str], str]:
        share = Fraction(row.count, self._n)
        return (f"{row.count:,}", percent(share), percent(row.exact)), _spread(row)

    def head(self) -> str:
        return self._line("", self._heads, _RANGE if self._ranged and not self._apart else "")

    def figures(self, row: Observed) -> list[str]:
        texts, spread = self._cells(row)
        filled = round(Fraction(row.count, self._n) * self._bar) or (1 if self._bar and row.count else 0)
        bar = "  " + "#" * filled + "." * (self._bar - filled)
        mark = " !" if row.outside else ""
        if not self._apart:
            return [self._line(bar, texts, spread) + mark]
        return [self._line(bar, texts, ""), f"{_RANGE}  {spread}".rjust(WIDTH - 2) + mark]

    def _line(self, lead: str, texts: Sequence[str], spread: str) -> str:
        numbers = "".join(text.rjust(width) for text, width in zip(texts, self._widths, strict=True))
        numbers += spread.rjust(self._range)
        return lead + numbers.rjust(WIDTH - 2 - len(lead)).rstrip()


def _spread(row: Observed) -> str:
    if row.low is None or row.high is None:
        return ""
    return f"{row.low:,} to {row.high:,}" if row.low < row.high else f"{row.low:,}"


def simulation_in_words(simulation: Simulation, observed: Sequence[Observed]) -> list[str]:
    """What is unknown, and which counts lie outside their range."""
    texts = []
    unknown = sum(
        row.count
        for decision, row in zip(simulation.outcomes, observed, strict=True)
        if decision.kind == "unknown"
    )
    if unknown:
        share = percent(Fraction(unknown, simulation.n))
        texts.append(f"What becomes of {plural(unknown, 'request')} ({share}) is unknown.")
    if simulation.replayed:
        faults = any(decision.kind == "fault_abort" for decision in simulation.outcomes)
        drawn = "; what faults draw for themselves was drawn" if faults else ""
        texts.append(f"Random values were given and Envoy's rule followed, so that there are no ranges{drawn}.")
    chancy = [row for row in observed if row.coverage is not None and row.coverage < 1]
    outside = [number for number, row in enumerate(observed) if row.outside]
    if len(outside) > _NAMED:
        texts.append(f"{len(outside)} of {len(chancy)} counts lie outside their 95 % ranges (marked !).")
    for number in outside if len(outside) <= _NAMED else ():
        row = observed[number]
        how = "fewer" if row.low is not None and row.count < row.low else "more"
        texts.append(
            f"{_name(simulation.outcomes[number])} has {plural(row.count, 'request')}, {how} than its 95 % range "
            f"({_spread(row)})."
        )
    if outside:
        leaving = sum(1 - row.coverage for row in chancy if row.coverage is not None) / len(chancy)
        texts.append(f"That is chance: on average {percent(leaving, 1)} of such counts leave their range.")
    elif chancy:
        texts.append("Every count lies in its 95 % range.")
    elif not simulation.replayed:
        texts.append("Chance plays no part: every run gives these numbers.")
    copies = [f"{count:,} to {cluster}" for cluster, count in simulation.mirrored().items() if count]
    if copies:
        texts.append(f"Copies of requests, counted apart: {', '.join(copies)}.")
    return textwrap.wrap(" ".join(texts), WIDTH, break_long_words=False, break_on_hyphens=False)
