"""Cases of Gloo's own tests of delegation, of paths and of REST functions, where they stand beside the project.

The first 27 of the collection are Gloo's warnings of routes that cannot be reached; they are for a linter.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import canarysim as cs
from canarysim.manifests.gloo.functions import extractors
from canarysim.manifests.gloo.paths import why_bad_path, why_bad_rewrite
from canarysim.table.matchers import PathPrefix

from .cases import routes
from .test_gloo import one_route

SUITE = Path(__file__).parent.parent.parent / "shared" / "suites" / "gloo_golden"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


CASES = {path.stem: read(path) for path in sorted(SUITE.glob("*.yaml")) if int(path.name[:3]) >= 28}

pytestmark = pytest.mark.skipif(not CASES, reason="the collection of Gloo's tests is not here")


def cases(key: str) -> pytest.MarkDecorator:
    """Each case that expects something of that name."""
    found = {name: case for name, case in CASES.items() if case["expect"].get(key)}
    return pytest.mark.parametrize("case", found.values(), ids=found)


def vectors(number: str) -> pytest.MarkDecorator:
    found: list[Any] = next(
        (case["expect"]["vectors"] for name, case in CASES.items() if name.startswith(number)), []
    )
    return pytest.mark.parametrize(("text", "good"), found)


def manifest(case: Any) -> str:
    documents = list(case["input"])
    if "gateway" in case["settings"]:
        gateway = {
            "apiVersion": "gateway.solo.io/v1",
            "kind": "Gateway",
            "metadata": {"name": case["settings"]["gateway"], "namespace": "gloo-system"},
            "spec": {"bindPort": 8080, "proxyNames": [case["settings"]["proxy"]], "httpGateway": {}},
        }
        documents.append(gateway)
    return "---\n".join(json.dumps(document) + "\n" for document in documents)


def test_every_case_is_asked() -> None:
    asked = ("prefixes", "route_names", "errors", "warnings", "vectors", "extractors")
    assert len(CASES) == 23
    assert all(any(case["expect"].get(key) for key in asked) for case in CASES.values())


# Delegation


@cases("prefixes")
def test_tables_are_selected_and_sorted(case: Any) -> None:
    table = cs.loads(manifest(case))
    assert [route.match.path for route in table.routes] == [PathPrefix(p) for p in case["expect"]["prefixes"]]
    assert {p.code for p in table.problems} <= {"not_delegated_to"}


@cases("route_names")
def test_routes_are_named_after_all_on_the_way(case: Any) -> None:
    table = cs.loads(manifest(case))
    assert [route.name for route in table.routes] == [
        f"ns-1_vs-1-route-{number}-{name}-matcher-0" for number, name in enumerate(case["expect"]["route_names"])
    ]
    assert {p.code for p in table.problems} <= {"not_delegated_to"}


#: What Gloo's errors are called here. Of a circle Gloo says it twice: of a table and of the VirtualService.
ERRORS = {
    "delegation-cycle": "delegation_cycle",
    "delegate-needs-prefix": "delegate_matchers",
    "delegate-matcher-count": "delegate_matchers",
}


@cases("errors")
def test_errors_of_delegation(case: Any) -> None:
    with pytest.raises(cs.ManifestError) as caught:
        cs.loads(manifest(case))
    found = [p for p in caught.value.problems if p.severity is cs.Severity.ERROR]
    assert [p.code for p in found] == [ERRORS[case["expect"]["errors"][0]["kind"]]]
    for expected in case["expect"]["errors"]:
        if "cycle" in expected:
            assert found[0].message.endswith(expected["cycle"].replace("[", "").replace("]", ""))
    applied = cs.loads(manifest(case), errors="apply")
    assert applied.virtual_hosts == ()
    infos = {p.code for p in applied.problems if p.severity is cs.Severity.INFO}
    assert infos - {"not_delegated_to"} == {"rejected"}


@cases("warnings")
def test_a_table_that_is_missing_is_a_warning(case: Any) -> None:
    assert case["expect"]["warnings"] == [{"kind": "route-table-missing"}]
    table = cs.loads(manifest(case))
    (problem,) = (p for p in table.problems if p.code != "not_delegated_to")
    assert (problem.code, problem.severity) == ("missing_route_table", cs.Severity.WARNING)
    assert [route.decides for route in table.routes] == [False]


# Characters of paths


def codes_of_errors(manifest: str) -> list[str]:
    try:
        cs.loads(manifest)
    except cs.ManifestError as error:
        return [problem.code for problem in error.problems]
    return []


@vectors("048")
def test_characters_of_paths(text: str, good: bool) -> None:
    assert (why_bad_path(text) is None) is good
    for kind in ("prefix", "exact"):
        manifest = routes(f"{{{kind}: '{text}'}}")
        assert codes_of_errors(manifest) == ([] if good else ["bad_path"])


@vectors("049")
def test_characters_of_prefix_rewrites(text: str, good: bool) -> None:
    assert (why_bad_rewrite(text) is None) is good
    for action in (
        f"routeAction: {{single: {{upstream: {{name: u}}}}}}\n  options: {{prefixRewrite: '{text}'}}",
        f"redirectAction: {{prefixRewrite: '{text}'}}",
    ):
        manifest = one_route(f"- matchers: [{{prefix: /}}]\n  {action}\n")
        assert codes_of_errors(manifest) == ([] if good else ["bad_path"])


# REST functions


@cases("extractors")
def test_extractors_of_a_rest_function(case: Any) -> None:
    expected = case["expect"]
    found = {one.name: one for one in extractors(":path", expected["parameters"]["path"])}
    assert {name: {"header": one.header, "subgroup": one.subgroup} for name, one in found.items()} == {
        name: {"header": one["header"], "subgroup": one["subgroup"]}
        for name, one in expected["extractors"].items()
    }
