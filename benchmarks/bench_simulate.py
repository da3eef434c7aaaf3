"""Many requests: coded rows, lists of strings, many routes, many paths. Part of: python -m pytest benchmarks."""

from __future__ import annotations

import random
import re
import tracemalloc
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

import canarysim as cs
from benchmarks.conftest import Goal

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from benchmarks.conftest import Compare

BLOCK = 1 << 17
ROWS = 50_000_000
SMALL = 20_000_000
"""Rows of the smoke test where a ratio is checked: so many that what is made ready once, some ms, hides it not."""
PATHS = 10_000
TAKE = "a blocked take"


def route(number: int, *, headers: dict[str, str], kind: str = "cluster", **path: Any) -> dict[str, Any]:
    """Every second route a prefix, the others exact; every third asks for headers too."""
    match: dict[str, Any] = {"prefix": f"/area{number}/"} if number % 2 else {"path": f"/page{number}"}
    match |= path
    if number % 3 == 0 and headers:
        match["headers"] = [{"name": n, "string_match": {"exact": value}} for n, value in headers.items()]
    done: dict[str, Any] = {"cluster": f"c{number}"}
    if kind != "cluster":
        total = 100 if kind == "one total" else 100 + number
        weights = [("new", 10), ("old", total - 10)]
        clusters = [{"name": f"{name}{number}", "weight": weight} for name, weight in weights]
        done = {"weighted_clusters": {"clusters": clusters}}
    return {"match": match, "route": done}


CANARY = {"x-canary": "true"}


def table(
    routes: int, kind: str = "cluster", headers: dict[str, str] = CANARY, hosts: int = 1, **path: Any
) -> cs.RouteTable:
    made = [route(number, headers=headers, kind=kind, **path) for number in range(routes)]
    made.append({"match": {"prefix": "/"}, "route": {"cluster": "rest"}})
    domains = [["*"], *([f"shop{number}.example"] for number in range(1, hosts))]
    virtual_hosts = [{"name": f"h{n}", "domains": names, "routes": made} for n, names in enumerate(domains)]
    return cs.from_envoy({"virtual_hosts": virtual_hosts})


def some_paths(count: int, routes: int = 50) -> list[str]:
    return [f"/area{n % routes}/x{n}" if n % 2 else f"/page{n % routes}?q={n}" for n in range(count)]


def column(n: int, categories: list[str | None]) -> cs.Column:
    return cs.Column(np.random.default_rng(len(categories)).integers(0, len(categories), n), categories)


def coded(n: int, **more: Any) -> dict[str, Any]:
    """Ten thousand distinct paths and a header that is missing, or has one of two values."""
    headers = {"x-canary": column(n, [None, "true", "false"])}
    return {"path": column(n, [*some_paths(PATHS)]), "headers": headers, **more}


def blocked_take(codes: NDArray[Any]) -> Callable[[], object]:
    """What any answer from a table costs at the very least: one look a row, written to a byte."""
    answers = np.arange(PATHS).astype(np.uint8)
    out = np.empty(len(codes), np.uint8)

    def take() -> None:
        for start in range(0, len(codes), BLOCK):
            answers.take(codes[start : start + BLOCK], out=out[start : start + BLOCK], mode="clip")

    return take


def test_rows_to_routes(compare: Compare) -> None:
    n = compare.size(ROWS, SMALL)
    columns = coded(n)
    traffic = cs.Traffic.from_columns(**columns)
    asked = table(50)
    s = cs.simulate(asked, traffic)
    assert s.rows is not None
    check(asked, traffic, s)
    goals = (Goal(TAKE, at_most=2),)
    take = blocked_take(columns["path"].codes)
    compare(
        f"{n:,} coded rows to route: path, a header",
        lambda: cs.simulate(asked, traffic),
        {TAKE: take},
        goals,
        checked=True,
    )


