"""A day of the bookshop, a hundred million requests, as coded columns; run as a script, all of it in one piece."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import canarysim as cs

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Of each hour, in millions.
HOURS = (1, 1, 1, 1, 1, 2, 3, 4, 5, 5, 6, 6, 6, 6, 5, 5, 5, 5, 6, 7, 7, 6, 4, 2)
BOOKS = 10_000
#: Of a hundred requests, besides 25 for books and 5 for books at their old place.
PAGES = {
    "/": 17,
    "/catalog/search?q=maps": 12,
    "/catalog/about": 8,
    "/checkout/cart": 13,
    "/checkout/pay": 9,
    "/blog/2026/maps": 4,
    "/reports/daily": 4,
    "/catalog": 2,
    "/wp-login.php": 1,
}
PLACES = {"/catalog/books/": 25, "/books/": 5}
HOSTS = {"books.example": 65, "www.books.example": 32, "10.2.0.17:8080": 3}
CANARIES = {None: 92, "true": 4, "True": 2, "false": 2}


def weights_of_paths() -> dict[str, int]:
    """Few books are asked for often, and many seldom."""
    popularity = [10**6 // rank for rank in range(1, BOOKS + 1)]
    unit = sum(popularity) // 25
    found = {path: share * unit for path, share in PAGES.items()}
    for place, share in PLACES.items():
        found |= {f"{place}{number}": weight * share // 25 for number, weight in enumerate(popularity)}
    return found


def traffic_of(hours: Iterable[int]) -> cs.Traffic:
    """The requests of some hours. Split.sample draws the codes: two bytes a path, one a host or header."""
    texts: list[dict[Any, int]] = [weights_of_paths(), HOSTS, CANARIES]
    splits = [cs.Split(list(each.values())) for each in texts]
    drawn = []
    for hour in hours:
        rng = np.random.default_rng(hour)
        drawn.append([split.sample(HOURS[hour] * 1_000_000, rng=rng) for split in splits])
    path, authority, canary = (
        cs.Column(np.concatenate(codes), of) for codes, of in zip(zip(*drawn, strict=True), texts, strict=True)
    )
    return cs.Traffic.from_columns(path=path, authority=authority, headers={"x-canary": canary})


def main() -> None:
    table = cs.load(Path(__file__).parent / "repository" / "manifests")
    traffic = traffic_of(range(24))
    start = time.perf_counter()
    simulation = cs.simulate(table, traffic, rng=2)
    counts = simulation.counts()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    assert simulation.rows is not None
    answer = {"rows": len(simulation.rows), "counts": counts, "seconds": seconds, "peak_bytes": peak}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
