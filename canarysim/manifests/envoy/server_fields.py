"""What is read of the messages around a RouteConfiguration: listeners, connection managers, dumps.

They are declared as far as they say where a RouteConfiguration stands and what is done to requests before routing;
their other fields are let pass, rightly spelled or not.
"""

from __future__ import annotations

from canarysim.manifests.envoy.types import Packed, Proto, Wrapped, inert
from canarysim.manifests.fields import ANY, BOOL, STRING, UINT32, Effect, EnumOf, Field, ListOf

__all__ = [
    "BOOTSTRAP",
    "CLUSTERS_DUMP",
    "CONNECTION_MANAGER",
    "DUMPED_LISTENER",
    "DUMPED_ROUTES",
    "HTTP_FILTER",
    "LISTENER",
    "LISTENERS_DUMP",
    "ROUTES_DUMP",
]

_OPEN = Effect.UNSIMULATED
_HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"

HTTP_FILTER = Proto(
    "HttpFilter",
    (
        Field("name", STRING),
        Field("typed_config", Packed()),
        Field("config_discovery", ANY, _OPEN, "the filter's settings are fetched"),
        Field("disabled", BOOL),
    ),
    partial=True,
)

CONNECTION_MANAGER = Proto(
    "HttpConnectionManager",
    (
        Field("stat_prefix", STRING),
        Field("route_config", ANY, oneof="route_specifier"),
        Field(
            "rds",
            Proto("Rds", (Field("route_config_name", STRING),), partial=True),
            oneof="route_specifier",
        ),
        Field("scoped_routes", ANY, _OPEN, "scoped routes are not simulated", oneof="route_specifier"),
        Field("http_filters", ListOf(HTTP_FILTER)),
        Field("normalize_path", Wrapped(BOOL)),
        Field("merge_slashes", BOOL),
        Field(
            "path_with_escaped_slashes_action",
            EnumOf(
                (
                    "IMPLEMENTATION_SPECIFIC_DEFAULT",
                    "KEEP_UNCHANGED",
                    "REJECT_REQUEST",
                    "UNESCAPE_AND_REDIRECT",
                    "UNESCAPE_AND_FORWARD",
                )
            ),
        ),
        Field("strip_matching_host_port", BOOL),
        Field("strip_any_host_port", BOOL, oneof="strip_port_mode"),
        Field("strip_trailing_host_dot", BOOL),
        Field("use_remote_address", Wrapped(BOOL)),
        Field("internal_address_config", ANY),
        Field("xff_num_trusted_hops", UINT32),
        Field(
            "upgrade_configs",
            ListOf(
                Proto(
                    "UpgradeConfig",
                    (Field("upgrade_type", STRING), Field("enabled", Wrapped(BOOL))),
                    partial=True,
                )
            ),
        ),
        Field(
            "scheme_header_transformation",
            Proto(
                "SchemeHeaderTransformation",
                (
                    Field("scheme_to_overwrite", STRING, oneof="transformation"),
                    Field("match_upstream", BOOL, Effect.INERT, "acts after routing"),
                ),
                partial=True,
            ),
        ),
        Field("generate_request_id", Wrapped(BOOL)),
        Field("preserve_external_request_id", BOOL),
        Field("append_x_forwarded_port", BOOL),
        Field("via", STRING),
        Field(
            "common_http_protocol_options",
            Proto(
                "HttpProtocolOptions",
                (
                    Field(
                        "headers_with_underscores_action",
                        EnumOf(("ALLOW", "REJECT_REQUEST", "DROP_HEADER")),
                    ),
                ),
                partial=True,
            ),
        ),
        Field(
            "early_header_mutation_extensions", ANY, _OPEN, "extensions change headers before routes are matched"
        ),
        Field("typed_header_validation_config", ANY, _OPEN, "an extension changes requests before routing"),
        Field("forward_proto_config", ANY, _OPEN, "the port decides the scheme", since="1.40"),
        *inert("tells internal requests from external ones", "original_ip_detection_extensions"),
    ),
    partial=True,
)

