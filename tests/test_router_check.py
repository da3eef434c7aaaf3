"""The cases of Envoy's own route table check tool, where they are at hand: their verdicts are that tool's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import canarysim as cs
from canarysim.cli import main
from canarysim.testing.checking import check
from canarysim.testing.router_check import read_router_check

SUITE = Path(__file__).parent.parent.parent / "shared" / "suites" / "router_check"
FILES = sorted(path.name for path in SUITE.glob("*.golden.proto.*"))

#: Cases that are meant to fail, by file and name: how many of their checks do.
MEANT_TO_FAIL = {
    ("TestRoutesFailures", "ResponseHeaderMatches Failures"): 5,
    ("TimeoutFailures", "Test_1"): 1,
    ("RouteMetadata", "MetadataValueMismatch"): 1,
    ("RouteMetadata", "MetadataNamespaceMissing"): 1,
}

at_hand = pytest.mark.skipif(not FILES, reason="the cases of Envoy's route table check tool are not here")


def configuration(name: str) -> str:
    return str(SUITE / f"{name.partition('.')[0].replace('Failures', '')}.yaml")


@at_hand
@pytest.mark.parametrize("name", FILES)
def test_every_case_has_the_verdict_that_the_tool_documents(name: str) -> None:
    report = check(configuration(name), SUITE / name)
    stem = name.partition(".")[0]
    for result in report.results:
        missed = None if result.verdict is None else len(result.verdict.missed)
        assert missed == MEANT_TO_FAIL.get((stem, result.trial.case.name), 0), result.trial.name
    assert report.errors == 0


@at_hand
def test_there_are_as_many_cases_as_the_tool_has() -> None:
    assert sum(len(read_router_check(str(SUITE / name))) for name in FILES) == 116


@at_hand
def test_the_cases_of_one_configuration_fail_on_another() -> None:
    report = check(SUITE / "TestRoutes.yaml", SUITE / "Weighted.golden.proto.json")
    found = {result.trial.case.name: result for result in report.results}
    assert found["Test_1"].status == "passed"
    second = found["Test_2"].verdict
    assert second is not None
    names = {check.name: check.found(decision) for miss in second.missed for check, [(decision, _)] in miss.wrong}
    assert names == {"cluster_name": "'instant-server'", "virtual_cluster_name": "'other'"}


@at_hand
def test_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", configuration("Weighted"), str(SUITE / "Weighted.golden.proto.yaml")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "4 passed, 0 failed"
    assert main(["check", configuration("Timeout"), str(SUITE / "TimeoutFailures.golden.proto.json")]) == 1
    out = capsys.readouterr().out
    assert "expected  timeout 120 s\n  found     timeout 30 s" in out
    assert out.splitlines()[-1] == "0 passed, 1 failed"


@at_hand
@pytest.mark.parametrize(
    ("name", "untouched"),
    [
        ("ComprehensiveRoutes", []),
        ("DirectResponse", []),
        ("Weighted", []),
        ("DetailedCoverage", ["/new_endpoint2", "/no_name"]),
        ("Redirect", ["/blah"]),
    ],
)
def test_coverage_of_routes_and_clusters_is_that_of_the_tool(name: str, untouched: list[str]) -> None:
    report = check(configuration(name), *map(str, SUITE.glob(f"{name}.golden.proto.*")), coverage=True)
    assert report.coverage is not None
    found = [item for item in report.coverage.untouched if item.kind != "condition"]
    assert [getattr(item.route.match.path, "text", "") for item in found] == untouched


@at_hand
def test_coverage_misses_what_the_tool_says_that_its_own_suite_misses() -> None:
    report = check(configuration("TestRoutes"), SUITE / "TestRoutes.golden.proto.json", coverage=True)
    assert report.coverage is not None
    found = {(item.host.name, str(item)) for item in report.coverage.untouched if item.kind == "route"}
    assert ("www2_staging", "path begins with '/'") in found
    assert ("default", "path begins with '/api/application_data'") in found


# The tool's rules, on files of our own

ROUTES = """\
virtual_hosts:
- name: shop
  domains: ["*"]
  response_headers_to_add: [{header: {key: x-shop, value: open}}]
  routes:
  - match: {prefix: /half, runtime_fraction: {runtime_key: canary, default_value: {numerator: 0}}}
    route: {cluster: v2}
  - match: {prefix: /split}
    route:
      weighted_clusters: {clusters: [{name: a, weight: 50}, {name: b, weight: 50}]}
  - match: {prefix: /ping}
    direct_response: {status: 201, body: {inline_string: pong}}
    metadata: {filter_metadata: {owner: {team: pets}}}
  - match: {prefix: /inside, headers: [{name: x-envoy-internal, present_match: true}]}
    route: {cluster: inside}
  - match: {prefix: /}
    route: {cluster: v1, prefix_rewrite: /new/}
    typed_per_filter_config:
      envoy.filters.http.fault:
        "@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault
        abort: {http_status: 503, percentage: {numerator: 100}}
