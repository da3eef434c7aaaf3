"""Pictures: they draw without a warning, and the numbers in them are those of the answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import canarysim as cs
from canarysim.answers.binomial import central_range
from canarysim.faces import plot
from canarysim.faces.plot import plot_loops, plot_preview, plot_shares, plot_split
from canarysim.table.actions import Destination, RouteAction
from canarysim.table.hosts import VirtualHost
from canarysim.table.matchers import PathPrefix
from canarysim.table.routes import Route, RouteMatch

matplotlib = pytest.importorskip("matplotlib")

ROOT = Path(__file__).parent.parent
SHOP = cs.load(ROOT / "notebooks" / "manifests" / "routes", table="gateway-proxy")
SEARCH = "GET http://shop.example/search?q=1"
MIX = {SEARCH: "20%", "GET http://shop.example/": "70%", "GET http://api.shop.example/v2/partners/7": "10%"}


@pytest.fixture(autouse=True)
def on_agg() -> Iterator[Any]:
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    yield plt
    plt.close("all")


def split_of(*weights: int, name: str = "c{}") -> cs.RouteTable:
    destinations = [Destination(name.format(i), weight=weight) for i, weight in enumerate(weights)]
    route = Route(RouteMatch(PathPrefix("/")), RouteAction(destinations, weighted=True))
    return cs.RouteTable([VirtualHost("h", ["*"], [route])])


def bars(axes: Any) -> list[float]:
    """The lengths of the horizontal bars, from the top down."""
    return [patch.get_width() for patch in axes.patches][::-1]


def labels(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts][::-1]


def ranges(axes: Any) -> list[tuple[float, float]]:
    """The ends of the error bars, from the top down."""
    found = [tuple(segment[:, 0]) for lines in axes.collections for segment in lines.get_segments()]
    return found[::-1]


def draw(axes: Any) -> None:
    axes.figure.canvas.draw()


def test_a_split_shows_expected_calls_and_their_ranges() -> None:
    preview = cs.preview(SHOP, SEARCH, n=50)
    axes = plot_split(preview)
    draw(axes)
    assert bars(axes) == [float(outcome.expected) for outcome in preview] == [10, 5, 35]
    assert ranges(axes) == [pytest.approx((outcome.low, outcome.high)) for outcome in preview]
    assert labels(axes)[1] == "10 %  search-hybrid_gloo-system"
    colours = [patch.get_facecolor() for patch in axes.patches][::-1]
    assert colours[0] == colours[2] != colours[1]


def test_loops_count_the_rarest_and_the_exact_chance_adds_up() -> None:
    axes: Any = plot_loops(cs.preview(SHOP, SEARCH), loops=500, rng=1)
    draw(axes)
    assert sum(patch.get_height() for patch in axes.patches) == 500
    assert sum(axes.lines[0].get_ydata()) == pytest.approx(500, rel=0.01)
    assert "search-hybrid" in axes.get_xlabel()
    again: Any = plot_loops(cs.preview(SHOP, SEARCH), loops=500, rng=1)
    assert [p.get_height() for p in again.patches] == [p.get_height() for p in axes.patches]


def test_shares_of_a_simulation_with_their_ranges() -> None:
    simulation = cs.simulate(SHOP, MIX, 4000, rng=5)
    axes = plot_shares(simulation)
    draw(axes)
    groups = sorted(simulation.ranges(by="origin"), key=lambda group: -group.exact)
    assert bars(axes) == pytest.approx([100 * group.count / 4000 for group in groups])
    expected = [
        (100 * g.low / 4000, 100 * g.high / 4000) for g in groups if g.low is not None and g.high is not None
    ]
    assert ranges(axes) == [pytest.approx(ends) for ends in expected]
    assert labels(axes)[0].endswith("gloo-system/shop pages")
    assert axes.get_title(loc="left") == "share of each route"


@pytest.mark.parametrize("by", ["outcome", "route", "cluster", "function", "virtual_host", "kind"])
def test_shares_by_anything_that_counts_go_by(by: Any) -> None:
    simulation = cs.simulate(SHOP, MIX, 1000, rng=5)
    axes = plot_shares(simulation, by=by)
    assert sum(bars(axes)) == pytest.approx(100)
    assert len(bars(axes)) == len(simulation.counts(by))


def test_a_count_outside_its_range_is_said_to_be() -> None:
    simulation = cs.simulate(split_of(*[1] * 12), "/", 100, rng=0)
    outside = [group.name for group in simulation.ranges("cluster") if group.outside]
    other = 0
    while not outside:
        other += 1
        simulation = cs.simulate(split_of(*[1] * 12), "/", 100, rng=other)
        outside = [group.name for group in simulation.ranges("cluster") if group.outside]
    shown = labels(plot_shares(simulation, by="cluster"))
    marked = [label for label in shown if label.endswith("(outside its range)")]
    assert len(marked) == len(outside)


@pytest.mark.parametrize("count", [2, 15, 16, 300])
def test_many_outcomes_are_folded(count: int) -> None:
    table = split_of(*range(1, count + 1), name="a-backend-with-a-name-{}-" + "x" * 80)
    preview = cs.preview(table, "/", n=1000)
    left = plot_split(preview)
    shares = plot_shares(cs.simulate(table, "/", 1000, rng=1), by="cluster")
    draw(left)
    assert len(bars(left)) == len(bars(shares)) == min(count, plot.MOST)
    assert sum(bars(left)) == pytest.approx(1000)
    assert sum(bars(shares)) == pytest.approx(100)
    if count > plot.MOST:
        assert labels(left)[-1].endswith(f"  {count - plot.MOST + 1} more")
        assert labels(shares)[-1].endswith(f"  {count - plot.MOST + 1} more")
        assert "-name-0-" in labels(left)[0]  # the rarest is not folded
        rest = 1 - sum((o.share for o in preview if _shown(o, left)), Fraction(0))
        assert ranges(left)[-1] == pytest.approx(central_range(1000, rest)[:2])
    assert all(len(label) < 75 for label in labels(left) + labels(shares))


def _shown(outcome: Any, axes: Any) -> bool:
    number = outcome.cluster.removeprefix("a-backend-with-a-name-").partition("-")[0]
    return any(f"-{number}-" in label for label in labels(axes))


def test_labels_stay_inside_the_picture(on_agg: Any) -> None:
    table = split_of(1, 9, name="backend-{}-" + "v2" * 100)
    figure = plot_preview(cs.preview(table, "/" + "a" * 500), loops=10, rng=1)
    figure.canvas.draw()
    width = figure.bbox.width
    for axes in figure.axes:
        for text in (*axes.texts, axes.xaxis.label):
            assert text.get_window_extent().x1 <= width


def test_signs_of_formulas_and_of_control_are_text() -> None:
    table = split_of(1, 9, name="$x_{}$\x1b\\frac")
    figure = plot_preview(cs.preview(table, cs.Request("/$a$\t")), loops=10, rng=1)
    figure.canvas.draw()
    assert labels(figure.axes[0])[0] == "10 %  $x_0$\\x1b\\frac"
    draw(plot_shares(cs.simulate(table, "/", 10, rng=1), by="cluster"))


def test_pictures_have_no_ground_of_their_own() -> None:
    figure = plot_preview(cs.preview(SHOP, SEARCH), loops=10, rng=1)
    shares = plot_shares(cs.simulate(SHOP, MIX, 10, rng=1))
    assert isinstance(shares.figure, matplotlib.figure.Figure)
    for each in (figure, shares.figure):
        grounds: list[Any] = [each.get_facecolor(), *(axes.get_facecolor() for axes in each.axes)]
        assert all(ground[3] == 0 for ground in grounds)


def test_axes_of_others_are_drawn_on(on_agg: Any) -> None:
    figure: Any
    figure, (left, right) = on_agg.subplots(2)
    assert plot_split(cs.preview(SHOP, SEARCH), axes=left) is left
    assert plot_shares(cs.simulate(SHOP, MIX, 10, rng=1), axes=right) is right
    assert figure.get_facecolor()[3] == 1


def test_simulations_without_requests_or_without_ranges_are_drawn() -> None:
    draw(plot_shares(cs.simulate(SHOP, MIX, 0, rng=1)))
    traffic = cs.Traffic.from_columns(path="/search?q=1", authority="shop.example", random_values=[0, 1, 9])
    axes = plot_shares(cs.simulate(SHOP, traffic), by="cluster")
    draw(axes)
    assert ranges(axes) == []
    assert "range" not in axes.get_xlabel()


def test_bad_loops_and_unknown_groupings_are_refused() -> None:
    preview = cs.preview(SHOP, SEARCH)
    for loops in (0, True, 10**9):
        with pytest.raises(cs.InvalidValue, match="loops"):
            plot_loops(preview, loops=loops)
    with pytest.raises(cs.UnknownName):
        plot_shares(cs.simulate(SHOP, MIX, 10, rng=1), by="colour")  # type: ignore[arg-type]


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    preview, simulation = cs.preview(SHOP, SEARCH), cs.simulate(SHOP, MIX, 10, rng=1)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draws in (
        lambda: plot_preview(preview),
        lambda: plot_split(preview),
        lambda: plot_loops(preview),
        lambda: plot_shares(simulation),
    ):
        with pytest.raises(cs.MissingExtra, match=r"canarysim\[viz\]"):
            draws()
