"""The VirtualServices of Gloo's documentation, where that collection stands beside the project."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import canarysim as cs

SUITE = Path(__file__).parent.parent.parent / "shared" / "suites" / "gloo_docs"
FILES = sorted(p for p in SUITE.glob("*.yaml") if "kind: VirtualService" in p.read_text())

pytestmark = pytest.mark.skipif(not FILES, reason="the collection of Gloo's documentation is not here")


def verdict(path: Path) -> tuple[str, tuple[str, ...]]:
    try:
        tables = cs.load_all(path)
    except cs.ManifestError as error:
        return "error", tuple(sorted({p.code for p in error.problems if p.severity is cs.Severity.ERROR}))
    routes = [route for table in tables.values() for route in table.routes]
    known = sum(route.decides for route in routes)
    if not routes:
        return "no routes", ()
    return ("answered" if known == len(routes) else "partly" if known else "unknown"), ()


def test_the_verdicts_each_read_once_by_a_person() -> None:
    """Errors are manifests that are wrong on purpose, or fragments; unknown ones wait for delegation and such."""
    assert Counter(verdict(path) for path in FILES) == {
        ("answered", ()): 193,
        ("partly", ()): 3,
        ("no routes", ()): 5,
        ("unknown", ()): 11,
        ("error", ("bad_path",)): 2,
        ("error", ("bad_path", "no_destination")): 2,
        ("error", ("delegate_matchers",)): 2,
        ("error", ("no_action",)): 3,
        ("error", ("no_name",)): 4,
        ("error", ("no_path",)): 3,
        ("error", ("unknown_field",)): 3,
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_problem_has_a_place_and_every_table_answers_without_a_crash(path: Path) -> None:
    try:
        tables = cs.load_all(path)
    except cs.ManifestError as error:
        for problem in error.problems:
            assert problem.where.file == str(path)
            assert problem.where.line
        return
    for table in tables.values():
        assert str(table)
        for host in table.virtual_hosts:
            authority = host.domains[0].replace("*", "any")
            for path_asked in (
                "/",
                "/api/pets/1?x=1",
                *(getattr(r.match.path, "prefix", "/") for r in host.routes),
            ):
                request = cs.Request(path_asked or "/", authority=authority)
                preview = cs.preview(table, request)
                assert sum(outcome.share for outcome in preview) == 1
                assert str(preview)
                explanation = cs.explain(table, request)
                assert explanation.winner is preview.outcomes[0].decision.matched
                for outcome in preview:
                    assert (outcome.kind == "unknown") <= bool(outcome.decision.unknown)
