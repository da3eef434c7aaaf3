"""The table of cases, held against every path that answers."""

from __future__ import annotations

import pytest

import canarysim as cs

from .cases import CASES, Case
from .envoy_cases import CASES as ENVOY_CASES
from .envoy_cases import PICKS, EnvoyCase, pick, picked_by_header


@pytest.mark.parametrize("case", CASES, ids=str)
def test_route_preview_and_explain_agree_with_the_case(case: Case) -> None:
    table = cs.loads(case.manifest)
    decision = table.route(case.request, case.random_value)
    assert decision.cluster == case.cluster
    assert decision.kind == ("not_found" if case.cluster is None else "forward")
    if case.path is not None:
        assert decision.path == case.path

    preview = cs.preview(table, case.request)
    assert sum(outcome.share for outcome in preview) == 1
    assert any(o.cluster == case.cluster and o.share > 0 for o in preview)

    explanation = cs.explain(table, case.request, case.random_value)
    assert explanation.winner is decision.matched
    assert [step.route.index for step in explanation.steps] == list(
        range(len(table.routes) if decision.matched is None else decision.matched.index)
    )


@pytest.mark.parametrize("case", ENVOY_CASES, ids=str)
def test_configurations_of_envoy_agree_with_the_case(case: EnvoyCase) -> None:
    for envoy in case.versions:
        table = cs.from_envoy(case.configuration, envoy=envoy, http=case.http)
        decision = table.route(case.request)
        assert decision.cluster == (None if case.route is None else f"r{case.route}")
        (outcome,) = cs.preview(table, case.request)
        assert outcome.cluster == decision.cluster
        assert outcome.share == 1
        assert cs.explain(table, case.request).winner is decision.matched
        assert cs.from_envoy(cs.to_envoy(table), envoy=envoy, http=case.http) == table


@pytest.mark.parametrize("value", PICKS)
def test_a_header_picks_where_it_is_one_number(value: str) -> None:
    table = cs.from_envoy(picked_by_header())
    shares = {decision.cluster: share for decision, share in table.shares(pick(value)) if share}
    number = PICKS[value]
    assert len(shares) == (10 if number is None else 1)
    if number is not None:
        assert table.route(pick(value)).cluster == f"c{number}"


def test_two_headers_pick_nothing_and_chance_does() -> None:
    table = cs.from_envoy(picked_by_header())
    assert len([share for _, share in table.shares(pick("7", "7")) if share]) == 10
    assert table.route(pick("7", "7"), random_value=13).cluster == "c3"
