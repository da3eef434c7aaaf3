"""The plugin for pytest: test files as tests, fixtures for route tables, coverage of routes.

It is loaded at every start of a pytest that finds canarysim installed. So it imports nothing of canarysim until a
test file, a fixture or an option asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from canarysim.filenames import is_named_as_tests, is_test_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction
    from pathlib import Path

    from canarysim.table.route_table import RouteTable
    from canarysim.testing.cases import Ready, Result, Trial
    from canarysim.testing.checking import Loader
    from canarysim.testing.coverage import Coverage
    from canarysim.testing.judge import Verdict
    from canarysim.testing.suites import Suite

__all__ = ["CanaryFile", "CanaryItem", "route_table", "route_tables"]

MARKER = "canary_manifests"
_LOADER = pytest.StashKey["Loader"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    from canarysim.testing.options import as_percent

    group = parser.getgroup("canarysim", "routes under test")
    group.addoption(
        "--canary-coverage",
        action="store_true",
        help="show which routes, conditions and destinations the tests touched, and requests for the others",
    )
    group.addoption(
        "--canary-fail-under",
        type=as_percent,
        metavar="PERCENT",
        help="fail if that coverage is lower; implies --canary-coverage",
    )
    parser.addini(MARKER, "manifests of the fixture route_table: files and folders, from the rootdir", type="args")
    parser.addini("canary_table", "the name of its table, where the manifests make several")
    parser.addini("canary_envoy", "the Envoy that it behaves as, 1.36 or 1.40")
    parser.addini("canary_errors", "raise, or apply: what becomes of errors in the manifests", default="raise")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{MARKER}(*paths, table=None, envoy=None, errors='raise'): the manifests of the fixture route_table, "
        "relative to the test's file",
    )
    if config.getoption("canary_coverage") or config.getoption("canary_fail_under") is not None:
        config.pluginmanager.register(_Measured(config), "canary_coverage")


# Test files


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> CanaryFile | None:
    named = is_named_as_tests(file_path.name) and parent.session.isinitpath(file_path)
    if not (named or is_test_file(file_path.name)):
        return None
    found: CanaryFile = CanaryFile.from_parent(parent, path=file_path)
    return found


class CanaryFile(pytest.File):
    """A test file; its items are the trials of its cases."""

    def collect(self) -> Iterable[CanaryItem]:
        from canarysim.errors import ManifestError
        from canarysim.testing.suites import read_suite

        try:
            suite = read_suite(_shown(self.path, self.config))
        except ManifestError as error:
            raise self.CollectError(str(error)) from None
        seen: dict[str, int] = {}
        for case in suite.cases:
            for trial in case.trials():
                name = _node_name(trial.name)
                seen[name] = seen.get(name, 0) + 1
                if seen[name] > 1:  # requests that differ in what their text does not show
                    name = f"{name} #{seen[name]}"
                yield CanaryItem.from_parent(self, name=name, suite=suite, trial=trial)


def _node_name(name: str) -> str:
    """A name that a terminal shows as it is, and that can be asked for behind the ``::`` of its file."""
    from canarysim.request import octets, readable

    return readable(octets(name)).replace("::", ":")


def _shown(path: Path, config: pytest.Config) -> str:
    """A path as pytest shows it: from the folder where it was started, if it is below that."""
    try:
        return str(path.relative_to(config.invocation_params.dir))
    except ValueError:
        return str(path)


class _Missed(Exception):
    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict)
        self.verdict = verdict


class CanaryItem(pytest.Item):
    """One request of one case. A name that does not exist is an error of its set-up, and no failure."""

    _ready: Ready

    def __init__(self, *, suite: Suite, trial: Trial, **rest: Any) -> None:
        super().__init__(**rest)
        self.suite = suite
        self.trial = trial

    def setup(self) -> None:
        from canarysim.errors import CanarysimError
        from canarysim.testing.cases import Result

        result: Result | None = None
        tables = None
        try:
            tables = _loader(self.config).tables(self.suite)
            _watch(self.config, tables)
            self._ready = self.trial.ready(tables)
        except CanarysimError as error:
            if tables is None:
                result = Result(self.trial, "error", error=error)
            else:
                result = self.trial.refused(error, tables)
        if result is not None:  # told here, so that no other error stands behind it
            pytest.fail(self._text(result), pytrace=False)

    def runtest(self) -> None:
        verdict = self._ready.judge()
        if not verdict.holds:
            raise _Missed(verdict)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from canarysim.errors import CanarysimError
        from canarysim.testing.cases import Result

        error = excinfo.value
        if isinstance(error, _Missed):
            return self._text(Result(self.trial, "failed", verdict=error.verdict))
        if isinstance(error, CanarysimError):
            return self._text(Result(self.trial, "error", error=error))
        return super().repr_failure(excinfo, style)

    def _text(self, result: Result) -> str:
        from canarysim.faces.report import result_lines
        from canarysim.faces.verdicts import gist

        place = f"{self.trial.case.source.file}:{self.trial.case.source.line}"
        # pytest has said the name; what it repeats in its summary is the first line.
        said = str(result.error) if result.verdict is None else gist(result.verdict)
        return "\n".join([f"{said} ({place})", "", *result_lines(result)])

    def reportinfo(self) -> tuple[Path, int | None, str]:
        line = self.trial.case.source.line
        return self.path, None if line is None else line - 1, self.name


def _loader(config: pytest.Config) -> Loader:
    if _LOADER not in config.stash:
        from canarysim.testing.checking import Loader

        config.stash[_LOADER] = Loader()
    return config.stash[_LOADER]


# Fixtures


@pytest.fixture
def route_tables(request: pytest.FixtureRequest) -> dict[str, RouteTable]:
    """The route tables of the manifests that the marker ``canary_manifests`` names, or the option of that name.

    By name. They are read once a session.
    """
    from canarysim.errors import CanarysimError
    from canarysim.testing.suites import Suite

    config, marker = request.config, request.node.get_closest_marker(MARKER)
    if marker is not None:
        folder, paths = request.path.parent, marker.args
        told = {key: marker.kwargs.get(key) for key in ("table", "envoy", "errors")}
        if wrong := set(marker.kwargs) - set(told):
            text = f"the marker {MARKER} takes table, envoy and errors, not {', '.join(sorted(wrong))}"
            pytest.fail(text, pytrace=False)
    else:
        folder, paths = config.rootpath, config.getini(MARKER)
        told = {key: config.getini(f"canary_{key}") or None for key in ("table", "envoy", "errors")}
    if not paths:
        pytest.fail(
            f"the fixture needs manifests: set {MARKER} in the configuration, or mark the test with "
            f'@pytest.mark.{MARKER}("manifests/")',
            pytrace=False,
        )
    suite = Suite(
        str(request.path),
        (),
        manifests=[str(folder / path) for path in paths],
        table=told["table"],
        envoy=told["envoy"],
        errors=told["errors"] or "raise",
    )
    try:
        tables = _loader(config).tables(suite)
    except CanarysimError as error:
        said = str(error)
    else:
        _watch(config, tables)
        return tables
    pytest.fail(said, pytrace=False)


@pytest.fixture
def route_table(route_tables: dict[str, RouteTable]) -> RouteTable:
    """The one route table of the manifests; an error where they make several and none is chosen."""
    if len(route_tables) > 1:
        from canarysim.errors import SeveralTables

        pytest.fail(
            f"{SeveralTables(list(route_tables))} Or with the option canary_table, or table= of the marker.",
            pytrace=False,
        )
    return next(iter(route_tables.values()))


# Coverage


def _watch(config: pytest.Config, tables: dict[str, RouteTable]) -> None:
    measured = config.pluginmanager.get_plugin("canary_coverage")
    if measured is not None:
        for table in tables.values():
            measured.coverage.watch(table)


class _Measured:
    """Measures what test files and assertions touch during a session, also where its tests run elsewhere."""

    coverage: Coverage

    def __init__(self, config: pytest.Config) -> None:
        from canarysim.testing.coverage import Coverage

        self.coverage = Coverage()
        self.fail_under: Fraction | None = config.getoption("canary_fail_under")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Iterator[None]:
        from canarysim.testing.recording import listening

        with listening(self.coverage.hear):
            return (yield)

    @property
    def too_low(self) -> bool:
        return self.fail_under is not None and self.coverage.is_below(self.fail_under)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output = getattr(session.config, "workeroutput", None)
        if output is not None:  # a worker of pytest-xdist
            import pickle

            output["canary_coverage"] = pickle.dumps(self.coverage)
        elif self.too_low and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        import pickle

        sent = getattr(node, "workeroutput", {}).get("canary_coverage")
        if sent is not None:
            self.coverage.add(pickle.loads(sent))  # noqa: S301 - from a process that this one started

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if terminalreporter.config.getoption("collectonly"):
            return
        from canarysim.faces.report import coverage_lines

        terminalreporter.section("coverage of routes")
        for line in coverage_lines(self.coverage, self.fail_under):
            terminalreporter.write_line(line, red=line.startswith("FAILED"))
