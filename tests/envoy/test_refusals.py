"""The same configurations, shown to a real Envoy."""

from __future__ import annotations

from ..refusals import REFUSED, REFUSED_BY_1_36, TAKEN
from .judge import Version, refuses


def test_envoy_refuses_what_is_refused_here(envoy: Version) -> None:
    refused = REFUSED | (REFUSED_BY_1_36 if envoy == "1.36" else {})
    assert [name for name, (_, configuration) in refused.items() if refuses(envoy, configuration) is None] == []


def test_envoy_takes_what_is_taken_here(envoy: Version) -> None:
    new = {} if envoy == "1.36" else {name: configuration for name, (_, configuration) in REFUSED_BY_1_36.items()}
    assert {
        name: why
        for name, configuration in (TAKEN | new).items()
        if (why := refuses(envoy, configuration)) is not None
    } == {}
