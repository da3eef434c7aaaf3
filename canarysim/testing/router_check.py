"""Tests of Envoy's route table check tool, read as cases of ours and judged by that tool's rules.

Facts (source and documentation of the tool in Envoy 1.40, and its own suite of tests):

1. The tool asks the router alone. There is no filter, so that no fault aborts, and clusters need not exist.
2. ``:scheme`` and ``x-forwarded-proto`` are https exactly where ``ssl`` is true; the client is 127.0.0.1.
3. A route with a runtime fraction takes part only where ``input.runtime`` is its key and the random value is
   below the numerator, which is at least 1. Envoy itself takes the default fraction for such a route.
4. ``random_value`` passes through a C int: from 2^31 on it wraps, and Envoy widens the negative number.

What its checks compare is in router_checks.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

from canarysim.errors import CanarysimError, ManifestError
from canarysim.manifests.document import ENVOY_JSON, ENVOY_YAML, Mapping, read_documents
from canarysim.manifests.envoy.find import is_json
from canarysim.manifests.envoy.match_fields import HEADER_MATCHER
from canarysim.manifests.envoy.reader import EnvoyReader
from canarysim.manifests.envoy.scalars import to_python
from canarysim.manifests.envoy.types import DURATION, HEADER_NAME, NONEMPTY, Proto, Wrapped
from canarysim.manifests.fields import ANY, BOOL, STRING, UINT32, Field, ListOf, Whole, last_name
from canarysim.manifests.scalars import WrongType
from canarysim.problems import Problem, Severity, Where
from canarysim.request import Request
from canarysim.table.actions import RouteAction
from canarysim.table.http import HttpSettings
from canarysim.testing.cases import Case
from canarysim.testing.expectations import Expectation
from canarysim.testing.router_checks import checks_of, pairs_of

if TYPE_CHECKING:
    from canarysim.manifests.document import Node
    from canarysim.manifests.fields import Record, Type
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route

__all__ = ["is_router_check", "read_router_check"]

_HEADER = Proto("HeaderValue", (Field("key", HEADER_NAME), Field("value", STRING)))
_METADATA = Proto(
    "Metadata",
    (Field("metadata_namespace", NONEMPTY), Field("value", ANY), Field("allow_overwrite", BOOL)),
)
_ROUTE_METADATA = Proto(
    "RouteMetadata", (Field("namespace", NONEMPTY), Field("key", NONEMPTY), Field("value", ANY, required=True))
)
_INPUT = Proto(
    "ValidationInput",
    (
        Field("authority", NONEMPTY),
        Field("path", NONEMPTY),
        Field("method", STRING),
        Field("random_value", Whole(0, 2**64 - 1)),
        Field("ssl", BOOL),
        Field("internal", BOOL),
        Field("runtime", STRING),
        Field("additional_request_headers", ListOf(_HEADER)),
        Field("additional_response_headers", ListOf(_HEADER)),
        Field("dynamic_metadata", ListOf(_METADATA)),
    ),
)
_ASSERT = Proto(
    "ValidationAssert",
    (
        Field("cluster_name", Wrapped(STRING)),
        Field("virtual_cluster_name", Wrapped(STRING)),
        Field("virtual_host_name", Wrapped(STRING)),
        Field("host_rewrite", Wrapped(STRING)),
        Field("path_rewrite", Wrapped(STRING)),
        Field("path_redirect", Wrapped(STRING)),
        Field("code_redirect", Wrapped(UINT32)),
        Field("timeout", DURATION),
        Field("request_header_matches", ListOf(HEADER_MATCHER)),
        Field("response_header_matches", ListOf(HEADER_MATCHER)),
        Field("request_header_fields", ListOf(_HEADER)),
        Field("response_header_fields", ListOf(_HEADER)),
        Field("route_metadata", ListOf(_ROUTE_METADATA)),
    ),
)
_ITEM = Proto(
    "ValidationItem",
    (
        Field("test_name", NONEMPTY),
        Field("input", _INPUT, required=True),
        Field("validate", _ASSERT, required=True),
    ),
)
VALIDATION = Proto("Validation", (Field("tests", ListOf(_ITEM, least=1)), Field("runtime", ANY)))


def is_router_check(document: Node) -> bool:
    """Whether a document holds tests of that tool: the first of them has ``validate``."""
    tests = document.get("tests") if isinstance(document, Mapping) else None
    items = getattr(tests, "items", ())
    return any(isinstance(item, Mapping) and item.get("validate") is not None for item in items)


def read_router_check(path: str) -> list[Case]:
    """The cases of a file, JSON or YAML. Raises ManifestError with all that is wrong with it."""
    try:
        with open(path, "rb") as file:
            text = file.read().decode().removeprefix("\ufeff")
    except (OSError, UnicodeDecodeError) as error:
        message = f"the file cannot be read: {getattr(error, 'strerror', None) or error}"
        raise ManifestError([Problem("unreadable_file", Severity.ERROR, message, Where(path))]) from error
    json = is_json(text, path)
    documents, problems = read_documents(text, path, ENVOY_JSON if json else ENVOY_YAML)
    reader = _Reader(path, json=json)
    cases: list[Case] = []
    if len(documents) == 1:
        record = reader.message(VALIDATION, documents[0], "")
        if record is not None:
            tables = _Tables(record.get("runtime", {}))
            made = [_case(each, tables) for each in record.get("tests", ())]
            cases = [case for case in made if case is not None]
    problems += reader.problems
    if not cases and not problems:
        text = "the file holds no tests of Envoy's route table check tool"
        problems.append(Problem("not_a_test_file", Severity.ERROR, text, Where(path), "it begins with tests:"))
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise ManifestError(problems)
    return cases


class _Reader(EnvoyReader):
    """A reader of plain values where anything may stand."""

    def value(self, kind: Type, node: Node, path: str) -> Any:
        if kind is not ANY:
            return super().value(kind, node, path)
        try:
            return to_python(node, self.json)
        except WrongType as wrong:
            self.error("wrong_type", f"{last_name(path)} {wrong.message}", node, path, wrong.hint)
            return None


def _case(record: Record, tables: _Tables) -> Case | None:
    given: Record | None = record.get("input")
    validate: Record | None = record.get("validate")
    if given is None or validate is None or "authority" not in given or "path" not in given:
        return None
    method = given.get("method", "GET")
    if len(method) < 3:
        given.report("bad_value", "method has 3 characters at least", "method")
    metadata: dict[str, dict[str, Any]] = {}
    for each in given.get("dynamic_metadata", ()):
        name = each.get("metadata_namespace", "")
        if "value" in each and (name not in metadata or each.get("allow_overwrite")):
            metadata[name] = each["value"]
    checks = checks_of(validate, pairs_of(given, "additional_response_headers"))
    if not checks and not validate.damaged and not validate.misspelt:
        validate.report("nothing_expected", "validate asks for nothing", None, "add cluster_name:")
    value = given.get("random_value", 0)
    try:
        request = Request(
            given["path"],
            method=method,
            authority=given["authority"],
            headers=pairs_of(given, "additional_request_headers"),
            metadata=metadata,
            address="127.0.0.1",
            internal=given.get("internal", False),
        )
    except CanarysimError as error:
        given.report(getattr(error, "code", "bad_request"), str(error))
        return None
    if not checks or "test_name" not in record:
        return None
    wrapped = value & 0xFFFFFFFF
    value = wrapped if wrapped < 2**31 else wrapped - 2**32 + 2**64
    return Case(
        record["test_name"],
        [request],
        [Expectation((check,), source=validate.where()) for check in checks],
        random_values=[value],
        rules=_Rules(tables, value, given.get("runtime", ""), given.get("ssl", False)),
        source=record.where(),
    )


# Rules


class _Tables:
    """The tables of a file as the tool has them, each made once."""

    __slots__ = ("made", "runtime")

    def __init__(self, runtime: dict[str, Any]) -> None:
        self.runtime = runtime
        self.made: dict[tuple[int, str, frozenset[int]], tuple[RouteTable, RouteTable]] = {}

    def get(self, table: RouteTable, scheme: Literal["http", "https"], disabled: frozenset[int]) -> RouteTable:
        """Without faults, and without the routes at the places that are disabled (facts 1 and 3)."""
        key = id(table), scheme, disabled
        if key not in self.made:
            place = iter(range(len(table.routes)))
            hosts = [
                attrs.evolve(
                    host,
                    routes=[_bare(route) for route in host.routes if next(place) not in disabled],
                    faults=None,
                )
                for host in table.virtual_hosts
            ]
            made = attrs.evolve(
                table,
                virtual_hosts=hosts,
                faults=None,
                clusters=None,
                scheme=scheme,
                http=HttpSettings(),
                runtime=self.runtime or table.runtime,
            )
            self.made[key] = table, made  # the first is kept so that its id stays its own
        return self.made[key][1]


def _bare(route: Route) -> Route:
    action = route.action
    if isinstance(action, RouteAction) and any(d.faults is not None for d in action.destinations):
        action = attrs.evolve(action, destinations=[attrs.evolve(d, faults=None) for d in action.destinations])
    match = attrs.evolve(route.match, runtime_fraction=None)
    return attrs.evolve(route, match=match, action=action, faults=None)


@attrs.frozen
class _Rules:
    """What a case says of runtime and TLS."""

    tables: _Tables
    value: int
    runtime: str
    ssl: bool

    def table(self, table: RouteTable) -> RouteTable:
        disabled = frozenset(place for place, route in enumerate(table.routes) if not self._enabled(route))
        return self.tables.get(table, "https" if self.ssl else "http", disabled)

    def _enabled(self, route: Route) -> bool:
        """Fact 3."""
        fraction = route.match.runtime_fraction
        if fraction is None:
            return True
        below = self.value % fraction.denominator < max(1, fraction.numerator)
        return bool(self.runtime) and self.runtime == fraction.runtime_key and below
