"""Test files as values: the manifests that they are about, and their cases."""

from __future__ import annotations

import glob
import os.path
from typing import TYPE_CHECKING, Literal

import attrs

from canarysim.errors import CanarysimError, InvalidValue, ManifestError, UnknownName
from canarysim.filenames import is_manifest, real_path
from canarysim.manifests.document import Mapping, Sequence, read_documents
from canarysim.manifests.load import load_all
from canarysim.problems import Problem, Severity, Where
from canarysim.request import octets, readable
from canarysim.table.values import as_tuple
from canarysim.testing.cases import Case
from canarysim.testing.contents import Answers, Headers, Sent
from canarysim.testing.expectations import (
    Destined,
    Expectation,
    Mirrored,
    OfHost,
    OfKind,
    OfRoute,
)
from canarysim.testing.fields import TEST_FILE
from canarysim.testing.reader import TestFileReader
from canarysim.testing.splits import split_expectations

if TYPE_CHECKING:
    from canarysim.manifests.fields import Record
    from canarysim.table.route_table import RouteTable
    from canarysim.testing.expectations import Check

__all__ = ["Suite", "read_suite"]


@attrs.frozen
class Suite:
    """A test file. ``manifests`` are paths as they can be opened, ``router_check`` files of that tool's tests."""

    file: str
    cases: tuple[Case, ...] = attrs.field(converter=as_tuple)
    manifests: tuple[str, ...] = attrs.field(default=(), converter=as_tuple, kw_only=True)
    table: str | None = attrs.field(default=None, kw_only=True)
    envoy: str | None = attrs.field(default=None, kw_only=True)
    errors: str = attrs.field(default="raise", kw_only=True)
    #: That of the listener, where the manifests do not say it, as a bare RouteConfiguration does not.
    scheme: Literal["http", "https"] | None = attrs.field(default=None, kw_only=True)

    def load(self) -> dict[str, RouteTable]:
        """The route tables of its manifests by name, or the one that it chooses.

        Raises ManifestError, and UnknownName for a table that there is not.
        """
        tables = load_all(*self.manifests, errors=self.errors, envoy=self.envoy)
        if self.scheme is not None:
            tables = {name: attrs.evolve(table, scheme=self.scheme) for name, table in tables.items()}
        if self.table is None:
            return tables
        if self.table not in tables:
            raise UnknownName("route table", self.table, tables)
        return {self.table: tables[self.table]}