"""


def run(tmp_path: Path, given: dict[str, Any], **validate: Any) -> str | list[str]:
    """The status of one test, or what its checks found instead."""
    (tmp_path / "routes.yaml").write_text(ROUTES)
    test = {"test_name": "t", "input": {"authority": "h", "path": "/", "method": "GET", **given}}
    (tmp_path / "tests.json").write_text(json.dumps({"tests": [{**test, "validate": validate}]}))
    [result] = check(tmp_path / "routes.yaml", tmp_path / "tests.json").results
    if result.verdict is None or result.verdict.holds:
        return result.status
    return [check.found(decision) for miss in result.verdict.missed for check, [(decision, _)] in miss.wrong]


CANARY = {"path": "/half", "runtime": "canary"}


@pytest.mark.parametrize(
    ("given", "validate", "outcome"),
    [
        # a fraction takes part where its key is named, and its numerator is 1 at least
        ({**CANARY, "random_value": 0}, {"cluster_name": "v2"}, "passed"),
        ({**CANARY, "random_value": 100}, {"cluster_name": "v2"}, "passed"),
        ({**CANARY, "random_value": 1}, {"cluster_name": "v2"}, ["'v1'"]),
        ({"path": "/half"}, {"cluster_name": "v1"}, "passed"),
        ({**CANARY, "runtime": "other"}, {"cluster_name": "v1"}, "passed"),
        # a C int: 2^31 + 50 becomes 2^64 - 2^31 + 50, which is 18 modulo 100
        ({"path": "/split", "random_value": 49}, {"cluster_name": "a"}, "passed"),
        ({"path": "/split", "random_value": 50}, {"cluster_name": "b"}, "passed"),
        ({"path": "/split", "random_value": 2**31 + 50}, {"cluster_name": "a"}, "passed"),
        ({"path": "/split", "random_value": 2**32 + 50}, {"cluster_name": "b"}, "passed"),
        # no fault runs, and what does not forward has none of the four
        ({}, {"cluster_name": "v1", "path_rewrite": "/new/", "host_rewrite": "h", "path_redirect": ""}, "passed"),
        ({"path": "/ping"}, {"cluster_name": "", "virtual_host_name": "", "path_rewrite": ""}, "passed"),
        ({"path": "/ping"}, {"path_redirect": "http://h/ping", "code_redirect": 201}, "passed"),
        ({"path": "/ping", "ssl": True}, {"path_redirect": "https://h/ping"}, "passed"),
        ({"path": "/ping"}, {"virtual_host_name": "shop"}, ["''"]),
        ({"path": "/inside", "internal": True}, {"cluster_name": "inside"}, "passed"),
        ({"path": "/inside"}, {"cluster_name": "inside"}, ["'v1'"]),
        # headers of answers, and what a test adds to them
        (
            {"path": "/ping"},
            {"response_header_matches": [{"name": "content-type", "exact_match": "text/plain"}]},
            "passed",
        ),
        ({}, {"response_header_matches": [{"name": "x-shop", "exact_match": "open"}]}, "passed"),
        ({}, {"response_header_fields": [{"key": "x-shop", "value": "closed"}]}, ["x-shop: 'open'"]),
        (
            {"additional_response_headers": [{"key": "x-from", "value": "v1"}]},
            {"response_header_matches": [{"name": "X-From", "present_match": True}]},
            "passed",
        ),
        ({}, {"request_header_fields": [{"key": ":path", "value": "/new/"}]}, "passed"),
        ({}, {"request_header_matches": [{"name": "x-none", "present_match": True}]}, ["no x-none"]),
        ({}, {"timeout": "15s"}, "passed"),
        (
            {"path": "/ping"},
            {"route_metadata": [{"namespace": "owner", "key": "team", "value": "pets"}]},
            "passed",
        ),
        ({}, {"route_metadata": [{"namespace": "owner", "key": "team", "value": "pets"}]}, ["no owner team"]),
    ],
)
def test_the_rules_of_the_tool(
    tmp_path: Path, given: dict[str, Any], validate: dict[str, Any], outcome: object
) -> None:
    assert run(tmp_path, given, **validate) == outcome


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ('{"tests": []}', "bad_value", 1),
        ('{"tests": [{"test_name": "t", "validate": {"cluster_name": "a"}}]}', "missing_field", 1),
        (
            "tests:\n- test_name: t\n  input: {authority: h, path: /}\n  validate: {cluster: a}\n",
            "unknown_field",
            4,
        ),
        ("tests:\n- test_name: t\n  input: {authority: h, path: /}\n  validate: {}\n", "nothing_expected", 4),
        (
            "tests:\n- test_name: t\n  input: {authority: '', path: /}\n  validate: {cluster_name: a}\n",
            "bad_value",
            3,
        ),
        (
            "tests:\n- test_name: t\n  input: {authority: h, path: /, method: GO}\n  validate: {timeout: 1s}\n",
            "bad_value",
            3,
        ),
    ],
)
def test_what_is_wrong_has_a_place(tmp_path: Path, text: str, code: str, line: int) -> None:
    file = tmp_path / "tests.yaml"
    file.write_text(text)
    with pytest.raises(cs.ManifestError) as caught:
        read_router_check(str(file))
    assert (code, line) in [(problem.code, problem.where.line) for problem in caught.value.problems]


def test_a_comma_too_many_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "tests.json"
    file.write_text(
        '{"tests": [{"test_name": "t", "input": {"authority": "h", "path": "/",},'
        ' "validate": {"cluster_name": "a"},},]}'
    )
    assert [case.name for case in read_router_check(str(file))] == ["t"]


def test_headers_from_inside_are_not_dropped(tmp_path: Path) -> None:
    """It is the connection manager that drops them, which the tool does not have."""
    (tmp_path / "routes.yaml").write_text(
        "internal_only_headers: [x-inside]\n"
        "virtual_hosts:\n- name: h\n  domains: ['*']\n  routes:\n"
        "  - {match: {prefix: /, headers: [{name: x-inside, present_match: true}]}, route: {cluster: inside}}\n"
    )
    (tmp_path / "tests.yaml").write_text(
        "tests:\n- test_name: t\n"
        "  input: {authority: h, path: /, additional_request_headers: [{key: x-inside, value: '1'}]}\n"
        "  validate: {cluster_name: {value: inside}, request_header_fields: [{key: x-inside, value: '1'}]}\n"
    )
    report = check(tmp_path / "routes.yaml", tmp_path / "tests.yaml")
    assert (report.passed, report.failed, report.errors) == (1, 0, 0), str(report)


def test_tests_that_are_no_json_are_tests_all_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "routes.yaml").write_text("virtual_hosts: [{name: h, domains: ['*']}]\n")
    (tmp_path / "tests.json").write_text(
        '{"tests": [ // the first\n  {"test_name": "t", "input": {}, "validate": {"cluster_name": "a"}}\n]}'
    )
    assert main(["check", str(tmp_path / "routes.yaml"), str(tmp_path / "tests.json")]) == 2
    out = capsys.readouterr().out
    assert "tests.json:1:" in out
    assert "syntax]" in out


def test_a_runtime_key_that_tests_name_is_no_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, {**CANARY, "random_value": 0}, cluster_name="v2") == "passed"
    assert [problem.code for problem in cs.load(tmp_path / "routes.yaml").problems] == ["runtime_default"]
    assert main(["check", str(tmp_path / "routes.yaml"), str(tmp_path / "tests.json")]) == 0
    assert capsys.readouterr().err == ""
