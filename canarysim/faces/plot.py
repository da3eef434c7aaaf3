"""Pictures of answers, with matplotlib (the extra ``viz``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canarysim.errors import InvalidValue, MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from canarysim.answers.preview import Outcome, Preview
    from canarysim.engine.rng import RNG

__all__ = ["plot_loops", "plot_preview", "plot_split"]

# Two hues that differ in lightness too, for print and for eyes that mix up red and green.
_CANARY, _OTHER, _INK = "#e0a100", "#3b6ea5", "#444444"


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
        figsize=(11, 2.2 + 0.7 * len(preview)),
        layout="constrained",
        gridspec_kw={"width_ratios": [1, 1.15]},
    )
    plot_split(preview, axes=left)
    plot_loops(preview, loops=loops, rng=rng, axes=right)
    return figure  # type: ignore[no-any-return]


def plot_split(preview: Preview, *, axes: Axes | None = None) -> Axes:
    """A bar for each outcome: its expected calls of n, with the range that the preview names."""
    axes = axes if axes is not None else _pyplot().subplots(layout="constrained")[1]
    rare = _rarest(preview)
    outcomes = list(preview)[::-1]
    for row, outcome in enumerate(outcomes):
        expected = float(outcome.expected)
        axes.barh(row, expected, height=0.5, color=_CANARY if outcome is rare else _OTHER)
        axes.errorbar(
            expected,
            row,
            xerr=[[max(0.0, expected - outcome.low)], [max(0.0, outcome.high - expected)]],
            color=_INK,
            capsize=4,
            lw=1.2,
        )
        axes.text(0, row + 0.32, _label(outcome), va="bottom", fontsize=9, color=_INK)
    axes.set_yticks([])
    axes.set_ylim(-0.5, len(outcomes) - 0.2)
    axes.set_xlim(0, preview.n * 1.02)
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel(f"calls of {preview.n:,}: expected, and the central 95 %")
    axes.set_title(str(preview.request), fontsize=10, loc="left")
    _tidy(axes)
    return axes


def plot_loops(preview: Preview, *, loops: int = 1000, rng: RNG = None, axes: Axes | None = None) -> Axes:
    """How many of n calls the rarest outcome gets: ``loops`` runs as bars, the exact chance as dots."""
    import numpy as np

    from canarysim.answers.binomial import cdf
    from canarysim.engine.split import Split

    if isinstance(loops, bool) or not isinstance(loops, int) or not 1 <= loops * preview.n <= 10**8:
        raise InvalidValue("bad_loops", f"loops={loops!r}: loops times calls must be from 1 to 10^8")
    axes = axes if axes is not None else _pyplot().subplots(layout="constrained")[1]
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
    axes.plot(range(low, high + 1), exact, "o", color=_INK, ms=4, label="exact chance")
    axes.set_xlabel(f"calls that reach {_name(rare)}")
    axes.set_ylabel("runs")
    axes.set_title(f"what a run of {preview.n:,} calls shows", fontsize=10, loc="left")
    axes.legend(frameon=False, fontsize=9)
    axes.locator_params(axis="x", integer=True)
    _tidy(axes)
    return axes


def _rarest(preview: Preview) -> Outcome:
    return min((outcome for outcome in preview if outcome.share), key=lambda outcome: outcome.share)


def _name(outcome: Outcome) -> str:
    return outcome.cluster or outcome.decision.outcome


def _label(outcome: Outcome) -> str:
    from canarysim.faces.text import percent

    function = f" ({outcome.function})" if outcome.function else ""
    return f"{percent(outcome.share)}  {_name(outcome)}{function}"


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