def read_suite(path: str) -> Suite:
    """Reads a test file. Raises ManifestError with all that is wrong with it."""
    try:
        with open(path, "rb") as file:
            text = file.read().decode().removeprefix("\ufeff")
    except OSError as error:
        raise _unreadable(path, f"the file cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"the file is not UTF-8 (byte {error.start})") from error
    documents, problems = read_documents(text, path)
    reader = TestFileReader(path)
    reader.problems += problems
    suite = None
    if len(documents) == 1 and isinstance(documents[0], Mapping):
        root = documents[0]
        for key in [key for key in root.entries if key.startswith("x-")]:
            root = root.without(key)  # it holds anchors
        record = reader.message(TEST_FILE, root, "")
        suite = None if record is None else _suite(reader, record, path)
    elif not problems:
        what = "is empty" if not documents else "is no mapping"
        text = f"the test file {'holds more than one document' if len(documents) > 1 else what}"
        where = Where(path, documents[0].line, documents[0].column) if documents else Where(path)
        hint = "write manifests: and tests:"
        reader.problems.append(Problem("not_a_test_file", Severity.ERROR, text, where, hint))
    if suite is None or any(problem.severity is Severity.ERROR for problem in reader.problems):
        raise ManifestError(reader.problems)
    return suite


def _unreadable(path: str, message: str) -> ManifestError:
    return ManifestError([Problem("unreadable_file", Severity.ERROR, message, Where(path))])


def _suite(reader: TestFileReader, record: Record, path: str) -> Suite:
    folder = os.path.dirname(path)
    if record.lacks("tests", "router_check"):
        record.report("missing_field", "the file has no tests", None, "add tests: with a list")
    if record.lacks("manifests"):
        record.report("missing_field", "the file does not say which manifests it is about", None, "add manifests:")
    manifests = _paths(record, "manifests", folder)
    unknown = record.get("unknown", "fail")
    cases = [_case(each, unknown) for each in record.get("tests", ())]
    seen: dict[str, Case] = {}
    for case in cases:
        if case is not None and seen.setdefault(case.name, case) is not case:
            text = f"two tests are called {case.name!r}"
            hint = f"line {seen[case.name].source.line} has the other"
            reader.problems.append(Problem("duplicate_name", Severity.ERROR, text, case.source, hint))
    if record.get("tests") == [] and "tests" not in record.damaged:
        record.report("empty_list", "tests is an empty list", "tests", "write a test, or remove the file")
    found = [case for case in cases if case is not None]
    for each in _paths(record, "router_check", folder):
        found += _router_check(reader, each)
    return Suite(
        path,
        found,
        manifests=manifests,
        table=record.get("table"),
        envoy=record.get("envoy"),
        errors=record.get("errors", "raise"),
        scheme=record.get("scheme"),
    )


def _paths(record: Record, field: str, folder: str) -> list[str]:
    """The files and folders that the paths and patterns of a field, relative to the test file, name; each once."""
    found: dict[str, str] = {}
    node = record.node.get(field) if isinstance(record.node, Mapping) else None
    nodes = node.items if isinstance(node, Sequence) else [node]
    for place, name in zip(nodes, record.get(field, ()), strict=False):
        path = _shown(os.path.join(folder, name))
        # What is there is meant, whatever stars and brackets its name has.
        is_pattern = glob.has_magic(name) and not os.path.lexists(path)
        fitting = _fitting(folder, name) if is_pattern else [path]
        if not fitting or not os.path.exists(fitting[0]):
            shown = readable(octets(path))
            text = f"nothing fits {shown}" if is_pattern else f"no file or folder is called {shown}"
            where = record.where(field) if place is None else record.reader.where(place, field)
            hint = "paths are relative to the test file"
            record.reader.problems.append(Problem("no_such_file", Severity.ERROR, text, where, hint))
            continue
        for each in fitting:
            found.setdefault(real_path(each), each)
    return list(found.values())


def _fitting(folder: str, pattern: str) -> list[str]:
    """What fits a pattern: folders, and files that are manifests by their names; the shortest paths first."""
    whole = pattern if os.path.isabs(pattern) else os.path.join(glob.escape(folder), pattern)
    fitting = glob.glob(whole, recursive=True)
    return sorted(
        (_shown(path) for path in fitting if os.path.isdir(path) or is_manifest(os.path.basename(path))),
        key=lambda path: (path.count(os.sep), path),
    )


def _shown(path: str) -> str:
    """A path without detours; with those that are none, where a link leads elsewhere."""
    short = os.path.normpath(path)
    return path if real_path(short) != real_path(path) else short


def _router_check(reader: TestFileReader, path: str) -> list[Case]:
    from canarysim.testing.router_check import read_router_check

    try:
        return list(read_router_check(path))
    except ManifestError as error:
        reader.problems += error.problems
        return []


# Cases


def _case(record: Record, unknown: str) -> Case | None:
    for name, hint in (("name", "add name: what this test shows"), ("request", "add request: GET /path")):
        if record.lacks(name):
            record.report("missing_field", f"the test has no {name}", None, hint)
    if record.lacks("expect"):
        record.report(
            "nothing_expected", "the test expects nothing", None, "add expect: with cluster: or status: ..."
        )
    if not record.get("name", "-").strip():
        record.report("missing_field", "the name is empty", "name", "write what this test shows")
    expectations: list[Expectation] = []
    splits: list[tuple[Expectation, ...]] = []
    for each in record.get("expect", ()):
        expectations += _expectations(each, splits)
    if "name" not in record or not record.get("request") or not expectations:
        return None
    return Case(
        record["name"],
        record["request"],
        expectations,
        random_values=record.get("random_value", (None,)),
        fault_value=record.get("fault_value"),
        splits=splits,
        table=record.get("table"),
        allow_unknown=record.get("unknown", unknown) == "allow",
        source=record.where(),
    )


def _expectations(record: Record, splits: list[tuple[Expectation, ...]]) -> list[Expectation]:
    try:
        checks = _checks(record)
        found = []
        if "split" in record and "split" not in record.damaged:
            if "share" in record:
                record.report("two_shares", "share and split exclude each other", "share", "keep one of them")
            parts = split_expectations(record["split"], record.where("split"))
            splits.append(tuple(parts))
            found += parts
        if checks:
            found.append(Expectation(tuple(checks), record.get("share"), record.where()))
        elif "split" not in record and not record.misspelt and not record.damaged:
            hint = "add cluster:, route:, status:, redirect:, split: or another of the fields of an expectation"
            what = "a share of what?" if "share" in record else "nothing is expected"
            record.report("nothing_expected", what, None, hint)
    except InvalidValue as error:
        record.wrong(error)
        return []
    except CanarysimError as error:
        record.report("unknown_name", str(error))
        return []
    return found


def _checks(record: Record) -> list[Check]:
    """The checks that an expectation is made of, destinations first."""
    labels = {name: record[name] for name in ("cluster", "upstream", "function", "subset") if name in record}
    checks: list[Check] = [Destined(labels)] if labels else []
    if "route" in record:
        checks.append(OfRoute(record["route"]))
    if "virtual_host" in record:
        checks.append(OfHost(record["virtual_host"]))
    if "kind" in record:
        checks.append(OfKind(record["kind"]))
    checks += [Answers(name, record[name]) for name in ("status", "redirect", "body") if name in record]
    checks += [Sent(name, record[name]) for name in ("path_rewrite", "host_rewrite") if name in record]
    if "mirrors" in record:
        checks.append(Mirrored(tuple(record["mirrors"])))
    for name in ("request_headers", "response_headers"):
        checks += [Headers(name, header, lines or None) for header, lines in record.get(name, {}).items()]
    return checks
