"""canarysim check: every test runs, red says what to fix, and nothing that is wrong passes in silence."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

import canarysim as cs
from canarysim.cli import main
from canarysim.faces.schemas import schema
from canarysim.testing.checking import check
from canarysim.testing.coverage import Coverage

from .cases import resource, virtual_service

MANIFESTS = Path(__file__).parent.parent / "notebooks" / "manifests"
COALMINE = (MANIFESTS / "coalmine.yaml").read_text()
Capture = pytest.CaptureFixture[str]

PETS = """\
manifests: routes.yaml
tests:
- name: canaries reach version 2
  request: GET /findPets x-canary:true
  expect: {cluster: default-petstore-v2-8080, function: findPets}
- name: everybody else stays on version 1
  request:
    path: [/findPets, "/findPets?limit=3", /findPets/cats]
    headers: {x-canary: [null, "false", "True"]}
  expect: {cluster: default-petstore-v1-8080}
- name: a tenth is the canary
  request: GET /findPetWithId/1
  expect: {split: {default-petstore-v2-8080: 10%, default-petstore-v1-8080: 90%}}
- name: the old API lives on
  request: GET /petstore/7?limit=3
  expect: {cluster: default-petstore-v1-8080, path_rewrite: "/api/pets/7?limit=3"}
"""


@pytest.fixture(autouse=True)
def _without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def repository(tmp_path: Path, tests: str = PETS, manifest: str = COALMINE) -> str:
    (tmp_path / "routes.yaml").write_text(manifest)
    (tmp_path / "test_pets.canary.yaml").write_text(tests)
    return str(tmp_path)


def said(folder: str, *options: str, capsys: Capture, code: int) -> str:
    with contextlib.chdir(folder):
        assert main(["check", ".", *options]) == code
    return capsys.readouterr().out


def test_green_is_one_line(tmp_path: Path, capsys: Capture) -> None:
    assert said(repository(tmp_path), capsys=capsys, code=0) == "12 passed, 0 failed\n"


# What red looks like, for three ways to break the manifest


def test_a_wrong_weight(tmp_path: Path, capsys: Capture) -> None:
    manifest = COALMINE.replace("weight: 10", "weight: 20").replace("weight: 90", "weight: 80")
    out = said(repository(tmp_path, manifest=manifest), capsys=capsys, code=1)
    assert out.startswith(
        """\
FAILED  a tenth is the canary                           test_pets.canary.yaml:11

  expected  10 % to default-petstore-v2-8080_gloo-system
  found     20 %
  look at   default-petstore-v2-8080_gloo-system (findPetById) has weight 20 of
            100                                                   routes.yaml:33
  expected  90 % to default-petstore-v1-8080_gloo-system
  found     80 %
  look at   default-petstore-v1-8080_gloo-system (findPetById) has weight 80 of
            100                                                   routes.yaml:44

GET /findPetWithId/1
"""
    )
    assert out.endswith("\n11 passed, 1 failed\n")


def test_a_route_that_was_moved_above_another(tmp_path: Path, capsys: Capture) -> None:
    head, *routes = COALMINE.split("    - matchers:\n")
    manifest = head + "".join(f"    - matchers:\n{routes[n]}" for n in (2, 0, 1, 3))
    out = said(repository(tmp_path, manifest=manifest), capsys=capsys, code=1)
    assert out.startswith(
        """\
FAILED  canaries reach version 2                         test_pets.canary.yaml:3

  expected  default-petstore-v2-8080_gloo-system, function findPets
  found     default-petstore-v1-8080_gloo-system (findPets)       routes.yaml:17
  look at   route 1 (path begins with '/findPets', header x-canary matches regex
            'true') would fulfil it, and matches;                 routes.yaml:25
            but route 0 (path begins with '/findPets') stands above it and takes
            the request                                           routes.yaml:14

