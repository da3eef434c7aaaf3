"""The table of cases, held against every path that answers."""

from __future__ import annotations

import pytest

import canarysim as cs

from .cases import CASES, Case


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
