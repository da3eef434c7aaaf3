"""Runs test files: finds them, reads the manifests that they name, and holds every case against the tables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import attrs

from canarysim.errors import CanarysimError, InvalidValue, ManifestError
from canarysim.filenames import is_named_as_tests, is_test_file, real_path
from canarysim.manifests.document import read_documents
from canarysim.problems import Problem, Severity, Where
from canarysim.testing.recording import listening
from canarysim.testing.suites import Suite, read_suite

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from canarysim.table.route_table import RouteTable
    from canarysim.testing.cases import Result
    from canarysim.testing.coverage import Coverage

__all__ = ["Broken", "Checked", "Loader", "Report", "check", "find_test_files"]


class Loader:
    """Reads the manifests of suites, each set of them once."""

    __slots__ = ("_loaded",)

    def __init__(self) -> None:
        self._loaded: dict[tuple[object, ...], dict[str, RouteTable] | CanarysimError] = {}

    def tables(self, suite: Suite) -> dict[str, RouteTable]:
        """The tables of a suite. Raises what ``Suite.load`` raises, every time it is asked."""
        key = (tuple(map(real_path, suite.manifests)), suite.table, suite.envoy, suite.errors, suite.scheme)
        if key not in self._loaded:
            try:
                self._loaded[key] = suite.load()
            except CanarysimError as error:
                self._loaded[key] = error
        found = self._loaded[key]
        if isinstance(found, CanarysimError):
            raise found
        return found


@attrs.frozen
class Checked:
    """The results of one test file. ``problems`` are the warnings and notes of its manifests."""

    file: str
    results: tuple[Result, ...]
    problems: tuple[Problem, ...] = ()


@attrs.frozen
class Broken:
    """A test file that cannot be asked, for it or its manifests cannot be read."""

    file: str
    error: CanarysimError


@attrs.frozen(repr=False)
class Report:
    """What became of all tests. ``coverage`` is there where it was asked for.

    ``passed``, ``failed`` and ``errors`` are numbers of results; a file that cannot be asked is one error.
    """

    checked: tuple[Checked, ...]
    broken: tuple[Broken, ...]
    coverage: Coverage | None = None

    @property
    def results(self) -> tuple[Result, ...]:
        """The results of all files, in order."""
        return tuple(result for each in self.checked for result in each.results)

    @property
    def passed(self) -> int:
        return self._count("passed")

    @property
    def failed(self) -> int:
        return self._count("failed")

    @property
    def errors(self) -> int:
        return self._count("error") + len(self.broken)

    def is_below(self, percent: Fraction | None) -> bool:
        """Whether the coverage was measured and is lower than so many per cent."""
        return percent is not None and self.coverage is not None and self.coverage.is_below(percent)

    def _count(self, status: str) -> int:
        return sum(result.status == status for result in self.results)

    def __repr__(self) -> str:
        return f"<Report {self.passed} passed, {self.failed} failed, {self.errors} errors>"

    def __str__(self) -> str:
        from canarysim.faces.report import report_text

        return report_text(self)


def check(
    *paths: str | os.PathLike[str],
    coverage: bool = False,
    table: str | None = None,
    envoy: str | None = None,
    errors: str | None = None,
) -> Report:
    """Runs every test of some files and folders. One that fails, or is wrong, hides no other.

    A folder is searched for test files, ``test_*.canary.yaml``, which name their manifests. Tests in the format of
    Envoy's route table check tool name none: what else is among ``paths`` are their manifests. ``table``,
    ``envoy`` and ``errors``, as in load, go before what test files say themselves. With ``coverage`` the report
    says what the tests touched of the tables.

    Raises InvalidValue where there is no test file, or manifests that no test asks for.
    Cost: that of load, and O(routes) a request; with coverage O(conditions) a request more.

    >>> from canarysim.testing import check
    >>> check("notebooks/repository/tests", coverage=True)
    <Report 31 passed, 0 failed, 0 errors>
    """
    manifests, suites, broken = _sort([os.fsdecode(path) for path in paths])
    if not suites and not broken:
        among = f" in {', '.join(manifests)}" if manifests else ""
        hint = "name files called test_*.canary.yaml, or a folder that has some"
        raise InvalidValue("no_test_file", f"there is no test file{among}: {hint}")
    loader, measured = Loader(), _measurement() if coverage else None
    checked = []
    told = {"table": table, "envoy": envoy, "errors": errors}
    given: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
    for suite in (attrs.evolve(suite, **given) for suite in suites):
        try:
            tables = loader.tables(suite)
        except CanarysimError as error:
            broken.append(Broken(suite.file, error))
            continue
        if measured is not None:
            for each in tables.values():
                measured.watch(each)
        problems = next(iter(tables.values())).problems
        if all(case.rules is not None for case in suite.cases):  # whose tests name runtime keys themselves
            problems = tuple(problem for problem in problems if problem.code != "runtime_default")
        checked.append(Checked(suite.file, tuple(_run(suite, tables, measured)), problems))
    return Report(tuple(checked), tuple(broken), measured)


def _measurement() -> Coverage:
    from canarysim.testing.coverage import Coverage  # not loaded by who does not measure

    return Coverage()


def _run(suite: Suite, tables: dict[str, RouteTable], coverage: Coverage | None) -> Iterator[Result]:
    trials = [trial for case in suite.cases for trial in case.trials()]
    if coverage is None:
        yield from (trial.run(tables) for trial in trials)
        return
    with listening(coverage.hear):
        yield from [trial.run(tables) for trial in trials]


def find_test_files(path: str) -> list[str]:
    """The test files below a folder, in the order of their names."""
    return sorted(
        os.path.normpath(os.path.join(folder, name))
        for folder, _, names in os.walk(path)
        for name in names
        if is_test_file(name)
    )


def _sort(paths: Sequence[str]) -> tuple[list[str], list[Suite], list[Broken]]:
    """What is manifests, and the suites that can be read; those of router_check ask all of the manifests."""
    manifests: list[str] = []
    suites: list[Suite] = []
    broken: list[Broken] = []
    others: list[str] = []
    known: set[str] = set()
    for path in paths:
        files = find_test_files(path) if os.path.isdir(path) else []
        if os.path.isdir(path) and not files:
            manifests.append(path)
        elif not files and is_named_as_tests(path):
            files = [path]
        elif not files:
            (others if _holds_router_check(path) else manifests).append(path)
        for file in files:
            if real_path(file) in known:
                continue
            known.add(real_path(file))
            try:
                suites.append(read_suite(file))
            except ManifestError as error:
                broken.append(Broken(file, error))
    if others and not manifests:
        text = f"{others[0]} does not say what it tests: name its route configuration too"
        raise InvalidValue("no_manifest", text)
    if manifests and not others and (suites or broken):
        raise InvalidValue(
            "not_asked", f"{manifests[0]}: no test asks for it; test files name their manifests, with manifests:"
        )
    for file in others:
        from canarysim.testing.router_check import read_router_check

        try:
            cases = read_router_check(file)
        except ManifestError as error:
            broken.append(Broken(file, error))
            continue
        suites.append(Suite(file, cases, manifests=manifests))
    return manifests, suites, broken


def _holds_router_check(path: str) -> bool:
    """Whether a file has tests of Envoy's route table check tool in it, or would but for its syntax."""
    from canarysim.testing.router_check import is_router_check

    try:
        with open(path, "rb") as file:
            text = file.read().decode().removeprefix("\ufeff")
    except OSError as error:
        text = f"the file cannot be read: {error.strerror}"
        raise ManifestError([Problem("unreadable_file", Severity.ERROR, text, Where(path))]) from error
    except UnicodeDecodeError:
        return False
    if "tests" not in text:
        return False
    documents, problems = read_documents(text, path)
    broken = any(problem.severity is Severity.ERROR for problem in problems)
    return any(map(is_router_check, documents)) or (broken and "test_name" in text and "validate" in text)