GET /findPets x-canary:true
"""
    )


@pytest.mark.parametrize(
    ("below", "says"),
    [
        # the testers' canary, moved below the split that everybody else is in
        (
            "{prefix: /pay, headers: [{name: x, value: '1'}]}",
            "route 1 (path begins with '/pay', header x is '1') would fulfil it, and matches; routes.yaml:13 but",
        ),
        ("{prefix: /pay/now}", "route 1 (path begins with '/pay/now') would fulfil it, and matches;"),
        # what takes the rest stands below for a reason
        ("{prefix: /}", "v2_ns has weight 3 of 10 routes.yaml:11"),
        ("{exact: /pay/later}", "v2_ns has weight 3 of 10 routes.yaml:11"),
    ],
)
def test_of_a_split_the_order_is_to_be_looked_at_where_it_is_to_blame(
    tmp_path: Path, capsys: Capture, below: str, says: str
) -> None:
    manifest = virtual_service(
        f"""
    routes:
    - matchers: [{{prefix: /pay}}]
      routeAction: {{multi: {{destinations: [
        {{weight: 3, destination: {{upstream: {{name: v2}}}}}},
        {{weight: 7, destination: {{upstream: {{name: v1}}}}}}]}}}}
    - matchers: [{below}]
      routeAction: {{single: {{upstream: {{name: v2}}}}}}
    """
    )
    test = "{name: t, request: 'GET /pay/now x:1', expect: {cluster: v2}}"
    tests = f"manifests: routes.yaml\ntests: [{test}]\n"
    out = said(repository(tmp_path, tests, manifest), capsys=capsys, code=1)
    assert f" look at {says}" in " ".join(out.split())
    assert out.count("look at") == 1


def test_a_regex_that_forgets_the_query(tmp_path: Path, capsys: Capture) -> None:
    manifest = COALMINE.replace("prefix: /petstore", r"regex: '/petstore/[0-9]+\?limit=[0-9]+'")
    out = said(repository(tmp_path, manifest=manifest), capsys=capsys, code=1)
    assert "  found     no route (404)                                        routes.yaml:10\n" in out
    assert (
        """\
  look at   route 3 (path matches regex '/petstore/[0-9]+\\\\?limit=[0-9]+') leads
            there, but refuses: path is '/petstore/7'             routes.yaml:67
            '/petstore/7?limit=3' would match, but the query is no part of the
            path
