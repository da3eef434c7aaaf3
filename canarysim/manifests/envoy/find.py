"""Finds the route configurations of a document, and the settings that each of them runs with.

Facts (documents of Envoy 1.36.4 and 1.40.0, their answers to ``/config_dump`` included):

1. A RouteConfiguration stands by itself, in a connection manager, or among the ``resources`` of a file that is
   watched. Connection managers stand in the filter chains of listeners, and in an ``api_listener``.
2. ``rds`` names a RouteConfiguration that stands elsewhere. It may be in the same document: in a dump always.
3. A dump says everything twice: the bootstrap as it was read, then listeners, clusters and route configurations
   as they are. The routes of a static connection manager are among the route configurations too.
4. With ``?resource=`` a dump holds one of those lists, each member with a type of its own.
5. Static layers of the runtime are joined, the last one wins; keys in keys are joined by dots, but for a mapping
   with ``numerator`` or ``denominator``, which is a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from typing import Any as Anything

import attrs

from canarysim.manifests.document import Mapping, Scalar, Sequence
from canarysim.manifests.envoy.filters import FilterUse, filter_use
from canarysim.manifests.envoy.scalars import to_python
from canarysim.manifests.envoy.server_fields import (
    BOOTSTRAP,
    CLUSTERS_DUMP,
    CONNECTION_MANAGER,
    DUMPED_LISTENER,
    DUMPED_ROUTES,
    LISTENER,
    LISTENERS_DUMP,
    ROUTES_DUMP,
)
from canarysim.manifests.envoy.types import camel_case
from canarysim.manifests.scalars import WrongType
from canarysim.table.faults import FAULT_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.manifests.document import Node
    from canarysim.manifests.envoy.reader import EnvoyReader
    from canarysim.manifests.fields import Record

__all__ = ["RouteSource", "Setting", "find_route_configurations", "is_envoy", "is_json"]


@attrs.frozen
class Setting:
    """What stands around a RouteConfiguration. ``manager`` is the record of its connection manager.

    ``scheme`` and ``port`` are those of the listener; None where that is not known. ``filters`` are the HTTP
    filters of the connection manager; ``fault_filters`` the names of those that make faults, None without one.
    """

    listener: str = ""
    port: int | None = None
    scheme: Literal["http", "https"] | None = None
    manager: Record | None = None
    filters: tuple[FilterUse, ...] = ()
    fault_filters: tuple[str, ...] | None = None


@attrs.frozen
class RouteSource:
    """A RouteConfiguration to read (as a packed message): its node, its path, and where it runs.

    ``name`` is its own name, which may be empty. ``fetched`` says that it comes by RDS, so that clusters need not
    exist. ``clusters`` are the names of all clusters, None where others may be added. ``runtime`` holds the
    values of the static layers by their keys; ``runtime_open`` says that other layers may change them.
    """

    name: str
    node: Node
    path: str
    fetched: bool = False
    setting: Setting = Setting()
    clusters: frozenset[str] | None = None
    runtime: dict[str, Anything] = attrs.field(factory=dict)
    runtime_open: bool = False


_MARKS = (
    *("virtual_hosts", "static_resources", "dynamic_resources", "filter_chains", "default_filter_chain"),
    *("api_listener", "route_config", "vhds", "layered_runtime"),
)


def is_envoy(document: Node) -> bool:
    """Whether a document is Envoy's: by its keys, and by the types of what it lists. Cost: O(1)."""
    if not isinstance(document, Mapping) or "apiVersion" in document.entries or "kind" in document.entries:
        return False
    if any(name in document.entries or camel_case(name) in document.entries for name in _MARKS):
        return True
    if _type_of(document).startswith("envoy."):
        return True
    for name in ("configs", "resources"):
        listed = document.get(name)
        if isinstance(listed, Sequence) and any(_type_of(item).startswith("envoy.") for item in listed.items):
            return True
    return False


