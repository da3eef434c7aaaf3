"""The assertions about tables: they hold for every random value, and their failures say why.

Tracebacks of all assertions are here too."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import canarysim as cs

from .cases import routes, virtual_service, weighted


def test_a_request_that_goes_there_for_every_random_value_passes() -> None:
    table = cs.loads(routes("{prefix: /a}", "{prefix: /}"))
    cs.assert_routes_to(table, "GET /a", cluster="r0_ns")
    cs.assert_routes_to(table, ["GET /b", cs.Request("/c")], cluster="r1")
    cs.assert_routes_to(table, "GET /b", upstream="ns.r1")
    cs.assert_routes_to(cs.loads(weighted(0, 5)), "GET /", cluster="r1")


def test_a_request_that_goes_elsewhere_fails_with_the_explanation() -> None:
    table = cs.loads(routes("{prefix: /a, headers: [{name: x-a}]}", "{prefix: /}"))
    with pytest.raises(AssertionError) as caught:
        cs.assert_routes_to(table, ["GET /a x-a:1", "GET /a", "GET /a?x"], cluster="r0")
    text = str(caught.value)
    for part in ("2 of 3 requests do not always go to r0_ns", "header x-a is missing", "r1_ns", "GET /a?x"):
        assert part in text


def test_a_split_is_no_route() -> None:
    with pytest.raises(AssertionError, match="does not always go to r1_ns"):
        cs.assert_routes_to(cs.loads(weighted(1, 99)), "GET /", cluster="r1")


def test_unknown_and_ambiguous_names_are_errors_and_not_failures() -> None:
    table = cs.loads(routes("{prefix: /a}", "{prefix: /}"))
    with pytest.raises(cs.UnknownName, match="did you mean 'r0"):
        cs.assert_routes_to(table, "GET /a", cluster="r0_nss")
    with pytest.raises(cs.UnknownName):
        cs.assert_split(table, "GET /a", {"r9": 1})
    two = virtual_service(
        "routes: [{routeAction: {multi: {destinations: ["
        "{weight: 1, destination: {upstream: {name: u, namespace: a}}}, "
        "{weight: 1, destination: {upstream: {name: u, namespace: b}}}]}}}]"
    )
    with pytest.raises(cs.UnknownName, match=r"ambiguous.*u_a.*u_b"):
        cs.assert_routes_to(cs.loads(two), "GET /", cluster="u")
    cs.assert_split(cs.loads(two), "GET /", {"a.u": "1/2", "u_b": "50%"})


def test_nothing_to_assert_is_an_error() -> None:
    table = cs.loads(routes("{prefix: /}"))
    with pytest.raises(cs.InvalidValue):
        cs.assert_routes_to(table, [], cluster="r0")
    with pytest.raises(cs.InvalidValue):
        cs.assert_routes_to(table, "GET /")


@pytest.mark.parametrize("tenth", [0.1, "0.1", "10%", "10 %", "1/10", Fraction(1, 10)])
def test_shares_may_be_written_as_people_write_them(tenth: float | str | Fraction) -> None:
    cs.assert_split(cs.loads(weighted(1, 9)), "GET /", {"r0": tenth, "r1": 0.9})


def test_shares_are_exact() -> None:
    table = cs.loads(weighted(1, 2))
    with pytest.raises(AssertionError, match=r"expected  33\.33 % to r0_ns\n  found     33\.33 % \(1/3\)"):
        cs.assert_split(table, "GET /", {"r0": "0.3333", "r1": "0.6667"})
    cs.assert_split(table, "GET /", {"r0": Fraction(1, 3), "r1": Fraction(2, 3)})


def test_what_is_not_named_must_get_nothing() -> None:
    table = cs.loads(weighted(1, 1))
    with pytest.raises(AssertionError, match="r1_ns: not expected, is 50 %"):
        cs.assert_split(table, "GET /", {"r0": 1})
    with pytest.raises(cs.InvalidValue, match="add to 50 %, not to 100 %"):
        cs.assert_split(table, "GET /", {"r0": 0.5})
    with pytest.raises(cs.InvalidValue, match="overlaps"):
        cs.assert_split(table, "GET /", {"r0": 0.5, "r0_ns": 0.5})
    for share in (1.5, "x", -1):
        with pytest.raises(cs.InvalidValue, match="no share"):
            cs.assert_split(table, "GET /", {"r0": share})


FUNCTIONS = virtual_service(
    """
    routes:
    - routeAction:
        multi:
          destinations:
          - weight: 1
            destination: {upstream: {name: u}, destinationSpec: {rest: {functionName: f}}}
          - weight: 3
            destination: {upstream: {name: u}, destinationSpec: {rest: {functionName: g}}}
    """
)


def test_destinations_may_be_given_by_several_labels() -> None:
    table = cs.loads(FUNCTIONS)
    cs.assert_split(table, "GET /", [({"cluster": "u", "function": "f"}, 0.25), ({"function": "g"}, 0.75)])
    cs.assert_split(table, "GET /", {"u": 1})
    cs.assert_routes_to(table, "GET /", cluster="u")
    with pytest.raises(AssertionError, match="function g"):
        cs.assert_routes_to(table, "GET /", function="g")
    with pytest.raises(cs.UnknownName, match="did you mean 'function'"):
        cs.assert_split(table, "GET /", [({"functoin": "f"}, 1)])


def test_a_split_that_is_unknown_fails_with_the_reason() -> None:
    table = cs.loads(
        virtual_service(
            "routes:\n- matchers: [{prefix: /r}]\n  delegateAction: {ref: {name: rt}}\n"
            "- routeAction: {single: {upstream: {name: r0}}}"
        )
    )
    with pytest.raises(AssertionError, match="is not in the input"):
        cs.assert_split(table, "GET /r", {"r0": 1})


def test_several_tables_are_no_table_and_the_error_says_how_to_choose() -> None:
    tables: Any = {"gateway-proxy": cs.loads(routes("{prefix: /}"))}
    for ask in (
        lambda: cs.assert_routes_to(tables, "GET /", cluster="r0"),
        lambda: cs.assert_split(tables, "GET /", {"r0": 1}),
        lambda: cs.preview(tables, "GET /"),
        lambda: cs.explain(tables, "GET /"),
        lambda: cs.simulate(tables, "GET /", 10),
    ):
        with pytest.raises(TypeError, match=r"as in tables\['gateway-proxy'\]"):
            ask()


# Tracebacks end at the caller's line: three tools, each run as people run it.

CALLERS = """
import canarysim as cs
from tests.cases import routes, weighted