def check(asked: cs.RouteTable, traffic: cs.Traffic, s: Any) -> None:
    """Some rows, by the scalar path."""
    part: Any = traffic.parts[0]
    for row in range(0, part.size, max(1, part.size // 50)):
        texts = [c.categories[c.codes[row]] if isinstance(c, cs.Column) else c for c in part.columns]
        headers = [(name, text) for name, text in zip(part.names[4:], texts[4:], strict=True) if text is not None]
        request = cs.Request(texts[0], authority=texts[2], headers=headers)
        assert s.outcomes[s.rows[row]].matched == asked.find(request).route


def test_rows_to_routes_by_two_headers_and_the_host(compare: Compare) -> None:
    n = compare.size(ROWS)
    columns = coded(n, authority=column(n, ["shop1.example", "shop2.example", "other", "SHOP3.example"]))
    columns["headers"]["x-user"] = column(n, [None, *(f"user{number}" for number in range(100))])
    traffic = cs.Traffic.from_columns(**columns)
    asked = table(50, headers={**CANARY, "x-user": "user7"}, hosts=4)
    check(asked, traffic, cs.simulate(asked, traffic))
    take = blocked_take(columns["path"].codes)
    compare(
        f"{n:,} coded rows to route: path, two headers, host",
        lambda: cs.simulate(asked, traffic),
        {TAKE: take},
        (Goal(TAKE, at_most=4),),
    )


def test_rows_and_their_counts(compare: Compare) -> None:
    n = compare.size(ROWS)
    columns = coded(n)
    traffic = cs.Traffic.from_columns(**columns)
    asked = table(50)
    take = blocked_take(columns["path"].codes)
    compare(
        f"{n:,} coded rows to route, and counted",
        lambda: cs.simulate(asked, traffic).counts("route"),
        {TAKE: take, "bincount of bytes": lambda: np.bincount(columns["headers"]["x-canary"].codes)},
    )
    compare_counts = cs.simulate(asked, traffic, keep="counts").counts("route")
    assert compare_counts == cs.simulate(asked, traffic).counts("route")


def test_rows_to_destinations(compare: Compare) -> None:
    n = compare.size(ROWS)
    columns = coded(n)
    traffic = cs.Traffic.from_columns(**columns)
    asked = table(50, "one total")
    take = blocked_take(columns["path"].codes)
    compare(
        f"{n:,} coded rows to destination, drawn",
        lambda: cs.simulate(asked, traffic, rng=1),
        {TAKE: take},
        (Goal(TAKE, at_most=6),),
    )


def exact(compare: Compare, kind: str, most: float) -> None:
    n = compare.size(ROWS)
    values = np.random.default_rng(2).integers(0, 2**64 - 1, n, np.uint64, endpoint=True)
    columns = coded(n)
    traffic = cs.Traffic.from_columns(**columns, random_values=values)
    asked = table(50, kind)
    take = blocked_take(columns["path"].codes)
    compare(
        f"{n:,} coded rows to destination, from random values: {kind}",
        lambda: cs.simulate(asked, traffic),
        {TAKE: take, "values % 100": lambda: values % np.uint64(100)},
        (Goal(TAKE, at_most=most),),
    )


def test_rows_to_destinations_by_random_value(compare: Compare) -> None:
    exact(compare, "one total", 7)


def test_rows_to_destinations_by_random_value_and_many_totals(compare: Compare) -> None:
    exact(compare, "17 totals", 10)


def test_ten_thousand_routes(compare: Compare) -> None:
    n = compare.size(ROWS, SMALL)
    traffic = cs.Traffic.from_columns(**coded(n))
    few, many = table(50), table(10_000)
    cs.simulate(many, traffic)
    compare(
        f"{n:,} coded rows, 10,000 routes",
        lambda: cs.simulate(many, traffic),
        {"50 routes": lambda: cs.simulate(few, traffic)},
        (Goal("50 routes", at_most=1.25),),
        checked=True,
    )


def test_ten_thousand_routes_made_ready(compare: Compare) -> None:
    made = table(10_000 if not compare.smoke else 100)
    hosts = made.virtual_hosts
    request = cs.Traffic.from_columns(path=["/area1/", "/page2"])

    def ready() -> None:
        cs.simulate(cs.RouteTable(hosts), request)

    compare(
        "10,000 routes made ready from values", ready, {"50 routes": lambda: table(50)}, (Goal("", seconds=1),)
    )


# Lists of strings


def test_lists_of_strings(compare: Compare) -> None:
    n = compare.size(1_000_000, 200_000)
    source = random.Random(1)
    lists = source.choices(some_paths(1000), k=n), source.choices([None, "true", "false"], k=n)
    asked = table(50)
    patterns = [
        (re.compile(f"/area{k}/.*" if k % 2 else f"/page{k}"), "true" if k % 3 == 0 else None) for k in range(50)
    ]
    part = max(1, n // 50)

    def loop() -> list[int | None]:
        found: list[int | None] = []
        for path, header in zip(lists[0][:part], lists[1], strict=False):
            path = path.partition("?")[0]  # noqa: PLW2901
            for number, (pattern, value) in enumerate(patterns):
                if value in (None, header) and pattern.fullmatch(path):
                    found.append(number)
                    break
            else:
                found.append(None)
        return found

    def both() -> None:
        dict.fromkeys(lists[0])
        dict.fromkeys(lists[1])

    def ours() -> object:
        return cs.simulate(asked, cs.Traffic.from_columns(path=lists[0], headers={"x-canary": lists[1]}))

    s: Any = ours()
    names = [f"c{k}" for k in range(50)]
    expected = ["rest" if number is None else names[number] for number in loop()]
    assert [s.outcomes[row].cluster for row in s.rows[:part].tolist()] == expected
    peers: dict[str, Any] = {"dict.fromkeys": both, "a loop over re": (loop, part / n)}
    if find_spec("pandas"):
        peers["pandas masks"] = (pandas_masks(lists[0][:part], lists[1][:part]), part / n)
    goals = (Goal("dict.fromkeys", at_most=2.5),)
    compare(f"{n:,} rows of two lists of strings", ours, peers, goals, checked=True)


def pandas_masks(paths: list[str], headers: list[str | None]) -> Callable[[], object]:
    pandas: Any = import_module("pandas")
    frame = pandas.DataFrame({"path": paths, "canary": headers})

    def masks() -> object:
        path = frame["path"].str.partition("?")[0]
        wanted = []
        for k in range(50):
            mask = path.str.startswith(f"/area{k}/") if k % 2 else path == f"/page{k}"
            wanted.append(mask & (frame["canary"] == "true") if k % 3 == 0 else mask)
        return np.select(wanted, range(50), 50)

    return masks


def distinct_paths(n: int) -> list[str]:
    source = random.Random(3)
    return [f"/area{source.randrange(1000)}/item/{k}" if k % 2 else f"/page{k}" for k in range(n)]


def million(compare: Compare, question: str, asked: cs.RouteTable, goals: tuple[Goal, ...]) -> None:
    n = compare.size(1_000_000)
    kept = distinct_paths(n)
    compare(
        f"{n:,} distinct paths{question}",
        lambda paths: cs.simulate(asked, cs.Traffic.from_columns(path=paths)),
        {"dict.fromkeys": dict.fromkeys},
        goals,
        fresh=lambda: [path[:1] + path[1:] for path in kept],
    )


def test_a_million_distinct_paths(compare: Compare) -> None:
    million(compare, ", 1,000 routes", table(1000, headers={}), (Goal("dict.fromkeys", at_most=3),))


def test_a_million_distinct_paths_in_any_case(compare: Compare) -> None:
    asked = table(1000, headers={}, case_sensitive=False)
    million(compare, ", 1,000 routes ignoring case", asked, (Goal("dict.fromkeys", at_most=4),))


def test_a_million_distinct_paths_and_regexes(compare: Compare) -> None:
    regexes = [
        {"match": {"safe_regex": {"regex": f"/area{k}[0-9]*/item/[0-9]+"}}, "route": {"cluster": f"c{k}"}}
        for k in range(5)
    ]
    rest = [{"match": {"prefix": "/"}, "route": {"cluster": "rest"}}]
    host = {"name": "h", "domains": ["*"], "routes": [*regexes, *rest]}
    million(compare, ", 5 regexes", cs.from_envoy({"virtual_hosts": [host]}), ())


# Counts, and memory


def test_counts_of_a_mix(compare: Compare) -> None:
    asked = table(50, "one total")
    mix = {"GET /area1/": 7, "GET /area3/": 3}
    generator = np.random.default_rng(1)
    for n in (10**9, 10**15):
        counts = cs.simulate(asked, mix, n, rng=1, keep="counts").counts()
        assert sum(counts.values()) == n
    traffic = cs.Traffic.mix(mix, 10**9)
    compare(
        "counts of a mix, 10^9 requests",
        lambda: cs.simulate(asked, traffic, rng=generator, keep="counts").counts(),
        {
            "one multinomial": lambda: generator.multinomial(10**9, [0.07, 0.63, 0.03, 0.27]),
            "ours of a seed": lambda: cs.simulate(asked, traffic, rng=1, keep="counts").counts(),
            "ours of a mix that is new": lambda: cs.simulate(asked, mix, 10, rng=1, keep="counts").counts(),
        },
        (Goal("one multinomial", at_most=20),),
        repeat=200,
        checked=True,
    )


def test_memory_a_row(compare: Compare) -> None:
    n = compare.size(ROWS)
    traffic = cs.Traffic.from_columns(**coded(n) | {"path": column(n, [*some_paths(PATHS, 600)])})
    few, many = table(50), table(600)
    for asked in (few, many):
        cs.simulate(asked, traffic)
    for asked, most in ((few, 1), (many, 2)):
        tracemalloc.start()
        s = cs.simulate(asked, traffic, rng=1)
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        print(f"\n{len(s.outcomes)} outcomes: {kept / n:.2f} bytes a row are kept, {peak / n:.2f} at most")
        if not compare.smoke:
            assert peak / n <= most + 1
    compare(f"{n:,} coded rows, 600 routes", lambda: cs.simulate(many, traffic), {})
