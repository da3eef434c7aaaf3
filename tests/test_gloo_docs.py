"""The resources of Gloo's documentation, where that collection stands beside the project."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

import canarysim as cs

SUITE = Path(__file__).parent.parent.parent / "shared" / "suites" / "gloo_docs"
FILES = sorted(SUITE.glob("*.yaml"))

pytestmark = pytest.mark.skipif(not FILES, reason="the collection of Gloo's documentation is not here")


def kind(path: Path) -> str:
    """The kind of the one resource in a file."""
    (found,) = re.findall(r"(?m)^kind: (\w+)", path.read_text())
    return str(found)


def verdict(path: Path) -> tuple[str, ...]:
    """How much of a file alone is answered, or what is wrong with it; no VirtualService is nothing wrong."""
    try:
        tables = cs.load_all(path)
    except cs.ManifestError as error:
        codes = {p.code for p in error.problems if p.severity is cs.Severity.ERROR} - {"no_virtual_service"}
        return ("error", *sorted(codes)) if codes else ("read",)
    decides = [
        route.decides and all(unknown.parts for unknown in host.unknowns)
        for table in tables.values()
        for host in table.virtual_hosts
        for route in host.routes
    ]
    if not decides:
        return ("no routes",)
    return ("answered" if all(decides) else "partly" if any(decides) else "unknown",)


def test_the_verdicts_each_read_once_by_a_person() -> None:
    """Errors are manifests that are wrong on purpose, or fragments; unknown ones name what is in other files."""
    assert Counter((kind(path), *verdict(path)) for path in FILES) == {
        ("Gateway", "error", "no_gateway_type"): 8,
        ("Gateway", "error", "no_name"): 12,
        ("Gateway", "error", "no_name", "no_spec"): 2,
        ("Gateway", "error", "no_spec"): 1,
        ("Gateway", "error", "several_of_oneof"): 2,
        ("Gateway", "read"): 55,
        ("RouteTable", "error", "unknown_field"): 2,
        ("RouteTable", "read"): 12,
        ("Upstream", "error", "no_name"): 6,
        ("Upstream", "read"): 72,
        ("UpstreamGroup", "read"): 2,
        ("VirtualService", "answered"): 188,
        ("VirtualService", "error", "bad_destination"): 1,
        ("VirtualService", "error", "bad_path"): 2,
        ("VirtualService", "error", "bad_path", "no_destination", "no_path"): 2,
        ("VirtualService", "error", "delegate_matchers"): 2,
        ("VirtualService", "error", "no_action"): 3,
        ("VirtualService", "error", "no_name"): 3,
        ("VirtualService", "error", "no_name", "no_spec"): 1,
        ("VirtualService", "error", "no_path"): 3,
        ("VirtualService", "error", "unknown_field"): 4,
        ("VirtualService", "error", "wrong_type"): 1,
        ("VirtualService", "no routes"): 5,
        ("VirtualService", "unknown"): 16,
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_problem_has_a_place_and_every_table_answers_without_a_crash(path: Path) -> None:
    try:
        tables = cs.load_all(path)
    except cs.ManifestError as error:
        for problem in error.problems:
            assert problem.where.file == str(path)
            assert problem.where.line or problem.code == "no_virtual_service"
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
