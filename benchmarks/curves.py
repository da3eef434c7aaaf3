"""Curves of how fast simulate is, and where it bends, saved as pictures beside this file (extra ``viz``).

    taskset -c 1 python -m benchmarks.curves            # all of them; or named: routes, paths, destinations, ...

Each point is a median of five runs; the lines of a picture take turns.
"""

from __future__ import annotations

import random
import sys
import tracemalloc
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

import canarysim as cs
from benchmarks.bench_simulate import coded, column, some_paths, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROUNDS = 5
ROWS = 5_000_000
LISTED = 200_000
CODED, STRINGS = "coded rows", "distinct strings and traffic"
HERE = Path(__file__).parent
LABEL = 13
"""Points between two labels."""
COLOURS = ("#1f6f8b", "#c8553d", "#7a5ea8", "#6b705c")


@attrs.frozen
class Work:
    """Something to time: so many rows; ``fresh`` makes, outside of the time, what each run is given."""

    rows: int
    run: Callable[..., object]
    fresh: Callable[[], tuple[Any, ...]] = tuple


@attrs.frozen
class Line:
    """One line of a picture: its label, and its points (x, y)."""

    label: str
    points: list[tuple[float, float]]


def rates(xs: Sequence[int], **lines: Callable[[int], Work | None]) -> list[Line]:
    """Rows a second of each line at each x; None where a line has no point."""
    found = {label: Line(label.replace("_", " "), []) for label in lines}
    for x in xs:
        works = {label: work for label, make in lines.items() if (work := make(x)) is not None}
        seconds: dict[str, list[float]] = {label: [] for label in works}
        for _ in range(ROUNDS + 1):
            for label, work in works.items():
                given = work.fresh()
                start = perf_counter()
                work.run(*given)
                seconds[label].append(perf_counter() - start)
        for label, work in works.items():
            found[label].points.append((x, work.rows / median(seconds[label][1:])))  # the first makes ready
    return list(found.values())


def listed(asked: cs.RouteTable, texts: Sequence[str]) -> Work:
    """A list in which every string is a new one, so that not even its hash is known."""

    def fresh() -> tuple[list[str]]:
        return ([text[:1] + text[1:] for text in texts],)

    return Work(len(texts), lambda paths: cs.simulate(asked, cs.Traffic.from_columns(path=paths)), fresh)


def of_columns(asked: cs.RouteTable, **columns: Any) -> Work:
    traffic = cs.Traffic.from_columns(**columns)
    return Work(ROWS, lambda: cs.simulate(asked, traffic, rng=1))


def regexes(routes: int, share: float = 1) -> cs.RouteTable:
    """Routes by prefix, of which a share, spread evenly, are written as regexes that mean the same."""
    made: list[dict[str, Any]] = []
    for number in range(routes):
        as_regex = int((number + 1) * share) > int(number * share)
        path = {"safe_regex": {"regex": f"/area{number}/.*"}} if as_regex else {"prefix": f"/area{number}/"}
        made.append({"match": path, "route": {"cluster": f"c{number}"}})
    made.append({"match": {"prefix": "/"}, "route": {"cluster": "rest"}})
    return cs.from_envoy({"virtual_hosts": [{"name": "h", "domains": ["*"], "routes": made}]})


def areas(count: int, routes: int) -> list[str]:
    source = random.Random(1)
    return [f"/area{source.randrange(routes)}/item/{number}" for number in range(count)]


def of_routes() -> list[Line]:
    def some_codes(routes: int) -> Work:
        return of_columns(table(routes), **coded(ROWS) | {"path": column(ROWS, [*some_paths(1000, routes)])})

    return rates(
        [10, 30, 100, 300, 1000, 3000, 10_000],
        coded_rows=some_codes,
        fresh_strings=lambda routes: listed(table(routes, headers={}), areas(LISTED, routes)),
        coded_rows_where_all_are_regexes=lambda routes: (
            of_columns(regexes(routes), path=column(ROWS, [*areas(1000, routes)])) if routes <= 3000 else None
        ),
    )


def of_paths() -> list[Line]:
    asked = table(50)

    def drawn(count: int) -> list[str]:
        paths = some_paths(count)
        return [paths[at] for at in np.random.default_rng(1).integers(0, count, 5 * LISTED)]

    return rates(
        [10, 100, 1000, 10_000, 100_000, 1_000_000],
        coded_rows=lambda count: of_columns(asked, **coded(ROWS) | {"path": column(ROWS, [*some_paths(count)])}),
        fresh_strings=lambda count: listed(asked, drawn(count)),
    )


