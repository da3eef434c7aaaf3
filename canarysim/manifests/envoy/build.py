"""From the route configurations of a document to route tables.

Facts (source of Envoy 1.40's route configuration; each refusal run on 1.36.4 and 1.40.0, see
tests/envoy/test_refusals.py):

1. A domain stands once in a configuration, whatever its case; ``*`` too.
2. ``routes`` and ``matcher`` exclude each other.
3. Where clusters are validated (the default of routes that stand in a listener; not of those that are fetched)
   a route to a cluster that does not exist is refused, and a mirror to one.
4. A virtual cluster has headers to match.
5. The body of a direct response may have ``max_direct_response_body_size_bytes``, or 4096 bytes.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Literal

import attrs

from canarysim.errors import ManifestError, SeveralTables, UnknownName
from canarysim.manifests.document import Mapping as MappingNode
from canarysim.manifests.document import from_python
from canarysim.manifests.envoy.actions import action_of, mirror_policies
from canarysim.manifests.envoy.faults import faults_of, name_fault_filters
from canarysim.manifests.envoy.fields import ROUTE_CONFIGURATION
from canarysim.manifests.envoy.find import RouteSource, find_route_configurations
from canarysim.manifests.envoy.headers import mutations
from canarysim.manifests.envoy.matches import header_matchers, refused, route_match
from canarysim.manifests.envoy.reader import EnvoyReader
from canarysim.manifests.envoy.scalars import to_python
from canarysim.manifests.envoy.unknowns import filters_unknown, open_fields
from canarysim.manifests.fields import shown
from canarysim.manifests.scalars import WrongType
from canarysim.problems import Problem, Severity, Where
from canarysim.table.actions import Unknown
from canarysim.table.behaviour import behaviour_of
from canarysim.table.hosts import DomainRule, VirtualCluster, VirtualHost
from canarysim.table.http import HttpSettings
from canarysim.table.route_table import RouteTable
from canarysim.table.routes import Route
from canarysim.table.runtime import Runtime
from canarysim.table.values import as_tuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from canarysim.manifests.document import Node
    from canarysim.manifests.envoy.find import Setting
    from canarysim.manifests.fields import Record

__all__ = ["from_envoy", "http_settings", "route_table", "tables_of"]


def route_table(
    reader: EnvoyReader,
    source: RouteSource,
    envoy: str,
    *,
    http: HttpSettings | None = None,
    runtime: Mapping[str, Any] | None = None,
    clusters: Iterable[str] | None = None,
    scheme: Literal["http", "https"] | None = None,
) -> RouteTable | None:
    """The table of one RouteConfiguration; None, after problems, where it is wrong."""
    if clusters is not None:
        source = attrs.evolve(source, clusters=frozenset(as_tuple(clusters)))
    before = sum(problem.severity is Severity.ERROR for problem in reader.problems)
    record = reader.message(ROUTE_CONFIGURATION, source.node, source.path, packed=True)
    if record is None:
        return None
    unknowns = [
        *open_fields(record),
        *_surroundings(reader, source.setting),
        *name_fault_filters(record, source.setting.fault_filters),
    ]
    if source.runtime_open:
        problem = record.warn(
            "not_simulated", "layers of the runtime that are not in the input may change the answers"
        )
        unknowns.append(Unknown(problem, ()))
    _check_domains(record)
    if source.clusters is not None and record.get("validate_clusters", not source.fetched):
        _check_clusters(record, source.clusters)
    max_body = record.get("max_direct_response_body_size_bytes", 4096)
    hosts = [_virtual_host(each, unknowns, max_body) for each in record.get("virtual_hosts", ())]
    mirrors = mirror_policies(record)
    changed, faults = mutations(record), faults_of(record)
    setting = source.setting
    settings = http if http is not None else refused(setting.manager or record, None, http_settings, setting)
    runtime_given = refused(record, None, Runtime.of, source.runtime, runtime or {})
    if settings is None or runtime_given is None:
        return None
    _tell_defaults(record, runtime_given)
    if sum(problem.severity is Severity.ERROR for problem in reader.problems) > before:
        return None
    return refused(
        record,
        None,
        RouteTable,
        [host for host in hosts if host is not None],
        name=setting.listener or source.name,
        envoy=envoy,
        http=settings,
        scheme=scheme or setting.scheme or "http",
        route_configuration=source.name,
        vhost_header=record.get("vhost_header", ""),
        ignore_port_in_host_matching=record.get("ignore_port_in_host_matching", False),
        ignore_path_parameters_in_path_matching=record.get("ignore_path_parameters_in_path_matching", False),
        internal_only_headers=record.get("internal_only_headers", ()),
        mutations=changed,
        most_specific_header_mutations_wins=record.get("most_specific_header_mutations_wins", False),
        mirrors=mirrors,
        faults=faults,
        runtime=runtime_given,
        clusters=source.clusters,
        max_direct_response_body_size_bytes=max_body,
    )


def from_envoy(
    mapping: Mapping[str, Any],
    *,
    envoy: str = "1.40",
    http: HttpSettings | None = None,
    runtime: Mapping[str, Any] | None = None,
    clusters: Iterable[str] | None = None,
    scheme: Literal["http", "https"] | None = None,
    table: str | None = None,
) -> RouteTable:
    """The route table of a RouteConfiguration, given as Python values (what ``json`` or ``yaml`` read).

    ``envoy`` is the version to behave as, ``http`` what the connection manager does before routing, ``runtime``
    Envoy's runtime by key, ``clusters`` the names of all clusters where the ones that do not exist matter,
    ``scheme`` that of the listener. What stands around the routes in a listener, a bootstrap or a config dump is
    read where ``mapping`` is one of those; the arguments go before it, and ``table`` names one of several
    listeners. Raises ManifestError with every problem found, SeveralTables, and UnknownName for an unknown
    ``table``. Cost: O(size of the mapping).

    >>> table = from_envoy({"virtual_hosts": [{"name": "h", "domains": ["*"], "routes": [
    ...     {"match": {"prefix": "/"}, "route": {"cluster": "v1"}}]}]})
    >>> table
    <RouteTable 1 virtual host, 1 route, Envoy 1.40>
    """
    behaviour_of(envoy)
    problems: list[Problem] = []
    node = from_python(mapping)
    if not isinstance(node, MappingNode):
        text = f"a RouteConfiguration must be a mapping, not {shown(node)}"
        hint = "canarysim.load reads files, canarysim.loads text"
        raise ManifestError(
            [Problem("wrong_type", Severity.ERROR, text, Where(resource="RouteConfiguration"), hint)]
        )
    named = {"http": http, "runtime": runtime, "clusters": clusters, "scheme": scheme}
    tables = tables_of(node, "", envoy, problems, json=True, **named)
    if not tables and not problems:
        problems.append(_no_routes(Where()))
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise ManifestError(problems)
    if table is not None and table not in tables:
        raise UnknownName("route table", str(table), tables)
    if table is None and len(tables) > 1:
        raise SeveralTables(list(tables))
    return attrs.evolve(tables[table or next(iter(tables))], problems=tuple(problems))


def tables_of(
    document: Node, file: str, envoy: str, problems: list[Problem], *, json: bool = False, **given: Any
) -> dict[str, RouteTable]:
    """The tables of a document of Envoy's by name; what is wrong goes to ``problems``."""
    around = EnvoyReader(file, envoy=envoy, json=json)
    sources = find_route_configurations(around, document)
    if not sources and not file:  # a mapping is what the caller says, however little of it there is
        sources = [RouteSource("", document, "")]
    tables: dict[str, RouteTable] = {}
    seen_problems: list[Problem] = []
    for source in sources:
        reader = EnvoyReader(file, f"RouteConfiguration {source.name}".strip(), envoy=envoy, json=json)
        table = route_table(reader, source, envoy, **given)
        seen_problems += [problem for problem in reader.problems if problem not in seen_problems]
        if table is not None:
            tables[_free_name(table, source.name, tables)] = table
    if not sources:
        seen_problems.append(_no_routes(Where(file, document.line, document.column)))
    problems += [*around.problems, *seen_problems]
    return tables


