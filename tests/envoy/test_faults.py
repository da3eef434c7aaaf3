"""What the fault filter does: the shares written by hand, held against a real Envoy.

Every outcome of chance is held against its share by an exact binomial test, at a level of 10^-6 / the number of
all these tests, so that all of them together raise a false alarm in less than one run of a million.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from scipy.stats import binomtest

import canarysim as cs

from ..fault_cases import CASES, EMPTY, FaultCase, Outcome, abort, delay, percentage, single, table
from .judge import Judge, Raw, Verdict, Version, refuses

REQUESTS, FEW = 600, 20
LEVEL = 1e-6 / (2 * sum(len(case.shares) for case in CASES.values()))


def told(verdict: Verdict) -> Outcome:
    if "FI" in (verdict.flags or ""):
        return "fault_abort", verdict.status, None, ()
    if verdict.details == "via_upstream":
        return "forward", None, verdict.cluster, verdict.mirrors
    return "answered", verdict.status, None, ()


def as_told(outcome: Outcome) -> Outcome:
    """An outcome as far as a verdict tells it."""
    kind, status, cluster, mirrors = outcome
    return kind if kind in ("forward", "fault_abort") else "answered", status, cluster, mirrors


def raw(request: cs.Request) -> Raw:
    return Raw(request.path, headers=request.headers)


def wrong(case: FaultCase, seen: Counter[Outcome]) -> bool:
    shares = {as_told(outcome): share for outcome, share in case.shares.items()}
    if not seen.keys() <= shares.keys():  # nothing of share 0 is seen
        return True
    n = seen.total()
    return any(
        seen[outcome] != n if share == 1 else binomtest(seen[outcome], n, float(share)).pvalue < LEVEL
        for outcome, share in shares.items()
    )


def test_envoy_aborts_as_the_shares_say(envoy: Version) -> None:
    groups: defaultdict[str, dict[str, FaultCase]] = defaultdict(dict)
    for name, case in CASES.items():
        groups[f"{case.runtime} {case.missing}"][name] = case
    failures = {}
    for cases in groups.values():
        one = next(iter(cases.values()))
        tables = [(case.configuration, case.settings) for case in cases.values()]
        with Judge(envoy, tables, runtime=one.runtime, missing=one.missing) as judge:
            for number, (name, case) in enumerate(cases.items()):
                count = FEW if 1 in case.shares.values() else REQUESTS
                seen = Counter(map(told, judge.ask(number, [raw(case.request)] * count)))
                if wrong(case, seen):
                    failures[name] = dict(seen)
    assert failures == {}


def test_an_export_aborts_as_its_table(envoy: Version) -> None:
    """What only the connection manager or the runtime says is no part of an export."""
    cases = {
        name: case for name, case in CASES.items() if case.filters == (CASES["100 %"].filters) and not case.runtime
    }
    exports = []
    for case in cases.values():
        mapping = cs.to_envoy(case.table(envoy))
        exports.append(({**mapping, "validate_clusters": False}, case.settings))
    failures = {}
    with Judge(envoy, exports, missing=("gone",)) as judge:
        for number, (name, case) in enumerate(cases.items()):
            count = FEW if 1 in case.shares.values() else REQUESTS // 3
            seen = Counter(map(told, judge.ask(number, [raw(case.request)] * count)))
            if wrong(case, seen):
                failures[name] = dict(seen)
    assert failures == {}


def test_delays_are_drawn_apart_from_aborts(envoy: Version) -> None:
    """Of four outcomes each has a quarter; a delayed request may be aborted after its delay."""
    case = CASES["delayed and aborted"]
    with Judge(envoy, [(case.configuration, case.settings)]) as judge:
        seen = Counter(verdict.flags for verdict in judge.ask(0, [raw(case.request)] * REQUESTS))
    assert seen.keys() == {"-", "DI", "FI", "DI,FI"} or seen.keys() == {None, "DI", "FI", "DI,FI"}
    assert all(binomtest(count, REQUESTS, 0.25).pvalue > 1e-6 / 8 for count in seen.values())


def test_envoy_refuses_the_settings_that_are_refused_here(envoy: Version) -> None:
    bad = {
        "an abort of nothing": {**EMPTY, "abort": percentage(1)},
        "a low status": abort(1, 199),
        "a high status": abort(1, 600),
        "no delay": delay(1, "0s"),
        "a negative delay": delay(1, "-1s"),
        "a delay of nothing": {**EMPTY, "delay": percentage(1)},
        "a field that is not there": {**EMPTY, "aborts": {}},
    }
    for name, settings in bad.items():
        assert refuses(envoy, table(single(settings))) is not None, name
    good = {"more than all": abort(101), "no percentage": {**EMPTY, "abort": {"http_status": 500}}}
    for name, settings in good.items():
        assert refuses(envoy, table(single(settings))) is None, name
