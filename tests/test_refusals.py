"""What Envoy refuses is refused here, with a place; what it takes is taken."""

from __future__ import annotations

from typing import Any

import pytest

import canarysim as cs

from .refusals import REFUSED, REFUSED_BY_1_36, TAKEN


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("envoy", ["1.36", "1.40"])
def test_it_is_refused_with_a_place(name: str, envoy: str) -> None:
    code, configuration = REFUSED[name]
    assert_refused(configuration, envoy, code)


@pytest.mark.parametrize("name", REFUSED_BY_1_36)
def test_what_is_new_is_refused_by_the_older(name: str) -> None:
    code, configuration = REFUSED_BY_1_36[name]
    assert_refused(configuration, "1.36", code)
    cs.from_envoy(configuration)


@pytest.mark.parametrize("name", TAKEN)
def test_what_looks_wrong_is_taken(name: str) -> None:
    cs.from_envoy(TAKEN[name])
    cs.from_envoy(TAKEN[name], envoy="1.36")


def assert_refused(configuration: dict[str, Any], envoy: str, code: str) -> None:
    with pytest.raises(cs.ManifestError) as caught:
        cs.from_envoy(configuration, envoy=envoy)
    problems = [problem for problem in caught.value.problems if problem.severity is cs.Severity.ERROR]
    assert [problem.code for problem in problems] == [code]
    assert problems[0].where.path.startswith("virtual_hosts") or code == "unknown_field"