class TestRoutes(unittest.TestCase):
    def test_routes_to(self):
        cs.assert_routes_to(cs.loads(routes("{prefix: /}")), "GET /", cluster="r0")
        cs.assert_routes_to(cs.loads(weighted(1, 1)), "GET /", cluster="r0")  # line 1

    def test_split(self):
        cs.assert_split(cs.loads(weighted(1, 1)), "GET /", {"r0": 1})  # line 2

    def test_split_observed(self):
        cs.assert_split_observed({"v1": 100}, {"v1": 0.5, "v2": 0.5})  # line 3

    def test_not_found(self):
        cs.assert_not_found(cs.loads(weighted(1, 1)), "GET /")  # line 4

    def test_redirects(self):
        cs.assert_redirects(cs.loads(weighted(1, 1)), "GET /", status=301)  # line 5

    def test_responds(self):
        cs.assert_responds(cs.loads(weighted(1, 1)), "GET /", status=200)  # line 6
"""
LINES = [f"# line {number}" for number in range(1, 7)]


def run(*command: str, cwd: Path) -> str:
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": root, "NO_COLOR": "1"},
    )
    return done.stdout + done.stderr


def test_tracebacks_of_unittest_end_at_the_callers_line(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("import unittest\n" + CALLERS)
    shown = run("-m", "unittest", "test_mine", cwd=tmp_path)
    assert "FAILED (failures=6)" in shown
    assert all(line in shown for line in LINES)
    assert f"canarysim{os.sep}testing" not in shown


def test_tracebacks_of_pytest_end_at_the_callers_line(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("import unittest\n" + CALLERS)
    functions = CALLERS.replace("(self)", "()").replace("    def", "def").replace("        cs", "    cs")
    functions = functions.replace("class TestRoutes(unittest.TestCase):", "")
    (tmp_path / "test_functions.py").write_text(functions)
    shown = run("-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "--color=no", cwd=tmp_path)
    assert "12 failed" in shown
    assert all(shown.count(line) == 2 for line in LINES)
    assert f"canarysim{os.sep}testing" not in shown


def test_what_cannot_be_asked_ends_at_the_callers_line_too(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import canarysim as cs\nfrom tests.cases import weighted\n\n"
        "def test_name():\n    cs.assert_routes_to(cs.loads(weighted(1, 1)), 'GET /', cluster='no')  # line 1\n\n"
        "def test_request():\n    cs.assert_split(cs.loads(weighted(1, 1)), 'nonsense', {'r0': 1})  # line 2\n\n"
        "def test_nothing():\n    cs.assert_routes_to(cs.loads(weighted(1, 1)), [], cluster='r0')  # line 3\n"
    )
    shown = run("-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "--color=no", cwd=tmp_path)
    assert "3 failed" in shown
    assert all(line in shown for line in LINES[:3])
    assert f"canarysim{os.sep}" not in shown


def test_tracebacks_in_a_notebook_end_at_the_callers_line(tmp_path: Path) -> None:
    notebook = tmp_path / "cells.py"
    notebook.write_text(
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance(colors='nocolor')\n"
        "shell.run_cell('import unittest' + sys.argv[1])\n"
        "for name in ('routes_to', 'split', 'split_observed', 'not_found', 'redirects', 'responds'):\n"
        "    shell.run_cell(f'TestRoutes().test_{name}()')\n"
    )
    shown = run(str(notebook), CALLERS, cwd=tmp_path)
    assert shown.count("AssertionError") >= 6
    assert all(line in shown for line in LINES)
    assert f"canarysim{os.sep}testing" not in shown


def test_a_failure_travels_between_processes_and_is_a_plain_assertion_error() -> None:
    with pytest.raises(AssertionError) as caught:
        cs.assert_split_observed({"v1": 100}, {"v1": 0.5, "v2": 0.5})
    assert type(caught.value) is AssertionError
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


# Redirects, responses, 404


ANSWERS = virtual_service(
    """
    domains: [shop.example]
    routes:
    - matchers: [{prefix: /old}]
      name: retired
      redirectAction: {hostRedirect: new.example, responseCode: FOUND}
    - matchers: [{prefix: /down}]
      directResponseAction: {status: 503, body: back soon}
    - matchers: [{prefix: /api}]
      routeAction: {single: {upstream: {name: api}}}
      options: {prefixRewrite: /v2, hostRewrite: in.example}
    - matchers: [{prefix: /gone}]
      directResponseAction: {status: 404}
    """
)
OLD, DOWN, API, GONE, NOWHERE = (
    f"GET http://shop.example/{path}" for path in ("old?x=1", "down", "api/7", "gone", "nowhere")
)


def test_redirects_responses_and_404s_are_told_apart() -> None:
    table = cs.loads(ANSWERS)
    cs.assert_redirects(table, OLD)
    cs.assert_redirects(table, [OLD], "http://new.example/old?x=1", status=302)
    cs.assert_responds(table, DOWN, 503)
    cs.assert_responds(table, DOWN, 503, body="back soon")
    cs.assert_responds(table, GONE, 404)
    cs.assert_not_found(table, [NOWHERE, "GET http://other.example/api"])
    cs.assert_routes_to(table, API, route="ns/t routes[2]", path_rewrite="/v2/7", host_rewrite="in.example")
    cs.assert_routes_to(table, API, virtual_host="ns_t", upstream="api")


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda t: cs.assert_redirects(t, API), "kind redirect or tls_redirect"),
        (lambda t: cs.assert_redirects(t, OLD, "http://new.example/old"), "redirect http://new.example/old?x=1"),
        (lambda t: cs.assert_redirects(t, OLD, status=301), "found     status 302"),
        (lambda t: cs.assert_responds(t, DOWN, 200), "found     status 503"),
        (lambda t: cs.assert_responds(t, DOWN, 503, body="gone"), "found     body 'back soon'"),
        (lambda t: cs.assert_responds(t, NOWHERE, 404), "expected  kind direct_response"),
        (lambda t: cs.assert_not_found(t, GONE), "found     kind direct_response: response 404"),
        (lambda t: cs.assert_not_found(t, API), "found     kind forward: api_ns"),
        (
            lambda t: cs.assert_routes_to(t, OLD, route="retired"),
            "/old?x=1 does not always go to route retired",
        ),
        (lambda t: cs.assert_routes_to(t, API, path_rewrite="/v2"), "found     path_rewrite /v2/7"),
        (lambda t: cs.assert_routes_to(t, API, route="retired"), "look at   no route leads there"),
    ],
)
def test_what_is_not_so_is_said(ask: Callable[[cs.RouteTable], None], says: str) -> None:
    with pytest.raises(AssertionError) as caught:
        ask(cs.loads(ANSWERS))
    assert says in str(caught.value)


def test_a_route_may_be_named_as_in_the_manifest() -> None:
    table = cs.loads(ANSWERS)
    for name in ("retired", "ns/t retired", table.routes[0].name):
        with pytest.raises(AssertionError, match="found     kind"):
            cs.assert_routes_to(table, OLD, route=name)  # it matches, and does not forward
    with pytest.raises(cs.UnknownName, match="did you mean 'retired'"):
        cs.assert_routes_to(table, OLD, route="retierd")


def test_of_many_failures_five_are_explained() -> None:
    with pytest.raises(AssertionError) as caught:
        cs.assert_not_found(cs.loads(ANSWERS), [f"GET http://shop.example/api/{n}" for n in range(9)])
    text = str(caught.value)
    assert text.startswith("9 of 9 requests do not always get kind not_found:")
    assert text.count("virtual host ns_t: its domain") == 5
    assert text.endswith("and GET http://shop.example/api/8")


def test_a_table_whose_requests_name_clusters_takes_any_name() -> None:
    table = cs.loads(virtual_service("routes: [{routeAction: {clusterHeader: x-cluster}}]"))
    cs.assert_routes_to(table, "GET / x-cluster:mine", cluster="mine")
    with pytest.raises(AssertionError):
        cs.assert_routes_to(table, "GET / x-cluster:other", cluster="mine")
