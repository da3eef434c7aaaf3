"""Tests of large tables: names are worked out once, and the quick look finds what the slow one does."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from pathlib import Path
from random import Random

import pytest

import canarysim as cs
from canarysim.answers import names
from canarysim.answers.near import look
from canarysim.faces.report import coverage_lines
from canarysim.table.route_table import RouteTable
from canarysim.testing.alone import Refusing
from canarysim.testing.coverage import Coverage
from canarysim.testing.strategies import _random_request, _random_table

from .test_gloo import one_route


def test_names_are_looked_up_in_a_table_once_and_not_for_every_test(monkeypatch: pytest.MonkeyPatch) -> None:
    table = cs.loads(one_route("\n    - routeAction: {single: {upstream: {name: r0}}}\n"))
    asked = []
    plain = RouteTable.destinations

    def counted(table: RouteTable) -> object:
        asked.append(table.name)
        return plain.__get__(table)

    monkeypatch.setattr(RouteTable, "destinations", property(counted))
    for _ in range(50):
        cs.assert_routes_to(table, "GET /", cluster="r0", route=table.routes[0].name)
    assert len(asked) == 1


def test_what_is_remembered_of_a_table_goes_with_it() -> None:
    table = cs.loads(one_route("\n    - routeAction: {single: {upstream: {name: r0}}}\n"))
    assert names.resolve_cluster(table, "r0") == "r0_ns"
    key, gone = id(table), weakref.ref(table)
    assert key in names._memory
    del table
    gc.collect()
    assert gone() is None
    assert key not in names._memory


@pytest.mark.parametrize("seed", range(30))
def test_what_alone_refuses_is_what_a_look_at_all_conditions_finds(seed: int) -> None:
    rng = Random(2000 + seed)
    table = _random_table(rng)
    for host in table.virtual_hosts:
        for request in [_random_request(rng, table) for _ in range(20)]:
            seen, value = table.see(request), rng.choice([None, 0, 7, 2**64 - 1])
            refusing = Refusing(table, host, lambda route: list(range(len(route.match.conditions))))
            found = list(refusing.alone(seen, None, value))
            looks = [look(route, seen, table, value) for route in host.routes]
            assert found == [
                (one.route, number)
                for one in looks
                if len(one.refusals) == 1 and not one.open
                for number, condition in enumerate(one.route.match.conditions)
                if condition is one.refusals[0].condition
            ]
            assert list(refusing.alone(seen, None, value)) == []  # nothing is given twice


def test_of_what_is_untouched_no_more_is_listed_than_a_person_reads() -> None:
    routes = "".join(
        f"\n    - matchers: [{{exact: /{i}}}]\n      directResponseAction: {{status: 200}}" for i in range(150)
    )
    coverage = Coverage()
    coverage.watch(cs.loads(one_route(routes)))
    lines = coverage_lines(coverage)
    assert sum(line.startswith("      GET /") for line in lines) == 100
    assert lines[-1] == "  and 200 more, which canarysim check --coverage --json has"


def test_a_check_without_coverage_loads_neither_coverage_nor_the_tests_of_other_tools(tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text(one_route("\n    - directResponseAction: {status: 200}\n"))
    (tmp_path / "test_a.canary.yaml").write_text(
        "manifests: routes.yaml\ntests: [{name: t, request: GET /, expect: {status: 200}}]\n"
    )
    script = (
        "import sys\nfrom canarysim.cli import main\nassert main(['check', sys.argv[1]]) == 0\n"
        "print(*(n for n in ('coverage', 'witness', 'router_check', 'diagnosis') "
        "if f'canarysim.testing.{n}' in sys.modules), 'numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1 passed, 0 failed\nFalse\n"
