"""Simulations counted by one thing, as a plain table: a line a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.faces.text import WIDTH, percent, plural

if TYPE_CHECKING:
    from canarysim.answers.groups import By
    from canarysim.answers.simulate import Observed, Simulation

__all__ = ["groups_text"]

_HEADS = ("seen", "share", "exact", "95 % range")


def groups_text(simulation: Simulation, by: By) -> str:
    """Count, observed and exact share, and range of each group; ! marks a count outside its range."""
    groups = simulation.ranges(by)
    rows = [(group.name, _figures(group)) for group in groups]
    widths = [max(map(len, column)) for column in zip(_HEADS, *(figures for _, figures in rows), strict=True)]
    figures = sum(widths) + 3 * len(widths) + len(" !")
    name = min(max([len(name) for name, _ in rows], default=0), max(WIDTH - figures, 0))

    def line(lead: str, cells: tuple[str, ...], mark: str = "") -> str:
        cut = "".join(f"   {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        # A name that leaves no room has its figures below it.
        return (f"{lead:<{name}}" if len(lead) <= name else f"{lead}\n{'':<{name}}") + cut + mark

    lines = [f"{plural(simulation.n, 'request')} by {by.replace('_', ' ')}", "", line("", _HEADS)]
    lines += [
        line(group.name, figures, " !" if group.outside else "")
        for group, (_, figures) in zip(groups, rows, strict=True)
    ]
    outside = sum(group.outside for group in groups)
    if outside:
        lines += ["", "! outside the 95 % range, as by chance alone one in twenty counts may be"]
    return "\n".join(lines)


def _figures(group: Observed) -> tuple[str, ...]:
    spread = ""
    if group.low is not None and group.high is not None:
        spread = f"{group.low:,} to {group.high:,}" if group.low < group.high else f"{group.low:,}"
    return f"{group.count:,}", percent(group.share), percent(group.exact), spread