def of_destinations() -> list[Line]:
    def split(weights: Sequence[int]) -> cs.RouteTable:
        clusters = [{"name": f"c{number}", "weight": weight} for number, weight in enumerate(weights)]
        one = {"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": clusters}}}
        return cs.from_envoy({"virtual_hosts": [{"name": "h", "domains": ["*"], "routes": [one]}]})

    def uneven(count: int) -> cs.RouteTable:
        source = random.Random(count)
        return split([source.randrange(1, 2**32 // count) for _ in range(count)])

    columns = {"path": column(ROWS, ["/", "/a"])}
    values = np.random.default_rng(2).integers(0, 2**64 - 1, ROWS, np.uint64, endpoint=True)
    return rates(
        [2, 4, 8, 16, 30, 100, 300, 1000],
        drawn_by_even_weights=lambda count: of_columns(split([1] * count), **columns),
        drawn_by_uneven_weights=lambda count: of_columns(uneven(count), **columns),
        from_random_values=lambda count: of_columns(uneven(count), random_values=values, **columns),
    )


def of_regexes() -> list[Line]:
    return rates(
        [0, 10, 25, 50, 75, 100],
        coded_rows=lambda share: of_columns(regexes(100, share / 100), path=column(ROWS, [*areas(1000, 100)])),
        fresh_strings=lambda share: listed(regexes(100, share / 100), areas(LISTED // 10, 100)),
    )


def of_memory() -> list[Line]:
    """Bytes a row by outcomes: what is kept, and the most there was; of strings with the traffic made of them."""
    lines = {name: Line(name, []) for what in (CODED, STRINGS) for name in (f"{what}, kept", f"{what}, at most")}
    for outcomes in (2, 10, 100, 250, 260, 500, 1000):
        asked = table(outcomes - 1, headers={})
        traffic = cs.Traffic.from_columns(path=column(ROWS, [*some_paths(10_000, outcomes)]))
        texts = areas(LISTED, outcomes)
        cs.simulate(asked, traffic)

        def of_strings(asked: cs.RouteTable = asked, texts: list[str] = texts) -> object:
            return cs.simulate(asked, cs.Traffic.from_columns(path=texts))

        def of_codes(asked: cs.RouteTable = asked, traffic: cs.Traffic = traffic) -> object:
            return cs.simulate(asked, traffic)

        for name, rows, run in ((CODED, ROWS, of_codes), (STRINGS, LISTED, of_strings)):
            tracemalloc.start()
            s = run()
            kept, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            lines[f"{name}, kept"].points.append((outcomes, kept / rows))
            lines[f"{name}, at most"].points.append((outcomes, most / rows))
            del s
    return list(lines.values())


def draw(name: str, title: str, x: str, y: str, lines: Sequence[Line], *, log_x: bool = True) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
    for colour, line in zip(COLOURS, lines, strict=False):
        axes.plot(*zip(*line.points, strict=True), color=colour, marker="o", markersize=4, linewidth=1.8)
    if log_x:
        axes.set_xscale("log")
    axes.set_yscale("log")
    values = [value for line in lines for _, value in line.points]
    span = max(values) / min(values)
    marked = (1, 2, 3, 5) if span < 10 else (1, 2, 5) if span < 100 else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=marked, numticks=20))
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(short))
        axis.set_minor_formatter(NullFormatter())
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    # Each label stands at the end of its line, as far above the one below that both can be read.
    lowest = -1e9
    for line, colour in sorted(zip(lines, COLOURS, strict=False), key=lambda item: item[0].points[-1][1]):
        end = line.points[-1]
        height = axes.transData.transform(end)[1] * 72 / figure.dpi
        lowest = max(height, lowest + LABEL)
        place = (8, lowest - height)
        axes.annotate(line.label, end, place, textcoords="offset points", color=colour, va="center")
    figure.savefig(HERE / f"{name}.png", dpi=110)
    plt.close(figure)


def short(value: float, _: object = None) -> str:
    for scale, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= scale:
            return f"{value / scale:g}{unit}"
    return f"{value:g}"


def main() -> None:
    rate = "rows a second"
    pictures: list[tuple[str, str, str, str, Callable[[], list[Line]]]] = [
        ("routes", "Rows a second by routes of the table", "routes", rate, of_routes),
        ("paths", "Rows a second by distinct paths, 50 routes", "distinct paths", rate, of_paths),
        ("destinations", "Rows a second by destinations of one split", "destinations", rate, of_destinations),
        (
            "regexes",
            "Rows a second by the share of regexes among 100 routes",
            "% of the routes that are regexes",
            rate,
            of_regexes,
        ),
        ("memory", "Bytes a row by outcomes", "outcomes", "bytes a row", of_memory),
    ]
    for name, title, x, y, measure in pictures:
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        lines = measure()
        print(f"\n{title}: {y}")
        for line in lines:
            print(f"  {line.label}: " + ", ".join(f"{short(at)} {value:.3g}" for at, value in line.points))
        draw(f"curve_{name}", title, x, y, lines, log_x=name != "regexes")


if __name__ == "__main__":
    main()
