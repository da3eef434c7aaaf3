"""What became of tests, as plain text: what failed and why, how many held, and what they did not touch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.errors import ManifestError
from canarysim.faces.text import WIDTH, plural, with_source, wrapped
from canarysim.faces.verdicts import found_lines, verdict_text
from canarysim.request import octets, readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from canarysim.testing.cases import Result
    from canarysim.testing.checking import Report
    from canarysim.testing.coverage import Coverage, Item
    from canarysim.testing.diagnosis import Diagnosis

__all__ = ["coverage_lines", "report_text", "result_lines", "summary"]

#: Of the requests of one case that fail, so many are explained.
_EXPLAINED = 1

#: Of what is wrong with manifests, so many lines are shown.
_PROBLEM_LINES = 100

#: Of what tests did not touch, so much is listed: who has more begins with that.
_UNTOUCHED = 100


def report_text(report: Report, *, fail_under: Fraction | None = None) -> str:
    """Failures and errors, each with its place; the coverage, if measured; and a line that counts."""
    blocks = ["\n".join(_case_lines(results)) for each in report.checked for results in _bad_cases(each.results)]
    for error, files in _broken(report):
        heads = [line for file in files for line in _head("ERROR", "the tests cannot be asked", file)]
        blocks.append("\n".join([*heads, *_wrong_lines(error)]))
    if report.coverage is not None:
        blocks.append("\n".join(coverage_lines(report.coverage, fail_under)))
    return "\n\n".join([*blocks, summary(report)])


def _broken(report: Report) -> list[tuple[Exception, list[str]]]:
    """What cannot be read, each with all test files that it keeps from being asked."""
    found: dict[str, tuple[Exception, list[str]]] = {}
    for broken in report.broken:
        found.setdefault(str(broken.error), (broken.error, []))[1].append(broken.file)
    return list(found.values())


def summary(report: Report) -> str:
    """The line at the end."""
    parts = [f"{report.passed:,} passed", f"{report.failed:,} failed"]
    if report.errors:
        parts.append(plural(report.errors, "error"))
    return ", ".join(parts)


def _bad_cases(results: Sequence[Result]) -> Iterator[list[Result]]:
    """What did not hold, case by case."""
    cases: dict[int, list[Result]] = {}
    for result in results:
        if result.status != "passed":
            cases.setdefault(id(result.trial.case), []).append(result)
    yield from cases.values()


def _head(word: str, name: str, place: str) -> list[str]:
    lines = wrapped(f"{word}  {readable(octets(name))}", "")
    if len(lines[-1]) + 2 + len(place) <= WIDTH:
        lines[-1] += place.rjust(WIDTH - len(lines[-1]))
    else:
        lines.append(place.rjust(WIDTH))
    return lines


def _case_lines(results: list[Result]) -> list[str]:
    """One case: its name, then its requests that do not hold, those together of which the same is to be said."""
    from canarysim.testing.diagnosis import diagnose

    case = results[0].trial.case
    failed = any(result.status == "failed" for result in results)
    lines = _head("FAILED" if failed else "ERROR", case.name, _place(case.source.file, case.source.line))
    wrong: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        if result.error is not None:
            wrong.setdefault(tuple(_error_lines(result)), []).append(result)
    for said, those in wrong.items():
        lines += ["", *_labels(those), *said]
    alike: dict[str, tuple[Diagnosis, list[Result]]] = {}
    for result in results:
        if result.verdict is not None:
            diagnosis = diagnose(result.verdict)
            missed = verdict_text(result.verdict, diagnosis, explained=False)
            alike.setdefault(missed, (diagnosis, []))[1].append(result)
    for number, (missed, (diagnosis, those)) in enumerate(alike.items()):
        if number >= _EXPLAINED:
            lines += ["", *_labels(those), *missed.split("\n")]
            continue
        lines += ["", *_verdict_lines(those[0], diagnosis)]
        if len(those) > 1:
            lines += ["", "and the same for", *_labels(those[1:], "  ")]
    return lines


def _labels(results: Sequence[Result], indent: str = "") -> list[str]:
    return [line for result in results for line in wrapped(readable(octets(result.trial.label)), indent)]


def result_lines(result: Result) -> list[str]:
    """Why one request of a case does not hold."""
    from canarysim.testing.diagnosis import diagnose

    if result.error is not None:
        return [*_labels([result]), *_error_lines(result)]
    assert result.verdict is not None
    return _verdict_lines(result, diagnose(result.verdict))


def _verdict_lines(result: Result, diagnosis: Diagnosis) -> list[str]:
    assert result.verdict is not None
    # The explanation begins with the request.
    label = [] if result.trial.random_value is None else _labels([result])
    return [*label, *verdict_text(result.verdict, diagnosis).split("\n")]


def _error_lines(result: Result) -> list[str]:
    lines = _wrong_lines(result.error)
    return lines + ([*found_lines(result.found, "it goes to")] if result.found else [])


def _wrong_lines(error: Exception | None) -> list[str]:
    if isinstance(error, ManifestError):
        lines = str(error).split("\n")
        more = len(lines) - _PROBLEM_LINES
        return lines if more <= 0 else [*lines[:_PROBLEM_LINES], f"... and {plural(more, 'line')} more"]
    return wrapped(f"error: {error}", "  ")


def _place(file: str, line: int | None) -> str:
    return file if line is None else f"{file}:{line}"


# Coverage


def coverage_lines(coverage: Coverage, fail_under: Fraction | None = None) -> list[str]:
    """How much of each kind was touched, and what was not, with a request that would."""
    from canarysim.testing.coverage import KINDS, percent_down

    lines = ["coverage      touched      of   share"]
    for kind in (*KINDS, None):
        covered = coverage.of(kind)
        name = "in all" if kind is None else f"{kind}s"
        share = str(covered) if covered.total else "-"
        lines.append(f"  {name:<12}{covered.touched:>7,}{covered.total:>8,}{share:>8}")
    untouched = coverage.untouched
    if untouched:
        lines += ["", "not touched, each with a request that would touch it"]
        for item in untouched[:_UNTOUCHED]:
            lines += _item_lines(item)
        if len(untouched) > _UNTOUCHED:
            lines.append(
                f"  and {len(untouched) - _UNTOUCHED:,} more, which canarysim check --coverage --json has"
            )
    if fail_under is not None and coverage.is_below(fail_under):
        wanted = percent_down(fail_under / 100)
        said = f"coverage is {coverage.of()}" if coverage.items else "no route was measured"
        lines += ["", f"FAILED  {said}, below {wanted}"]
    return lines


def _item_lines(item: Item) -> list[str]:
    found = item.would_touch()
    what = "route" if item.kind == "route" else f"{item.kind} of route"
    lines = with_source("  ", f"{what} {item.route.index}: {item}", item.source, whole=True)
    if found is None:
        return [*lines, "      no request was found that would"]
    request, value = found
    more = "" if value is None else f"  with random value {value}"
    return lines + wrapped(f"{readable(octets(str(request)))}{more}", "      ")