def is_json(text: str, file: str) -> bool:
    """Whether a text is to be read as JSON: by the end of the file's name, as Envoy does, else by its beginning.

    >>> is_json("{name: a}", "a.json"), is_json('{"name": "a"}', "a.yaml"), is_json('{"name": "a"}', "<text>")
    (True, False, True)
    """
    ending = file.lower().rpartition(".")[2]
    if ending in {"json", "yaml", "yml"}:
        return ending == "json"
    beginning = text[:1000].split(None, 1)
    return "".join(beginning)[:2] in {'{"', "{}", "[{", "[]"}


def _type_of(node: Node) -> str:
    named = node.get("@type") if isinstance(node, Mapping) else None
    return named.text.rpartition("/")[2] if isinstance(named, Scalar) else ""


def find_route_configurations(reader: EnvoyReader, document: Node) -> list[RouteSource]:
    """The route configurations of a document, one for each connection manager that runs it.

    Those that none runs come last, with an empty Setting. What is wrong around them goes to the reader; fields
    that are none of our business are not judged. Cost: O(size of the document).
    """
    found = _Found(reader)
    found.take(document, "")
    return found.sources()


class _Found:
    """What was seen of a document so far."""

    def __init__(self, reader: EnvoyReader) -> None:
        self.reader = reader
        self.managers: list[Setting] = []
        self.routes: list[tuple[Node, str, bool]] = []
        self.static_clusters: set[str] | None = None
        self.dumped_clusters: set[str] | None = None
        self.more_clusters = False
        self.runtime: dict[str, Anything] = {}
        self.runtime_open = False

    def take(self, node: Node, path: str) -> None:
        """Takes a document, or one of the resources in it."""
        if not isinstance(node, Mapping):
            return
        kind = _type_of(node)
        last = kind.rpartition(".")[2]
        listed = _first(node, "configs", "resources")
        if listed is not None and not kind.endswith("ConfigDump"):
            items = [(item, f"{path}{listed[1]}[{i}]") for i, item in enumerate(_items(listed[0]))]
            # The bootstrap last: listeners as they are come before listeners as they were (fact 3).
            for item, inner in sorted(items, key=lambda pair: _type_of(pair[0]).endswith("BootstrapConfigDump")):
                self.take(item, inner)
        elif last in _TAKES:
            getattr(self, _TAKES[last])(node, path)
        elif _first(node, "resource") is not None and "envoy.service.discovery" in kind:
            inner_node = _first(node, "resource")
            assert inner_node is not None
            self.take(inner_node[0], f"{path}.{inner_node[1]}")
        elif kind:
            return
        elif _first(node, "virtual_hosts", "vhds") is not None:
            self.take_routes(node, path)
        elif _first(node, "filter_chains", "default_filter_chain", "api_listener") is not None:
            self.take_listener(node, path)
        elif _first(node, "route_config") is not None:
            self.take_manager(node, path)
        else:
            self.take_bootstrap(node, path)

    def take_routes(self, node: Node, path: str, fetched: bool = False) -> None:
        self.routes.append((node, path, fetched))

    def take_typed_routes(self, node: Node, path: str) -> None:
        self.take_routes(node, path, fetched=bool(path))

    def take_manager(self, node: Node, path: str) -> None:
        record = self.reader.message(CONNECTION_MANAGER, node, path)
        if record is not None:
            self._manager(record, "", None, None)

    def take_listener(self, node: Node, path: str) -> None:
        record = self.reader.message(LISTENER, node, path)
        if record is not None:
            self._listener(record)

    def take_bootstrap_dump(self, node: Mapping, path: str) -> None:
        inner = node.get("bootstrap")
        if inner is not None:
            self.take_bootstrap(inner, f"{path}.bootstrap")

    def take_bootstrap(self, node: Node, path: str) -> None:
        record = self.reader.message(BOOTSTRAP, node, path)
        if record is None:
            return
        static: Record | None = record.get("static_resources")
        known = {setting.listener for setting in self.managers}
        self.static_clusters = set()
        if static is not None:
            self.static_clusters.update(cluster.get("name", "") for cluster in static.get("clusters", ()))
            for listener in static.get("listeners", ()):
                if listener.get("name", "") not in known or "api_listener" in listener:
                    self._listener(listener)
        dynamic: Record | None = record.get("dynamic_resources")
        self.more_clusters = dynamic is not None and "cds_config" in dynamic
        runtime: Record | None = record.get("layered_runtime")
        for layer in runtime.get("layers", ()) if runtime is not None else ():
            if "static_layer" in layer:
                self.runtime |= dict(_flat_runtime(layer["static_layer"], "", self.reader.json))
            elif "admin_layer" not in layer:
                self.runtime_open = True

    def take_listeners_dump(self, node: Node, path: str) -> None:
        record = self.reader.message(LISTENERS_DUMP, node, path)
        if record is not None:
            for name in ("static_listeners", "dynamic_listeners"):
                for dumped in record.get(name, ()):
                    self._dumped_listener(dumped)

    def take_dumped_listener(self, node: Node, path: str) -> None:
        record = self.reader.message(DUMPED_LISTENER, node, path)
        if record is not None:
            self._dumped_listener(record)

    def take_routes_dump(self, node: Node, path: str) -> None:
        record = self.reader.message(ROUTES_DUMP, node, path)
        if record is not None:
            for name in ("static_route_configs", "dynamic_route_configs"):
                for dumped in record.get(name, ()):
                    self._dumped_routes(dumped, name.startswith("dynamic"))

    def take_dumped_routes(self, node: Node, path: str) -> None:
        record = self.reader.message(DUMPED_ROUTES, node, path)
        if record is not None:
            self._dumped_routes(record, _type_of(node).endswith("DynamicRouteConfig"))

    def take_clusters_dump(self, node: Node, path: str) -> None:
        record = self.reader.message(CLUSTERS_DUMP, node, path)
        if record is not None:
            lists = ("static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters")
            dumped = [each for name in lists for each in record.get(name, ())]
            self.dumped_clusters = {each["cluster"].get("name", "") for each in dumped if "cluster" in each}

    def _dumped_routes(self, dumped: Record, fetched: bool) -> None:
        if "route_config" in dumped:
            self.take_routes(dumped["route_config"], dumped.keys["route_config"][1], fetched)

    def _dumped_listener(self, dumped: Record) -> None:
        for holder in (dumped, dumped.get("active_state"), dumped.get("warming_state")):
            if holder is not None and "listener" in holder:
                self._listener(holder["listener"])
                return

    def _listener(self, listener: Record) -> None:
        name: str = listener.get("name", "")
        address: Record | None = listener.get("address")
        socket: Record | None = None if address is None else address.get("socket_address")
        port: int | None = None if socket is None else socket.get("port_value")
        chains: list[Record] = list(listener.get("filter_chains", ()))
        if "default_filter_chain" in listener:
            chains.append(listener["default_filter_chain"])
        for chain in chains:
            scheme: Literal["http", "https"] = "https" if _is_tls(chain) else "http"
            for network_filter in chain.get("filters", ()):
                packed = network_filter.get("typed_config")
                if packed is not None and packed.record is not None:
                    self._manager(packed.record, name, port, scheme)
        api: Record | None = listener.get("api_listener")
        packed = None if api is None else api.get("api_listener")
        if packed is not None and packed.record is not None:
            self._manager(packed.record, name, port, None)

    def _manager(
        self, manager: Record, listener: str, port: int | None, scheme: Literal["http", "https"] | None
    ) -> None:
        filters = tuple(
            filter_use(each.get("name", ""), each["typed_config"])
            for each in manager.get("http_filters", ())
            if "typed_config" in each and not each.get("disabled", False)
        )
        faults = tuple(
            each.get("name", "")
            for each in manager.get("http_filters", ())
            if "typed_config" in each and each["typed_config"].type == FAULT_TYPE
        )
        self.managers.append(Setting(listener, port, scheme, manager, filters, faults))

    def sources(self) -> list[RouteSource]:
        clusters: frozenset[str] | None = None
        if not self.more_clusters or self.dumped_clusters is not None:
            names = self.static_clusters if self.dumped_clusters is None else self.dumped_clusters
            clusters = None if names is None else frozenset(names)
        left = list(self.routes)
        found: list[RouteSource] = []

        def add(node: Node, path: str, fetched: bool, setting: Setting) -> None:
            name = _name(node)
            open_runtime = self.runtime_open
            found.append(RouteSource(name, node, path, fetched, setting, clusters, self.runtime, open_runtime))

        for setting in self.managers:
            manager = setting.manager
            assert manager is not None
            if "route_config" in manager:
                node = manager["route_config"]
                add(node, manager.keys["route_config"][1], False, setting)
                # Fact 3: the same routes once more.
                left = [each for each in left if each[2] or not _same(each[0], node)]
            elif "rds" in manager:
                wanted = manager["rds"].get("route_config_name", "")
                for node, path, _ in self.routes:
                    if _name(node) == wanted:
                        add(node, path, True, setting)
                        left = [each for each in left if each[0] is not node]
                        break
                else:
                    what = f"{setting.listener or 'the connection manager'} fetches the routes {wanted!r}"
                    manager.warn(
                        "routes_not_given",
                        f"{what}, which are not in the input",
                        "rds",
                        "read a config dump, or a file that holds the listener and the routes",
                    )
            elif "scoped_routes" in manager:
                manager.warn("not_simulated", "scoped_routes is not simulated: it makes no table", "scoped_routes")
        for node, path, fetched in left:
            add(node, path, fetched, Setting())
        return found


