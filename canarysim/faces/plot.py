"""Pictures of answers, with matplotlib (the extra ``viz``).

Figures made here have no background of their own, and what is written on them is of a grey that can be read on
white and on black: a picture outlives the theme that it was made in.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from canarysim.errors import InvalidValue, MissingExtra
from canarysim.faces.markup import short, visible
from canarysim.faces.text import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from canarysim.answers.groups import By
    from canarysim.answers.preview import Outcome, Preview
    from canarysim.answers.simulate import Observed, Simulation
    from canarysim.engine.rng import RNG

__all__ = ["plot_loops", "plot_preview", "plot_shares", "plot_split"]

# Two hues that differ in lightness too, for print and for eyes that mix up red and green; as in markup.py.
_CANARY, _OTHER, _INK = "#e69f00", "#0072b2", "#757575"
#: The middle of a longer name is left out.
_LONGEST_NAME = 54
#: So many bars are drawn; the last then stands for all others.
MOST = 15


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise MissingExtra("viz", "matplotlib") from error
    return plt


def plot_preview(preview: Preview, *, loops: int = 1000, rng: RNG = None) -> Figure:
    """The shares of a preview with their ranges, beside what ``loops`` runs of its n calls show.

    Needs matplotlib; raises MissingExtra without. The runs are drawn with ``rng``, the rest is exact.
    """
    pyplot = _pyplot()
    figure, (left, right) = pyplot.subplots(
        1,
        2,
        figsize=(11, max(3.2, _height(len(preview)))),
        layout="constrained",
        gridspec_kw={"width_ratios": [1, 1.15]},
    )
    figure.patch.set_alpha(0)
    plot_split(preview, axes=left)
    plot_loops(preview, loops=loops, rng=rng, axes=right)
    return figure  # type: ignore[no-any-return]


def plot_split(preview: Preview, *, axes: Axes | None = None) -> Axes:
    """A bar for each outcome: its expected calls of n, with the range that the preview names.

    Of more than 15 the largest and the rarest are shown, and the others as one.
    """
    axes = axes if axes is not None else _axes(len(preview))
    rare = _rarest(preview)
    shown = list(preview)
    if len(shown) > MOST:
        largest = sorted((o for o in shown if o is not rare), key=lambda o: -o.share)[: MOST - 2]
        kept = {id(rare), *map(id, largest)}
        shown = [o for o in shown if id(o) in kept]
    bars = [(_label(o), o.expected, o.low, o.high, _CANARY if o is rare else _OTHER) for o in shown]
    if len(shown) < len(preview):
        bars.append(_others(preview, shown))
    _draw(
        axes, [(label, float(expected), float(expected), low, high, c) for label, expected, low, high, c in bars]
    )
    axes.set_xlim(0, preview.n * 1.02)
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel(f"calls of {preview.n:,}: expected, and below the central 95 %")
    _title(axes, short(visible(str(preview.request)), 70))
    return axes


def plot_loops(preview: Preview, *, loops: int = 1000, rng: RNG = None, axes: Axes | None = None) -> Axes:
    """How many of n calls the rarest outcome gets: ``loops`` runs as bars, the exact chance as dots."""
    import numpy as np

    from canarysim.answers.binomial import cdf
    from canarysim.engine.split import Split

    if isinstance(loops, bool) or not isinstance(loops, int) or not 1 <= loops * preview.n <= 10**8:
        raise InvalidValue("bad_loops", f"loops={loops!r}: loops times calls must be from 1 to 10^8")
    axes = axes if axes is not None else _axes(4)
    rare = _rarest(preview)
    share = rare.share
    split = Split([share.numerator, share.denominator - share.numerator])
    seen = (split.sample(loops * preview.n, rng=rng).reshape(loops, preview.n) == 0).sum(axis=1)
    low, high = int(seen.min()), int(seen.max())
    counts = np.bincount(seen, minlength=high + 1)[low:]
    exact = [loops * (cdf(k, preview.n, share) - cdf(k - 1, preview.n, share)) for k in range(low, high + 1)]
    axes.bar(
        range(low, high + 1), counts, width=0.8, color=_CANARY, label=f"{loops:,} runs of {preview.n:,} calls"
    )
    axes.plot(range(low, high + 1), exact, "o", color=_OTHER, ms=5, label="exact chance")
    axes.set_xlabel(f"calls that reach {short(visible(_name(rare)), 40)}", parse_math=False)
    axes.set_ylabel("runs")
    _title(axes, f"what a run of {preview.n:,} calls shows")
    axes.legend(frameon=False, fontsize=9, labelcolor=_INK)
    axes.locator_params(axis="x", integer=True)
    _tidy(axes)
    return axes


def plot_shares(simulation: Simulation, *, by: By = "origin", axes: Axes | None = None) -> Axes:
    """A bar for each route of the manifest, or whatever ``by`` names: its share of the requests.

    Below it a stroke marks the exact share to expect, with the 95 % range around it; a bar whose end lies outside
    has the other colour and says so. ``by`` is as in Simulation.counts. Of more than 15 the largest are shown, and
    the others as one, without a range. Needs matplotlib; raises MissingExtra without, and UnknownName.
    """
    groups = sorted(simulation.ranges(by), key=lambda group: -group.exact)
    kept, folded = (groups, []) if len(groups) <= MOST else (groups[: MOST - 1], groups[MOST - 1 :])
    bars = [_group_bar(group, simulation.n) for group in kept]
    if folded:
        share = Fraction(sum(group.count for group in folded), simulation.n or 1)
        exact = sum(group.exact for group in folded)
        label = _text(share, f"{len(folded):,} more")
        bars.append((label, 100 * float(share), 100 * float(exact), None, None, _OTHER))
    axes = axes if axes is not None else _axes(len(bars))
    _draw(axes, bars)
    ends = [end for _, share, exact, _, high, _ in bars for end in (share, exact, high or 0)]
    axes.set_xlim(0, min(102, 1.05 * max(ends, default=100) or 100))
    ranged = "" if simulation.replayed else ": seen, and below the exact share with its 95 % range"
    axes.set_xlabel(f"% of {simulation.n:,} requests{ranged}")
    _title(axes, f"share of each {'route' if by == 'origin' else by.replace('_', ' ')}")
    return axes


# What they have in common

#: Label, length, where a stroke is put, ends of a range, colour.
_Bar = tuple[str, float, float, "float | None", "float | None", str]


def _axes(rows: int) -> Any:
    figure, axes = _pyplot().subplots(figsize=(7.5, _height(rows)), layout="constrained")
    figure.patch.set_alpha(0)
    return axes


def _height(rows: int) -> float:
    return 1.3 + 0.5 * min(max(rows, 1), MOST)


def _draw(axes: Axes, bars: Sequence[_Bar]) -> None:
    """Horizontal bars from the top down, each below its label, which may be longer than the bar."""
    for row, (label, length, stroke, low, high, colour) in enumerate(bars[::-1]):
        axes.barh(row, length, height=0.32, color=colour, edgecolor=colour, lw=0.8)
        if low is not None and high is not None:
            # Below its bar, where it has the same background whatever its length.
            ends = [[max(0.0, stroke - low)], [max(0.0, high - stroke)]]
            axes.errorbar(stroke, row - 0.27, xerr=ends, fmt="|", ms=6, color=_INK, capsize=3, lw=1.2)
        # In units of the axes, so that a long label does not move what the bars are measured by.
        at = axes.get_yaxis_transform()
        axes.text(
            0.004, row + 0.2, label, va="bottom", fontsize=9, color=_INK, transform=at, parse_math=False
        ).set_in_layout(False)
    axes.set_yticks([])
    axes.set_ylim(-0.55, len(bars) - 0.4)
    _tidy(axes)


def _others(preview: Preview, shown: Sequence[Outcome]) -> tuple[str, Fraction, int, int, str]:
    """All other outcomes as one: their number together is binomial too."""
    from canarysim.answers.binomial import central_range

    share = 1 - sum((o.share for o in shown), Fraction(0))
    low, high, _ = central_range(preview.n, share)
    return _text(share, f"{len(preview) - len(shown)} more"), share * preview.n, low, high, _OTHER


def _group_bar(group: Observed, n: int) -> _Bar:
    ends: tuple[float | None, float | None] = (None, None)
    if group.low is not None and group.high is not None and group.low < group.high:
        ends = (100 * group.low / n, 100 * group.high / n)
    name = group.name + ("  (outside its range)" if group.outside else "")
    colour = _CANARY if group.outside else _OTHER
    label = _text(Fraction(group.count, n or 1), name)
    return label, 100 * group.share, 100 * float(group.exact), *ends, colour


def _rarest(preview: Preview) -> Outcome:
    return min((outcome for outcome in preview if outcome.share), key=lambda outcome: outcome.share)


def _name(outcome: Outcome) -> str:
    return outcome.cluster or outcome.decision.outcome


def _label(outcome: Outcome) -> str:
    destination = outcome.decision.destination
    label = "" if destination is None or not destination.label else f" ({destination.label})"
    return _text(outcome.share, _name(outcome) + label)


def _text(share: Fraction | float, name: str) -> str:
    return f"{percent(share)}  {short(visible(name), _LONGEST_NAME)}"


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=10, loc="left", color=_INK, parse_math=False)


def _tidy(axes: Axes) -> None:
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_INK)
    axes.tick_params(colors=_INK)
    axes.xaxis.label.set_color(_INK)
    axes.yaxis.label.set_color(_INK)
