"""Observed counts beside promised shares, as plain text: what a failing assertion shows, and a passing one can."""

from __future__ import annotations

import textwrap
from fractions import Fraction
from typing import TYPE_CHECKING

from canarysim.faces.text import WIDTH, count_text, percent, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarysim.answers.observed import ObservedShare, SplitObserved

__all__ = ["observed_text"]

_HEADS = ("seen", "share", "promised", "detect", "expected", "allowed")
_FOLD_FROM = 24
_NAMED = 2
_GAP = 3


def observed_text(split: SplitObserved) -> str:
    """The verdict, the counts beside their ranges (x marks one outside), and what the test is worth.

    Of very many destinations the first are shown, and those that are outside.
    """
    fits = ("fits" if split.n == 1 else "fit") if split.fits else f"{'does' if split.n == 1 else 'do'} not fit"
    shown = [row for i, row in enumerate(split.rows) if i < _FOLD_FROM or row.outside]
    lines = [
        f"{plural(split.n, 'request')} {fits} the promised shares",
        *_findings(split),
        "",
        *_table(shown, split.n),
    ]
    if len(shown) < len(split.rows):
        lines.append(f"... and {plural(len(split.rows) - len(shown), 'destination')} more, each as allowed")
    return "\n".join([*lines, "", *_worth(split)])


def _findings(split: SplitObserved) -> list[str]:
    outside = [row for row in split.rows if row.outside]
    if len(outside) > _NAMED:
        return [f"{len(outside):,} destinations have more or fewer than chance explains (marked x)."]
    if len(outside) == 2 and outside[0].share + outside[1].share == 1 and all(row.share < 1 for row in outside):
        outside = [min(outside, key=lambda row: row.share)]  # the other is outside together with it
    return [line for row in outside for line in _wrapped(_finding(row))]


def _finding(row: ObservedShare) -> str:
    has = f"{_name(row)} has {plural(row.count, 'request')}"
    if row.share in (0, 1):
        return f"{has}, and its share is {percent(row.share)}: that is no chance."
    return f"{has}, {row.outside} than the {_range(row)} that chance explains."


# The table


def _table(rows: Sequence[ObservedShare], n: int) -> list[str]:
    """A line a destination. Names that leave no room stand above their figures, and long ranges below them."""
    heads = [head for head in _HEADS if head != "detect" or rows[0].detect is not None]
    cells = [_cells(row, n) for row in rows]
    widths = [max(map(len, column)) + _GAP for column in zip(heads, *cells, strict=True)]
    below = 2 + sum(widths) > WIDTH
    figures = sum(widths[:-1] if below else widths)
    lead = min(2 + max(len(_name(row)) for row in rows), max(2, WIDTH - figures))

    def line(name: str, texts: Sequence[str], spread: str) -> list[str]:
        numbers = [text.rjust(width) for text, width in zip(texts, widths, strict=True)]
        if below:
            numbers.pop()
        named = [name] if len(name) > lead else []
        lines = [*named, ("" if named else name).ljust(lead) + "".join(numbers)]
        return [*lines, spread.rjust(lead + figures)] if below and spread else lines

    lines = line("", heads, "")
    for row, texts in zip(rows, cells, strict=True):
        lines += line(f"{'x' if row.outside else ' '} {_name(row)}", texts, f"allowed {texts[-1]}")
    return lines


def _cells(row: ObservedShare, n: int) -> list[str]:
    shares = [Fraction(row.count, n), row.share, *([] if row.detect is None else [row.detect])]
    return [f"{row.count:,}", *map(percent, shares), count_text(row.expected), _range(row)]


def _range(row: ObservedShare) -> str:
    return f"{row.low:,} to {row.high:,}" if row.low < row.high else f"{row.low:,}"


def _name(row: ObservedShare) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in row.name)


# What the test is worth


def _worth(split: SplitObserved) -> list[str]:
    parts = sum(0 < row.share < 1 for row in split.rows)
    shared = f", in equal parts for the {parts} destinations" if parts > 2 else ""
    certain = any(row.outside and row.share in (0, 1) for row in split.rows)
    p_value = _number(split.p_value) if split.p_value or certain else "below 1e-300"
    texts = [f"p-value {p_value}; false-alarm rate at most {_number(float(split.false_alarm), 6)}{shared}."]
    if all((row.low, row.high) == (0, split.n) for row in split.rows):
        texts.append("So few requests cannot fail this test, wherever they go.")
    if split.power is not None:
        bound = "at least " if split.power_is_bound else ""
        likely = percent(split.power, 1).replace("<", "less than").replace(">", "more than")
        needed = split.requests_needed
        takes = "more than 10^15 requests" if needed is None else plural(needed, "request")
        texts.append(
            f"Power: if the shares under detect are the true ones, {plural(split.n, 'request')} "
            f"{'fails' if split.n == 1 else 'fail'} this test in {bound}{likely} of runs. "
            f"A power of 90 % takes {takes}."
        )
    return [line for text in texts for line in _wrapped(text)]


def _number(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}g}".replace("e-0", "e-")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