_TAKES = {
    "RouteConfiguration": "take_typed_routes",
    "Listener": "take_listener",
    "HttpConnectionManager": "take_manager",
    "Bootstrap": "take_bootstrap",
    "BootstrapConfigDump": "take_bootstrap_dump",
    "ListenersConfigDump": "take_listeners_dump",
    "StaticListener": "take_dumped_listener",
    "DynamicListener": "take_dumped_listener",
    "RoutesConfigDump": "take_routes_dump",
    "StaticRouteConfig": "take_dumped_routes",
    "DynamicRouteConfig": "take_dumped_routes",
    "ClustersConfigDump": "take_clusters_dump",
}


def _first(node: Mapping, *names: str) -> tuple[Node, str] | None:
    """The first of some fields that stands in a mapping, in either spelling, and how it is spelled."""
    for name in names:
        for key in (name, camel_case(name)):
            found = node.get(key)
            if found is not None:
                return found, key
    return None


def _items(node: Node) -> list[Node]:
    return node.items if isinstance(node, Sequence) else [node]


def _name(node: Node) -> str:
    name = node.get("name") if isinstance(node, Mapping) else None
    return name.text if isinstance(name, Scalar) else ""


def _is_tls(chain: Record) -> bool:
    socket: Record | None = chain.get("transport_socket")
    packed = None if socket is None else socket.get("typed_config")
    return packed is not None and (".tls." in packed.type or ".quic." in packed.type)


def _same(one: Node, other: Node) -> bool:
    """Whether two trees say the same, apart from the type of the whole."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = one.entries.keys() - {"@type"}
        return keys == other.entries.keys() - {"@type"} and all(
            _same(one.entries[key][1], other.entries[key][1]) for key in keys
        )
    if isinstance(one, Sequence) and isinstance(other, Sequence):
        return len(one.items) == len(other.items) and all(map(_same, one.items, other.items))
    return (
        isinstance(one, Scalar)
        and isinstance(other, Scalar)
        and (one.text, one.plain, one.tag) == (other.text, other.plain, other.tag)
    )


def _flat_runtime(node: Node, prefix: str, json: bool) -> Iterator[tuple[str, Anything]]:
    """Fact 5."""
    if not isinstance(node, Mapping):
        return
    for key, (_, value) in node.entries.items():
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(value, Mapping) and not {"numerator", "denominator"} & value.entries.keys():
            yield from _flat_runtime(value, name, json)
            continue
        try:
            yield name, to_python(value, json)
        except WrongType:
            continue