def _no_routes(where: Where) -> Problem:
    hint = "a RouteConfiguration has virtual_hosts; listeners, bootstraps and config dumps are read too"
    return Problem("no_routes", Severity.ERROR, "there is no route configuration in it", where, hint)


def _free_name(table: RouteTable, routes: str, known: Container[str]) -> str:
    """The name of a table among others: its listener's, with that of its routes where listeners share one."""
    name = table.name or "routes"
    for candidate in (name, f"{name}/{routes}"):
        if candidate not in known:
            return candidate
    return next(candidate for number in count(2) if (candidate := f"{name}/{routes} #{number}") not in known)


def _tell_defaults(record: Record, runtime: Runtime | None) -> None:
    """Says which runtime keys of routes take their defaults, for no runtime in the input has them."""
    keys: dict[str, None] = {}
    for host in record.get("virtual_hosts", ()):
        for route in host.get("routes", ()):
            match: Record | None = route.get("match")
            fraction = None if match is None else match.get("runtime_fraction")
            key = "" if fraction is None else fraction.get("runtime_key", "")
            if key and runtime is not None and runtime.get(key) is None:
                keys[key] = None
    if keys:
        names = ", ".join([*keys][:5]) + (", ..." if len(keys) > 5 else "")
        message = f"no runtime in the input has {names}: the defaults of the fractions are taken"
        where = record.where("virtual_hosts")
        record.reader.problems.append(Problem("runtime_default", Severity.INFO, message, where))


def http_settings(setting: Setting) -> HttpSettings:
    """The settings of a connection manager that act before routing."""
    manager = setting.manager
    if manager is None:
        return HttpSettings()
    escaped = manager.get("path_with_escaped_slashes_action", "KEEP_UNCHANGED")
    return HttpSettings(
        normalize_path=manager.get("normalize_path", False),
        merge_slashes=manager.get("merge_slashes", False),
        strip_any_host_port=manager.get("strip_any_host_port", False),
        strip_matching_host_port=manager.get("strip_matching_host_port", False),
        strip_trailing_host_dot=manager.get("strip_trailing_host_dot", False),
        path_with_escaped_slashes_action="KEEP_UNCHANGED" if escaped.startswith("IMPLEMENTATION") else escaped,
        use_remote_address=manager.get("use_remote_address", False),
        upgrades=[
            each.get("upgrade_type", "").lower()
            for each in manager.get("upgrade_configs", ())
            if each.get("enabled", True)
        ],
        port=setting.port,
    )