"""
        in out
    )


# Expectations


TABLE = virtual_service(
    """
    domains: [shop.example]
    routes:
    - matchers: [{prefix: /old}]
      name: retired
      redirectAction: {hostRedirect: new.example, responseCode: FOUND}
    - matchers: [{prefix: /down}]
      directResponseAction: {status: 503, body: back soon}
    - matchers: [{prefix: /copied}]
      routeAction: {single: {upstream: {name: r0}}}
      options:
        shadowing: {upstream: {name: shadow, namespace: ns}, percentage: 100}
        hostRewrite: in.example
        headerManipulation: {requestHeadersToAdd: [{header: {key: x-from, value: edge}}]}
    - matchers: [{prefix: /open}]
      routeAction: {single: {upstream: {name: r0}}}
      options: {transformations: {requestTransformation: {}}}
    - matchers: [{prefix: /half}]
      routeAction: {multi: {destinations: [
        {weight: 1, destination: {upstream: {name: r0}, subset: {values: {version: v2}}}},
        {weight: 1, destination: {upstream: {name: r0}}}]}}
    - matchers: [{prefix: /delegated}]
      delegateAction: {ref: {name: elsewhere}}
    """
)  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "expect", "status"),
    [
        ("/old/a", "{redirect: 'http://new.example/old/a', status: 302, kind: redirect}", "passed"),
        ("/old/a", "{redirect: 'http://new.example/'}", "failed"),
        ("/old/a", "{route: retired, virtual_host: ns_t}", "passed"),
        ("/old/a", "{route: ns_t-route-1-matcher-0}", "failed"),
        ("/down", "{status: 503, body: back soon}", "passed"),
        ("/down", "{body: gone}", "failed"),
        ("/down", "{kind: [redirect, direct_response]}", "passed"),
        ("/none", "{kind: not_found, status: 404}", "passed"),
        ("/none", "{cluster: r0}", "failed"),
        ("/copied", "{cluster: r0, mirrors: [shadow_ns], host_rewrite: in.example}", "passed"),
        ("/copied", "{mirrors: []}", "failed"),
        ("/copied", "{request_headers: {x-from: edge, x-other: null}}", "passed"),
        ("/copied", "{request_headers: {x-from: [edge, edge]}}", "failed"),
        ("/copied", "{response_headers: {location: null}}", "failed"),
        ("/old/a", "{response_headers: {location: 'http://new.example/old/a', x-other: null}}", "passed"),
        ("/half", "{subset: {version: v2}, share: 50%}", "passed"),
        ("/half", "{subset: {version: v2}}", "failed"),
        ("/half", "{cluster: r0, share: 1}", "passed"),
        ("/half", "{subset: {version: v2}, share: {at_most: 49%}}", "failed"),
        ("/half", "{split: {r0: 1}}", "passed"),
        ("/half", "{split: [{subset: {version: v2}, share: 1/2}, {cluster: r0, share: 1/2}]}", "error"),
        ("/half", "{cluster: r1}", "error"),
        ("/half", "{function: f}", "error"),
        ("/half", "{subset: {version: v3}}", "error"),
        ("/half", "{route: routes}", "error"),
        ("/half", "{virtual_host: vs}", "error"),
        ("/half", "{mirrors: [shadwo]}", "error"),
        ("/copied", "{mirrors: [shadow]}", "passed"),
        # what is not simulated: a part that is asked for fails, one that is not asked for does not matter
        ("/open", "{cluster: r0}", "passed"),
        ("/open", "{cluster: r0, path_rewrite: /open}", "failed"),
        ("/delegated", "{cluster: r0}", "failed"),
        ("/delegated", "{cluster: r0, share: 0}", "failed"),
        ("/delegated", "{kind: unknown}", "passed"),
        ("/delegated", "{kind: forward}", "failed"),
    ],
)
def test_expectations(tmp_path: Path, request_: str, expect: str, status: str) -> None:
    test = f"{{name: t, request: 'GET http://shop.example{request_}', expect: {expect}}}"
    folder = repository(tmp_path, f"manifests: routes.yaml\ntests:\n- {test}\n", TABLE)
    [result] = check(folder).results
    assert result.status == status, str(check(folder))
    allowed = repository(tmp_path, f"manifests: routes.yaml\nunknown: allow\ntests:\n- {test}\n", TABLE)
    [result] = check(allowed).results
    unsure = request_ in ("/open", "/delegated") and status == "failed"
    assert result.status == ("passed" if unsure else status)


def test_what_is_unknown_is_a_failure_that_names_the_line(tmp_path: Path, capsys: Capture) -> None:
    test = "{name: t, request: 'GET http://shop.example/delegated', expect: {cluster: r0}}"
    tests = f"manifests: routes.yaml\ntests: [{test}]\n"
    out = said(repository(tmp_path, tests, TABLE), capsys=capsys, code=1)
    assert "  expected  r0_ns\n  unknown   the RouteTable elsewhere is not in the input" in out


def test_a_random_value_is_one_draw(tmp_path: Path) -> None:
    tests = PETS + (
        "- name: the edge\n  request: GET /findPetWithId/1\n  random_value: [9, 10]\n"
        "  expect: {cluster: default-petstore-v2-8080}\n"
    )
    results = [r for r in check(repository(tmp_path, tests)).results if r.trial.case.name == "the edge"]
    assert [(result.trial.random_value, result.status) for result in results] == [(9, "passed"), (10, "failed")]


# Several tables, several files


def test_plain_and_ssl_are_told_by_the_scheme_or_by_name(tmp_path: Path) -> None:
    plain = virtual_service("routes: [{directResponseAction: {status: 200}}]")
    files = "sslConfig: {sslFiles: {tlsCert: c, tlsKey: k}}"
    host = "virtualHost: {routes: [{directResponseAction: {status: 201}}]}"
    manifest = f"{plain}\n---\n{resource('VirtualService', 'tls', f'{{{files}, {host}}}')}"
    tests = """\
