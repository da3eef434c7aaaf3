"""The cases of Envoy's own route table check tool, where they are at hand, with that tool's rules.

The tool asks the router alone: no connection manager, no upstream. Its rule for fractions is its own: a route
with one is enabled where the case names its runtime key and the random value is below the numerator, which is at
least 1.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml

import canarysim as cs
from canarysim.table.matchers import HeaderMatcher
from canarysim.table.routes import Route

SUITE = Path(__file__).parent.parent.parent / "shared" / "suites" / "router_check"

#: Test files, and the configuration of each where it is not that of the same name.
FILES = {
    path.name: SUITE / f"{path.name.partition('.')[0].replace('Failures', '')}.yaml"
    for path in sorted(SUITE.glob("*.golden.proto.*"))
}

#: Cases that do not say what the router does, by file and name: how many of their checks fail here, and why.
EXCEPTIONS = {
    ("TestRoutesFailures.golden.proto.json", "ResponseHeaderMatches Failures"): (5, "meant to fail"),
    ("TimeoutFailures.golden.proto.json", "Test_1"): (1, "meant to fail"),
    ("DirectResponse.golden.proto.json", "Direct Response custom content-type appended"): (
        1,
        "the tool puts text/plain first; on the wire it is written only where there is no content-type",
    ),
    ("DirectResponse.golden.proto.json", "Direct Response empty body"): (
        1,
        "on the wire an answer without a body has content-length: 0",
    ),
}
#: What `validate` may ask that is not simulated: metadata of routes is kept for filters.
NOT_ASKED = {"route_metadata"}

pytestmark = pytest.mark.skipif(not FILES, reason="the cases of Envoy's route table check tool are not here")


def cases() -> list[Any]:
    return [
        pytest.param(name, test, id=f"{name.partition('.')[0]}-{test['test_name']}")
        for name in FILES
        for test in yaml.safe_load(re.sub(r",(\s*[]}])", r"\1", (SUITE / name).read_text()))["tests"]
    ]


def asked(given: dict[str, Any]) -> cs.Request:
    metadata: dict[str, dict[str, Any]] = {}
    for each in given.get("dynamic_metadata", ()):
        if each["metadata_namespace"] not in metadata or each.get("allow_overwrite"):
            metadata[each["metadata_namespace"]] = each["value"]
    return cs.Request(
        given["path"],
        method=given.get("method", "GET"),
        authority=given["authority"],
        headers=[(each["key"], each["value"]) for each in given.get("additional_request_headers", ())],
        metadata=metadata,
        address="127.0.0.1",
        internal=given.get("internal", False),
    )


def enabled(route: Route, given: dict[str, Any]) -> bool:
    fraction = route.match.runtime_fraction
    if fraction is None:
        return True
    value = given.get("random_value", 0) % fraction.denominator
    return given.get("runtime") == fraction.runtime_key and value < max(1, fraction.numerator)


def table_for(configuration: Path, given: dict[str, Any]) -> cs.RouteTable:
    """The table as the tool has it for one case."""
    table = cs.load(configuration)
    hosts = [
        attrs.evolve(
            host,
            routes=[
                attrs.evolve(route, match=attrs.evolve(route.match, runtime_fraction=None))
                for route in host.routes
                if enabled(route, given)
            ],
        )
        for host in table.virtual_hosts
    ]
    return attrs.evolve(table, virtual_hosts=hosts, scheme="https" if given.get("ssl") else "http")


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def matches(conditions: list[dict[str, Any]], headers: tuple[tuple[str, str], ...] | None) -> list[bool]:
    """Which header matchers of a case hold for some headers."""
    held = []
    for condition in conditions:
        table = cs.from_envoy(
            {
                "virtual_hosts": [
                    {
                        "name": "h",
                        "domains": ["*"],
                        "routes": [
                            {"match": {"prefix": "/", "headers": [condition]}, "direct_response": {"status": 200}}
                        ],
                    }
                ]
            }
        )
        matcher = table.routes[0].match.headers[0]
        assert isinstance(matcher, HeaderMatcher)
        values = tuple(value for name, value in headers or () if name == matcher.name)
        held.append(bool(matcher.test(table.behaviour)(values or None)))
    return held


def failures(decision: cs.Decision, validate: dict[str, Any]) -> list[str]:
    forward = decision.kind == "forward"
    action = None if decision.matched is None else decision.matched.action
    found = {
        "cluster_name": decision.cluster or "",
        "virtual_host_name": decision.virtual_host or "" if forward else "",
        "virtual_cluster_name": decision.virtual_cluster or "" if forward else "",
        "host_rewrite": decision.authority or "" if forward else "",
        "path_rewrite": decision.path or "" if forward else "",
        "path_redirect": decision.location or "",
        "code_redirect": decision.status or 0,
        "timeout": getattr(action, "timeout", None),
    }
    if decision.kind == "direct_response":  # the tool calls the URL of the request its redirect
        found["path_redirect"] = f"{decision.seen.scheme}://{decision.seen.authority}{decision.seen.path}"
    wrong = []
    for name, wanted in validate.items():
        if name in ("request_header_matches", "response_header_matches"):
            headers = decision.response_headers
            if name.startswith("request"):
                pseudo = {
                    ":method": decision.seen.method,
                    ":path": decision.path,
                    ":authority": decision.authority,
                }
                headers = (
                    *(decision.request_headers or ()),
                    *((key, value or "") for key, value in pseudo.items()),
                )
            wrong += [name for held in matches(wanted, headers) if not held]
        elif found[name] != (seconds(wanted) if name == "timeout" else wanted):
            wrong.append(f"{name}: {found[name]!r}, wanted {wanted!r}")
    return wrong


@pytest.mark.parametrize(("name", "test"), cases())
def test_the_router_decides_as_the_tool_says(name: str, test: dict[str, Any]) -> None:
    if NOT_ASKED & test["validate"].keys():
        pytest.skip("asks for the metadata of a route")
    table = table_for(FILES[name], test["input"])
    decision = table.route(asked(test["input"]), test["input"].get("random_value", 0))
    found = failures(decision, test["validate"])
    expected, reason = EXCEPTIONS.get((name, test["test_name"]), (0, ""))
    assert len(found) == expected, (reason, found)


def test_the_cases_of_one_configuration_fail_on_another() -> None:
    """Whether failures are seen at all."""
    tests = yaml.safe_load((SUITE / "Weighted.golden.proto.json").read_text())["tests"]
    found = {
        test["test_name"]: failures(
            table_for(SUITE / "TestRoutes.yaml", test["input"]).route(asked(test["input"]), 0), test["validate"]
        )
        for test in tests
    }
    assert found["Test_1"] == []
    assert len(found["Test_2"]) == 2
