"""What became of tests, as plain dicts fit for JSON, as ``schemas/check.json`` describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.errors import ManifestError
from canarysim.faces.json import decision_dict, document, place_dict, problem_dict, request_dict
from canarysim.request import octets, readable

if TYPE_CHECKING:
    from fractions import Fraction

    from canarysim.errors import CanarysimError
    from canarysim.faces.json import Plain
    from canarysim.testing.cases import Result
    from canarysim.testing.checking import Report
    from canarysim.testing.coverage import Coverage, Covered, Item
    from canarysim.testing.judge import Miss

__all__ = ["report_dict"]


def report_dict(report: Report, fail_under: Fraction | None = None) -> Plain:
    """The whole report: results of every file, and the coverage where it was measured."""
    problems = dict.fromkeys(problem for each in report.checked for problem in each.problems)
    files: list[Plain] = [
        {"file": each.file, "error": None, "results": list(map(_result, each.results))} for each in report.checked
    ]
    files += [{"file": each.file, "error": _error(each.error), "results": []} for each in report.broken]
    return document(
        "check",
        problems,
        passed=report.passed,
        failed=report.failed,
        errors=report.errors,
        files=files,
        coverage=None if report.coverage is None else _coverage(report.coverage, fail_under),
    )


def _error(error: CanarysimError) -> Plain:
    problems = error.problems if isinstance(error, ManifestError) else ()
    return {
        "code": getattr(error, "code", None) or ("unknown_name" if hasattr(error, "candidates") else "manifests"),
        "message": readable(octets(str(error))),
        "problems": list(map(problem_dict, problems)),
    }


def _result(result: Result) -> Plain:
    verdict = result.verdict
    decisions = () if verdict is None else verdict.decisions
    return {
        "test": readable(octets(result.trial.case.name)),
        "source": place_dict(result.trial.case.source),
        "request": request_dict(result.trial.request),
        "random_value": result.trial.random_value,
        "status": result.status,
        "error": None if result.error is None else _error(result.error),
        "missed": [] if verdict is None else list(map(_miss, verdict.missed)),
        "decisions": []
        if verdict is None or verdict.holds
        else [
            {"share": float(share), "share_fraction": str(share), "decision": decision_dict(decision)}
            for decision, share in decisions
        ],
    }


def _miss(miss: Miss) -> Plain:
    return {
        "expected": readable(octets(str(miss.expectation))),
        "share": float(miss.share),
        "share_fraction": str(miss.share),
        "unknown_share": float(miss.open),
        "is_unknown": miss.is_open,
        "found": [
            {
                "name": check.name,
                "expected": readable(octets(check.wanted)),
                "found": list(dict.fromkeys(readable(octets(check.found(decision))) for decision, _ in against)),
            }
            for check, against in miss.wrong
        ],
    }


# Coverage


def _covered(covered: Covered) -> Plain:
    return {
        "touched": covered.touched,
        "total": covered.total,
        "share": float(covered.share),
        "share_fraction": str(covered.share),
    }


def _coverage(coverage: Coverage, fail_under: Fraction | None) -> Plain:
    return {
        "routes": _covered(coverage.of("route")),
        "conditions": _covered(coverage.of("condition")),
        "destinations": _covered(coverage.of("destination")),
        "all": _covered(coverage.of()),
        "fail_under": None if fail_under is None else float(fail_under),
        "is_below": fail_under is not None and coverage.is_below(fail_under),
        "untouched": list(map(_item, coverage.untouched)),
    }


def _item(item: Item) -> Plain:
    found = item.would_touch()
    request, value = (None, None) if found is None else found
    return {
        "kind": item.kind,
        "what": readable(octets(str(item))),
        "virtual_host": item.host.name,
        "route": item.route.index,
        "source": place_dict(item.source),
        "request": None if request is None else request_dict(request),
        "random_value": value,
    }