manifests: routes.yaml
tests:
- {name: plain, request: GET http://shop.example/, expect: {status: 200}}
- {name: ssl, request: GET https://shop.example/, expect: {status: 201}}
- {name: neither, request: GET /, expect: {status: 200}}
- {name: by name, request: GET /, table: gateway-proxy-ssl, expect: {status: 201}}
- {name: no such, request: GET /, table: gateway, expect: {status: 201}}
"""
    report = check(repository(tmp_path, tests, manifest))
    assert [result.status for result in report.results] == ["passed", "passed", "error", "passed", "error"]
    texts = [str(result.error) for result in report.results if result.error]
    assert (
        "may both be asked: write the scheme of the request, or choose one with table: gateway-proxy" in texts[0]
    )
    assert "no route table is called 'gateway'; did you mean 'gateway-proxy'" in texts[1]


def test_plain_http_is_not_answered_by_a_table_for_https(tmp_path: Path) -> None:
    files = "sslConfig: {sslFiles: {tlsCert: c, tlsKey: k}}"
    manifest = resource("VirtualService", "tls", f"{{{files}, virtualHost: {{routes: [{{directResponseAction: "
                        "{status: 201}}]}}")  # fmt: skip
    tests = """\
manifests: routes.yaml
tests:
- {name: plain, request: GET http://shop.example/, expect: {status: 201}}
- {name: open, request: GET /, expect: {status: 201}}
- {name: by name, request: GET http://shop.example/, table: gateway-proxy-ssl, expect: {status: 201}}
"""
    report = check(repository(tmp_path, tests, manifest))
    assert [result.status for result in report.results] == ["error", "passed", "passed"]
    assert "the request names http, which nothing serves" in str(report)


def test_a_test_file_that_two_paths_lead_to_runs_once(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    (tmp_path / "link").symlink_to("test_pets.canary.yaml")
    assert check(folder, f"{folder}/test_pets.canary.yaml", f"{folder}/./test_pets.canary.yaml").passed == 12


def test_tests_behind_a_link_ask_the_manifests_beside_them(tmp_path: Path) -> None:
    """``link/..`` is the folder above what the link leads to, for whoever opens files."""
    (tmp_path / "there" / "tests").mkdir(parents=True)
    (tmp_path / "there" / "routes.yaml").write_text(COALMINE)
    (tmp_path / "routes.yaml").write_text(COALMINE.replace("v1-8080", "v9"))
    tests = PETS.replace("manifests: ", "manifests: ../")
    (tmp_path / "there" / "tests" / "test_pets.canary.yaml").write_text(tests)
    (tmp_path / "link").symlink_to("there/tests")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "test_pets.canary.yaml").write_text(tests.replace("v1-8080", "v9"))
    report = check(tmp_path / "here", tmp_path / "link")
    assert (report.passed, report.failed, report.errors) == (24, 0, 0)


def test_one_file_that_cannot_be_asked_hides_no_other(tmp_path: Path, capsys: Capture) -> None:
    folder = repository(tmp_path)
    (tmp_path / "test_a.canary.yaml").write_text("manifests: routes.yaml\ntest: []\n")
    (tmp_path / "test_b.canary.yaml").write_text(PETS.replace("routes.yaml", "broken.yaml"))
    (tmp_path / "broken.yaml").write_text(COALMINE.replace("weight: 10", "weigth: 10"))
    out = said(folder, capsys=capsys, code=2)
    assert out.splitlines()[-1] == "12 passed, 0 failed, 2 errors"
    assert "test_a.canary.yaml:2:1: error: unknown field 'test'" in out
    assert "broken.yaml:33:13: error: unknown field 'weigth'" in out


def test_of_many_requests_that_fail_one_is_explained(tmp_path: Path, capsys: Capture) -> None:
    manifest = COALMINE.replace("name: default-petstore-v1-8080", "name: default-petstore-v1-9090")
    tests = PETS.replace("v1-8080", "v1-9090", 1)
    out = said(repository(tmp_path, tests, manifest), capsys=capsys, code=2)
    assert out.count("  error: no cluster") == 2  # once a test, not once a request
    out = said(
        repository(tmp_path, PETS, COALMINE.replace("prefix: /findPets", "prefix: /dogs")), capsys=capsys, code=1
    )
    assert out.count("  virtual host gloo-system_coalmine: ") == 2
    assert out.count("\n  found     no route (404)") == 2  # once for all of which the same is to be said
    assert (
        """and the same for
  GET /findPets x-canary:false
  GET /findPets x-canary:True
  GET /findPets?limit=3
  GET /findPets?limit=3 x-canary:false
  GET /findPets?limit=3 x-canary:True
  GET /findPets/cats
  GET /findPets/cats x-canary:false
  GET /findPets/cats x-canary:True

2 passed, 10 failed
"""
        in out
    )


def test_manifests_are_read_once_and_their_warnings_are_said(tmp_path: Path, capsys: Capture) -> None:
    test = "{name: t, request: GET http://shop.example/, expect: {status: 404}}"
    folder = repository(tmp_path, f"manifests: routes.yaml\ntests: [{test}]\n", TABLE)
    (tmp_path / "test_again.canary.yaml").write_text((tmp_path / "test_pets.canary.yaml").read_text())
    assert main(["check", folder]) == 0
    assert capsys.readouterr().err.count("elsewhere is not in the input") == 1


def test_test_files_are_no_manifests(tmp_path: Path) -> None:
    table = cs.load(repository(tmp_path))
    assert [problem.code for problem in table.problems] == []


# The command line


def test_coverage_and_its_threshold(tmp_path: Path, capsys: Capture) -> None:
    folder = repository(tmp_path)
    out = said(folder, "--coverage", capsys=capsys, code=0)
    assert out == (
        """\
coverage      touched      of   share
  routes            4       4   100 %
  conditions        3       5    60 %
  destinations      2       2   100 %
  in all            9      11  81.8 %

not touched, each with a request that would touch it
  condition of route 0: path begins with '/findPets'              routes.yaml:14
      GET /findPet x-canary:true
  condition of route 3: path begins with '/petstore'              routes.yaml:67
      GET /petstor

12 passed, 0 failed
"""
    )
    assert said(folder, "--fail-under", "81.8%", capsys=capsys, code=0)
    out = said(folder, "--fail-under", "82", capsys=capsys, code=1)
    assert "\nFAILED  coverage is 81.8 %, below 82 %\n" in out
    assert main(["check", folder, "--fail-under", "900/11"]) == 0
    assert main(["check", folder, "--fail-under", "901/11"]) == 1
    broken = repository(tmp_path, manifest=COALMINE.replace("weight: 10", "weight: 20"))
    assert "coverage      touched" in said(broken, "--coverage", capsys=capsys, code=1)


@pytest.mark.parametrize("percent", ["101", "-1", "x", "1/0", "1e999999999"])
def test_a_threshold_is_a_per_cent(capsys: Capture, percent: str) -> None:
    with pytest.raises(SystemExit):
        main(["check", "tests", f"--fail-under={percent}"])
    assert "is no per cent from 0 to 100" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["nowhere"], "nowhere: error: the file cannot be read"),
        (["nowhere/test_it.canary.yaml"], "the file cannot be read: No such file"),
        (["routes.yaml"], "there is no test file in .*routes.yaml"),
        (["routes.yaml", "test_pets.canary.yaml"], "routes.yaml: no test asks for it"),
        (["tool.json"], "tool.json does not say what it tests"),
    ],
)
def test_wrong_input_is_one_clear_error(tmp_path: Path, capsys: Capture, names: list[str], says: str) -> None:
    repository(tmp_path)
    tool = {
        "tests": [{"test_name": "t", "input": {"authority": "h", "path": "/"}, "validate": {"cluster_name": "a"}}]
    }
    (tmp_path / "tool.json").write_text(json.dumps(tool))
    try:
        assert main(["check", *(str(tmp_path / name) for name in names)]) == 2
    except SystemExit as stopped:
        assert stopped.code == 2
    taken = capsys.readouterr()
    assert re.search(says, taken.err + taken.out)
    assert "Traceback" not in taken.err


def test_another_envoy_may_be_asked(tmp_path: Path) -> None:
    test = "{name: t, request: 'GET / x-a:1 x-a:2', expect: {status: 200}}"
    tests = f"manifests: routes.yaml\nenvoy: 1.40\ntests: [{test}]\n"
    match = "{prefix: /, headers: [{name: x-a, value: '2'}]}"
    manifest = virtual_service(f"routes: [{{matchers: [{match}], directResponseAction: {{status: 200}}}}]")
    folder = repository(tmp_path, tests, manifest)
    assert check(folder).passed == 1
    assert check(folder, envoy="1.36").failed == 1
    assert main(["check", folder, "--envoy", "1.36"]) == 1


def test_json_is_what_its_schema_says(tmp_path: Path, capsys: Capture) -> None:
    validator = Draft202012Validator(schema("check"))
    tests = PETS + "- name: typo\n  request: GET /\n  expect: {cluster: petstore-v3}\n"
    folder = repository(tmp_path, tests, COALMINE.replace("weight: 10", "weight: 20"))
    (tmp_path / "test_wrong.canary.yaml").write_text("manifests: nowhere.yaml\n")
    assert main(["check", folder, "--json", "--coverage", "--fail-under", "95"]) == 2
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert list(validator.iter_errors(found)) == []
    assert (found["passed"], found["failed"], found["errors"]) == (11, 1, 2)
    [pets, wrong] = found["files"]
    assert "no_such_file" in [problem["code"] for problem in wrong["error"]["problems"]]
    [failed] = [result for result in pets["results"] if result["status"] == "failed"]
    assert failed["test"] == "a tenth is the canary"
    assert [miss["share_fraction"] for miss in failed["missed"]] == ["2/11", "9/11"]
    assert found["coverage"]["is_below"] is True
    assert found["coverage"]["untouched"][0]["request"]["text"] == "GET /findPet x-canary:true"
    assert main(["check", folder, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["coverage"] is None


def test_a_report_from_python(tmp_path: Path) -> None:
    report = check(repository(tmp_path), coverage=True)
    assert repr(report) == "<Report 12 passed, 0 failed, 0 errors>"
    assert str(report).endswith("12 passed, 0 failed")


# What a newcomer ran into


def test_without_a_file_this_folder_is_checked(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["check"]) == 2
    assert "there is no test file in ." in capsys.readouterr().err
    repository(tmp_path)
    assert main(["check"]) == 0


@pytest.mark.parametrize(("scheme", "other"), [("http", "https"), ("https", "http")])
def test_a_scheme_that_no_listener_has_is_an_error(tmp_path: Path, scheme: str, other: str) -> None:
    ssl = "sslConfig: {sslFiles: {tlsCert: c, tlsKey: k}}, " if other == "https" else ""
    manifest = resource(
        "VirtualService", "t", f"{{{ssl}virtualHost: {{routes: [{{directResponseAction: {{status: 200}}}}]}}}}"
    )
    test = f"{{name: t, request: GET {scheme}://shop.example/, expect: {{status: 200}}}}"
    [result] = check(repository(tmp_path, f"manifests: routes.yaml\ntests: [{test}]\n", manifest)).results
    assert result.status == "error"
    assert f"the request names {scheme}, which nothing serves" in str(result.error)
    assert f"write {other}, or choose it with table: " in str(result.error)


def test_a_bare_route_configuration_is_asked_by_the_scheme_that_the_file_names(tmp_path: Path) -> None:
    manifest = """\
virtual_hosts:
- name: shop
  domains: ["*"]
  require_tls: ALL
  routes: [{match: {prefix: /}, direct_response: {status: 200}}]
"""
    tests = """\
manifests: routes.yaml
scheme: https
tests: [{name: t, request: GET https://shop.example/, expect: {status: 200}}]
"""
    assert check(repository(tmp_path, tests, manifest)).passed == 1
    plain = tests.replace("https", "http").replace("status: 200", "kind: tls_redirect")
    assert check(repository(tmp_path, plain, manifest)).passed == 1


def test_a_name_that_is_gone_says_where_each_request_goes_now(tmp_path: Path, capsys: Capture) -> None:
    tests = """\
manifests: routes.yaml
tests:
- {name: t, request: [GET /findPets, GET /findPets/1, GET /findPetWithId/1], expect: {route: canary}}
"""
    out = said(repository(tmp_path, tests), capsys=capsys, code=2)
    assert (
        """\
GET /findPets
GET /findPets/1
  error: no route is called 'canary'; there are"""
        in out
    )
    assert "  it goes to  default-petstore-v1-8080_gloo-system (findPets)     routes.yaml:59\n" in out
    assert "  it goes to  10 %  default-petstore-v2-8080_gloo-system (findPetById)\n" in out


def test_what_is_wrong_with_manifests_is_said_once_for_all_their_tests(tmp_path: Path, capsys: Capture) -> None:
    folder = repository(tmp_path, manifest=COALMINE.replace("weight: 10", "weigth: 10"))
    for name in "ab":
        (tmp_path / f"test_{name}.canary.yaml").write_text(PETS)
    out = said(folder, capsys=capsys, code=2)
    assert out.count("the tests cannot be asked") == 3
    assert out.count("unknown field 'weigth'") == 1


def test_a_fraction_is_no_per_cent(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["check", ".", "--fail-under", "0.95"])
    assert "'0.95' is less than 1 per cent: write 95, or '0.95%'" in capsys.readouterr().err


def test_a_manifest_that_is_read_through_two_paths_counts_once(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "test_more.canary.yaml").write_text(PETS.replace("routes.yaml", "../routes.yaml"))
    coverage = Coverage()
    for path in (tmp_path / "routes.yaml", tmp_path / "deeper" / ".." / "routes.yaml"):
        coverage.watch(cs.load(path))
    assert coverage.of("route").total == 4
    report = check(folder, coverage=True)
    assert report.coverage is not None
    assert report.coverage.of("route").total == 4


@pytest.mark.parametrize(
    ("test", "hint"),
    [
        ("{name: t, request: {host: h, path: /}, expect: {status: 404}}", "did you mean authority?"),
        ("{name: t, request: GET /, expect: {location: x}}", "did you mean redirect?"),
        ("{name: t, request: GET /, expect: {status: '404'}}", "remove the quotes"),
        ("{name: t, request: 'GET / x-a: 1', expect: {status: 404}}", "write x-a:1, without a blank"),
        ("{name: t, request: GET /, expect: {split: {v1: 90, v2: 10}}}", "10 % is 0.1"),
    ],
)
def test_slips_get_a_hint(tmp_path: Path, test: str, hint: str) -> None:
    report = check(repository(tmp_path, f"manifests: routes.yaml\ntests: [{test}]\n"))
    [broken] = report.broken
    assert hint in str(broken.error)
    assert "add to 0" not in str(broken.error)


def test_anchors_may_stand_where_they_say_nothing(tmp_path: Path) -> None:
    tests = (
        "x-hosts: &hosts [a, b]\n"
        + PETS
        + ("- name: hosts\n  request: {authority: *hosts, path: /none}\n  expect: {status: 404}\n")
    )
    assert check(repository(tmp_path, tests)).passed == 14