def _surroundings(reader: EnvoyReader, setting: Setting) -> Iterator[Unknown]:
    """What of the connection manager is not simulated."""
    if setting.manager is not None:
        yield from open_fields(setting.manager)
    yield from filters_unknown(reader, setting.filters)


def _virtual_host(record: Record, around: list[Unknown], max_body: int) -> VirtualHost | None:
    if "routes" in record and record["routes"] and "matcher" in record:
        record.report("routes_and_matcher", "routes and matcher exclude each other", "matcher", "keep one of them")
    unknowns = (*around, *open_fields(record))
    routes = []
    for index, each in enumerate(record.get("routes", ())):
        route = _route(each, index, max_body)
        if route is not None:
            routes.append(route)
    clusters = [_virtual_cluster(each) for each in record.get("virtual_clusters", ())]
    if "name" not in record or record.damaged:
        return None
    named: dict[str, Any] = {
        "require_tls": record.get("require_tls", "NONE").replace("NONE", ""),
        "virtual_clusters": [each for each in clusters if each is not None],
        "mutations": mutations(record),
        "mirrors": mirror_policies(record),
        "faults": faults_of(record),
        "unknowns": unknowns,
        "source": record.where(),
    }
    return refused(record, "domains", VirtualHost, record["name"], record.get("domains", ()), routes, **named)


def _route(record: Record, index: int, max_body: int) -> Route | None:
    told: Record | None = record.get("match")
    match = None if told is None else route_match(told)
    if match is None or told is None:
        return None
    envoy = behaviour_of(record.reader.envoy)
    for matcher in match:
        if (why := matcher.refused_by(envoy)) is not None:
            told.report("not_in_this_envoy", f"Envoy {envoy.version} refuses '{matcher}': {why}", None)
    action, unknowns = action_of(record, match.path, max_body)
    unknowns += tuple(open_fields(record))
    if action is None and not any(not unknown.parts for unknown in unknowns):
        return None
    return Route(
        match,
        action,
        name=record.get("name", ""),
        index=index,
        mutations=mutations(record),
        faults=faults_of(record),
        unknowns=unknowns,
        metadata=_metadata(record),
        source=record.where(),
    )


def _metadata(record: Record) -> dict[str, Any]:
    """The metadata of a route by filter, as plain values."""
    node = record.get("metadata")
    tree = node.get("filter_metadata") or node.get("filterMetadata") if isinstance(node, MappingNode) else None
    reader = record.reader
    assert isinstance(reader, EnvoyReader)
    try:
        found = {} if tree is None else to_python(tree, reader.json)
    except WrongType as wrong:
        record.report("wrong_type", f"metadata {wrong.message}", "metadata", wrong.hint)
        return {}
    return found if isinstance(found, dict) else {}


def _virtual_cluster(record: Record) -> VirtualCluster | None:
    """Fact 4."""
    headers = [each for each in header_matchers(record.get("headers", [])) if each is not None]
    if record.damaged or "name" not in record:
        return None
    return refused(record, None, VirtualCluster, record["name"], headers)


def _check_domains(record: Record) -> None:
    """Fact 1."""
    first: dict[tuple[str, str], Record] = {}
    for host in record.get("virtual_hosts", ()):
        for domain in host.get("domains", ()):
            rule = DomainRule.of(domain)
            other = first.setdefault((rule.kind, rule.text), host)
            if other is not host:
                message = f"the domain {domain!r} belongs to {other.get('name', '?')} too"
                host.report("duplicate_domain", message, "domains", "a domain belongs to one virtual host")
        rules = [DomainRule.of(domain) for domain in host.get("domains", ())]
        if len({(rule.kind, rule.text) for rule in rules}) < len(rules):
            host.report("duplicate_domain", "a domain stands twice here", "domains", "keep one of the two")


def _check_clusters(record: Record, clusters: frozenset[str]) -> None:
    """Fact 3."""
    for host in record.get("virtual_hosts", ()):
        for route in host.get("routes", ()):
            action: Record | None = route.get("route")
            if action is None:
                continue
            weighted: Record | None = action.get("weighted_clusters")
            named = [(action, "cluster")]
            if weighted is not None:
                named += [(entry, "name") for entry in weighted.get("clusters", ())]
            named += [(each, "cluster") for each in action.get("request_mirror_policies", ())]
            for holder, field in named:
                name = holder.get(field)
                if name and name not in clusters:
                    holder.report("unknown_cluster", f"there is no cluster {name!r}", field, _near(name, clusters))


def _near(name: str, clusters: frozenset[str]) -> str:
    from canarysim.errors import near

    similar = near(name, clusters, 1)
    return f"did you mean {similar[0]}?" if similar else "define it, or set validate_clusters: false"
