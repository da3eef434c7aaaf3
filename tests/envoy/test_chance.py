"""Fractions, weights and mirrors ask one random value: a thousand requests each, held against the shares.

Each table is a chi-squared test on the counts of its outcomes at a level of 10^-7 / the number of tables, so that
all of them together raise a false alarm in less than one run of ten million.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from scipy.stats import chi2

import canarysim as cs

from .. import envoy_cases
from .judge import Judge, Version

REQUESTS = 1000


def fraction(numerator: int, denominator: str = "HUNDRED") -> dict[str, Any]:
    return {"default_value": {"numerator": numerator, "denominator": denominator}}


def weighted(**weights: int) -> dict[str, Any]:
    return {"weighted_clusters": {"clusters": [{"name": name, "weight": w} for name, w in weights.items()]}}


def routes(*pairs: tuple[dict[str, Any] | None, dict[str, Any]]) -> dict[str, Any]:
    """Routes that take a fraction each, or all, and do something."""
    found = envoy_cases.table(
        *({"prefix": "/"} if share is None else {"prefix": "/", "runtime_fraction": share} for share, _ in pairs)
    )
    for route, (_, action) in zip(found["virtual_hosts"][0]["routes"], pairs, strict=True):
        route["route"] = action
    return found


def mirror(cluster: str, numerator: int) -> dict[str, Any]:
    return {"cluster": cluster, "runtime_fraction": fraction(numerator)}


TABLES: dict[str, dict[str, Any]] = {
    "half, then half of it by the same value": routes(
        (fraction(50), weighted(a=50, b=50)), (None, weighted(c=50, d=50))
    ),
    "half, then half by another modulus": routes((fraction(50), weighted(a=1, b=1)), (None, weighted(c=1, d=1))),
    "thirty, thirty, sixty, the rest": routes(
        (fraction(30), {"cluster": "a"}),
        (fraction(30), {"cluster": "b"}),
        (fraction(60), {"cluster": "c"}),
        (None, {"cluster": "d"}),
    ),
    "fractions of three denominators": routes(
        (fraction(1_000, "TEN_THOUSAND"), {"cluster": "a"}),
        (fraction(400_000, "MILLION"), {"cluster": "b"}),
        (fraction(70), weighted(c=3, d=4)),
        (None, {"cluster": "e"}),
    ),
    "mirrors": routes(
        (None, {**weighted(a=50, b=50), "request_mirror_policies": [mirror("m", 50), mirror("n", 75)]})
    ),
    "mirrors behind a fraction": routes(
        (fraction(40), {**weighted(a=1, b=2), "request_mirror_policies": [mirror("m", 20), mirror("n", 70)]}),
        (None, {"cluster": "c", "request_mirror_policies": [mirror("m", 50)]}),
    ),
}
LEVEL = 1e-7 / len(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_what_envoy_does_by_chance_has_the_shares_of_the_table(name: str, envoy: Version) -> None:
    table = cs.from_envoy(TABLES[name], envoy=envoy)
    request = cs.Request("/", authority="h")
    shares: Counter[tuple[str | None, tuple[str, ...]]] = Counter()
    for decision, share in table.shares(request):
        shares[decision.cluster, tuple(sorted(decision.mirrors or ()))] += share  # type: ignore[assignment]
    assert sum(shares.values()) == 1
    from .judge import Raw

    with Judge(envoy, [(TABLES[name], {})]) as judge:
        verdicts = judge.ask(0, [Raw("/") for _ in range(REQUESTS)])
    seen = Counter((verdict.cluster, verdict.mirrors) for verdict in verdicts)
    possible = {outcome: share for outcome, share in shares.items() if share}
    assert seen.keys() <= possible.keys()  # nothing of share 0 was seen
    distance = sum((seen[key] - REQUESTS * float(p)) ** 2 / (REQUESTS * float(p)) for key, p in possible.items())
    assert distance < chi2.isf(LEVEL, len(possible) - 1), (dict(seen), possible)