_FILTER_CHAIN = Proto(
    "FilterChain",
    (
        Field("name", STRING),
        Field(
            "filters",
            ListOf(Proto("Filter", (Field("typed_config", Packed({_HCM: CONNECTION_MANAGER})),), partial=True)),
        ),
        Field("transport_socket", Proto("TransportSocket", (Field("typed_config", Packed()),), partial=True)),
    ),
    partial=True,
)

LISTENER = Proto(
    "Listener",
    (
        Field("name", STRING),
        Field(
            "address",
            Proto(
                "Address",
                (
                    Field(
                        "socket_address",
                        Proto("SocketAddress", (Field("port_value", UINT32),), partial=True),
                        oneof="address",
                    ),
                ),
                partial=True,
            ),
        ),
        Field("filter_chains", ListOf(_FILTER_CHAIN)),
        Field("default_filter_chain", _FILTER_CHAIN),
        Field(
            "api_listener",
            Proto("ApiListener", (Field("api_listener", Packed({_HCM: CONNECTION_MANAGER})),), partial=True),
        ),
    ),
    partial=True,
)

_CLUSTER = Proto("Cluster", (Field("name", STRING),), partial=True)

BOOTSTRAP = Proto(
    "Bootstrap",
    (
        Field(
            "static_resources",
            Proto(
                "StaticResources",
                (Field("listeners", ListOf(LISTENER)), Field("clusters", ListOf(_CLUSTER))),
                partial=True,
            ),
        ),
        Field("dynamic_resources", Proto("DynamicResources", (Field("cds_config", ANY),), partial=True)),
        Field(
            "layered_runtime",
            Proto(
                "LayeredRuntime",
                (
                    Field(
                        "layers",
                        ListOf(
                            Proto(
                                "RuntimeLayer",
                                (
                                    Field("name", STRING),
                                    Field("static_layer", ANY, oneof="layer_specifier"),
                                    Field("disk_layer", ANY, oneof="layer_specifier"),
                                    Field("admin_layer", ANY, oneof="layer_specifier"),
                                    Field("rtds_layer", ANY, oneof="layer_specifier"),
                                ),
                                partial=True,
                            )
                        ),
                    ),
                ),
                partial=True,
            ),
        ),
    ),
    partial=True,
)

DUMPED_LISTENER = Proto(
    "ListenersConfigDump",
    (
        Field("listener", LISTENER),
        *(
            Field(state, Proto("DynamicListenerState", (Field("listener", LISTENER),), partial=True))
            for state in ("active_state", "warming_state")
        ),
    ),
    partial=True,
)
LISTENERS_DUMP = Proto(
    "ListenersConfigDump",
    (
        Field("static_listeners", ListOf(DUMPED_LISTENER)),
        Field("dynamic_listeners", ListOf(DUMPED_LISTENER)),
    ),
    partial=True,
)
DUMPED_ROUTES = Proto("RoutesConfigDump", (Field("route_config", ANY),), partial=True)
ROUTES_DUMP = Proto(
    "RoutesConfigDump",
    (
        Field("static_route_configs", ListOf(DUMPED_ROUTES)),
        Field("dynamic_route_configs", ListOf(DUMPED_ROUTES)),
    ),
    partial=True,
)
_DUMPED_CLUSTER = Proto("ClustersConfigDump", (Field("cluster", _CLUSTER),), partial=True)
CLUSTERS_DUMP = Proto(
    "ClustersConfigDump",
    (
        Field("static_clusters", ListOf(_DUMPED_CLUSTER)),
        Field("dynamic_active_clusters", ListOf(_DUMPED_CLUSTER)),
        Field("dynamic_warming_clusters", ListOf(_DUMPED_CLUSTER)),
    ),
    partial=True,
)
