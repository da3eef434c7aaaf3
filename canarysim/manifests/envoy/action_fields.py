"""Every field of what a route does with a request, declared once; see fields.py."""

from __future__ import annotations

from canarysim.manifests.envoy.fault_fields import FILTER_CONFIG, HTTP_FAULT
from canarysim.manifests.envoy.match_fields import FRACTION, REGEX_REWRITE, extension
from canarysim.manifests.envoy.types import (
    DURATION,
    HEADER_NAME,
    HEADER_TEXT,
    HEADER_VALUE,
    NONEMPTY,
    Packed,
    Proto,
    Text,
    Wrapped,
    inert,
)
from canarysim.manifests.fields import (
    ANY,
    BOOL,
    STRING,
    UINT32,
    Effect,
    EnumOf,
    Field,
    ListOf,
    MapOf,
    Whole,
)
from canarysim.table.faults import FAULT_TYPE
from canarysim.table.redirects import REDIRECT_CODES

__all__ = [
    "CLUSTER_WEIGHT",
    "DIRECT_RESPONSE",
    "FILTER_OVERRIDES",
    "MIRRORS",
    "REDIRECT",
    "RESPONSE_NOTE",
    "ROUTE_ACTION",
    "TRANSPORT_NOTE",
    "header_changes",
]

_OPEN = Effect.UNSIMULATED
TRANSPORT_NOTE = "how the request is carried, not where to"
RESPONSE_NOTE = "changes the response only"
_REFUSES = "may refuse a request, never sends it elsewhere"
_ENDPOINTS = "chooses endpoints inside the cluster"
_COPIES = "changes copies of the request only"

#: Settings of HTTP filters by the filter's name; filters.py says what they do.
FILTER_OVERRIDES = Field(
    "typed_per_filter_config",
    MapOf(Packed({FAULT_TYPE: HTTP_FAULT, "envoy.config.route.v3.FilterConfig": FILTER_CONFIG})),
)

_HEADER_VALUE = Proto(
    "HeaderValue",
    (
        Field("key", Text(least=1, most_bytes=16384, one_line=True)),
        Field("value", HEADER_VALUE),
        Field("raw_value", ANY, _OPEN, "the value of the header is given as bytes", ("request_headers",)),
    ),
)
_HEADER_VALUE_OPTION = Proto(
    "HeaderValueOption",
    (
        Field("header", _HEADER_VALUE, required=True),
        Field("append", Wrapped(BOOL)),
        Field(
            "append_action",
            EnumOf(
                ("APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS")
            ),
        ),
        Field("keep_empty_value", BOOL),
    ),
)


def header_changes(removed: Text = HEADER_NAME) -> tuple[Field, ...]:
    """The four lists of headers to add and to remove, which several messages have."""
    return tuple(
        field
        for side in ("request", "response")
        for field in (
            Field(f"{side}_headers_to_add", ListOf(_HEADER_VALUE_OPTION, most=1000)),
            Field(f"{side}_headers_to_remove", ListOf(removed)),
        )
    )


CLUSTER_WEIGHT = Proto(
    "ClusterWeight",
    (
        Field("name", STRING),
        Field("cluster_header", HEADER_TEXT),
        Field("weight", Wrapped(UINT32)),
        *inert(_ENDPOINTS, "metadata_match"),
        *header_changes(HEADER_TEXT),
        FILTER_OVERRIDES,
        Field("host_rewrite_literal", HEADER_TEXT, oneof="host_rewrite_specifier"),
    ),
)
_WEIGHTED_CLUSTER = Proto(
    "WeightedCluster",
    (
        Field("clusters", ListOf(CLUSTER_WEIGHT, least=1)),
        Field("total_weight", Wrapped(UINT32), Effect.INERT, "Envoy takes the sum of the weights"),
        Field("runtime_key_prefix", STRING),
        Field("header_name", HEADER_TEXT, oneof="random_value_specifier"),
        Field("use_hash_policy", Wrapped(BOOL), oneof="random_value_specifier"),
    ),
)

_COOKIE_TEXT = Text(most_bytes=16384, one_line=True)
_HASH_POLICY = Proto(
    "HashPolicy",
    (
        Field(
            "header",
            Proto("Header", (Field("header_name", HEADER_NAME), Field("regex_rewrite", REGEX_REWRITE))),
            oneof="policy_specifier",
        ),
        Field(
            "cookie",
            Proto(
                "Cookie",
                (
                    Field("name", NONEMPTY),
                    Field("ttl", DURATION, Effect.INERT, "says how long a cookie of Envoy's own lives"),
                    *inert("says what a cookie of Envoy's own is for", "path"),
                    Field(
                        "attributes",
                        ListOf(
                            Proto(
                                "CookieAttribute",
                                (
                                    Field("name", Text(least=1, most_bytes=16384, one_line=True)),
                                    Field("value", _COOKIE_TEXT),
                                ),
                            )
                        ),
                        Effect.INERT,
                        "says what a cookie of Envoy's own is for",
                    ),
                ),
            ),
            oneof="policy_specifier",
        ),
        Field(
            "connection_properties",
            Proto(
                "ConnectionProperties",
                (Field("source_ip", BOOL),),
            ),
            oneof="policy_specifier",
        ),
        Field("query_parameter", Proto("QueryParameter", (Field("name", NONEMPTY),)), oneof="policy_specifier"),
        Field(
            "filter_state",
            Proto("FilterState", (Field("key", NONEMPTY),)),
            _OPEN,
            "what filters noted of the connection is hashed",
            oneof="policy_specifier",
        ),
        Field("terminal", BOOL),
    ),
    choices=("policy_specifier",),
)

MIRRORS = Field(
    "request_mirror_policies",
    ListOf(
        Proto(
            "RequestMirrorPolicy",
            (
                Field("cluster", STRING),
                Field("cluster_header", HEADER_TEXT),
                Field("runtime_fraction", FRACTION),
                *inert(_COPIES, "trace_sampled", "disable_shadow_host_suffix_append"),
                *inert(_COPIES, "request_headers_mutations"),
                Field("host_rewrite_literal", HEADER_TEXT, Effect.INERT, _COPIES),
            ),
        )
    ),
)

_TEMPLATE_REWRITE = Proto("UriTemplateRewriteConfig", (Field("path_template_rewrite", Text(least=1, most=256)),))
_UPGRADE = Proto(
    "UpgradeConfig",
    (
        Field("upgrade_type", Text(least=1, one_line=True)),
        Field("enabled", Wrapped(BOOL)),
        Field("connect_config", ANY),
    ),
)

ROUTE_ACTION = Proto(
    "RouteAction",
    (
        Field("cluster", NONEMPTY, oneof="cluster_specifier"),
        Field("cluster_header", HEADER_NAME, oneof="cluster_specifier"),
        Field("weighted_clusters", _WEIGHTED_CLUSTER, oneof="cluster_specifier"),
        Field(
            "cluster_specifier_plugin", STRING, _OPEN, "a plugin chooses the cluster", oneof="cluster_specifier"
        ),
        Field(
            "inline_cluster_specifier_plugin",
            ANY,
            _OPEN,
            "a plugin chooses the cluster",
            oneof="cluster_specifier",
        ),
        Field(
            "cluster_not_found_response_code",
            EnumOf(("SERVICE_UNAVAILABLE", "NOT_FOUND", "INTERNAL_SERVER_ERROR")),
        ),
        Field("prefix_rewrite", HEADER_TEXT),
        Field("regex_rewrite", REGEX_REWRITE),
        Field(
            "path_rewrite_policy",
            extension(
                {"envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig": _TEMPLATE_REWRITE}
            ),
        ),
        Field("path_rewrite", STRING, since="1.40"),
        Field("host_rewrite_literal", HEADER_TEXT, oneof="host_rewrite_specifier"),
        Field(
            "auto_host_rewrite",
            Wrapped(BOOL),
            _OPEN,
            "a cluster that is found by DNS gives the host",
            ("authority",),
            oneof="host_rewrite_specifier",
        ),
        Field("host_rewrite_header", HEADER_TEXT, oneof="host_rewrite_specifier"),
        Field("host_rewrite_path_regex", REGEX_REWRITE, oneof="host_rewrite_specifier"),
        Field("host_rewrite", STRING, oneof="host_rewrite_specifier", since="1.40"),
        Field("append_x_forwarded_host", BOOL),
        Field("timeout", DURATION),
        MIRRORS,
        Field("hash_policy", ListOf(_HASH_POLICY)),
        Field("upgrade_configs", ListOf(_UPGRADE)),
        *inert(_ENDPOINTS, "metadata_match", "priority"),
        *inert(TRANSPORT_NOTE, "idle_timeout", "flush_timeout", "early_data_policy", "max_grpc_timeout"),
        *inert(TRANSPORT_NOTE, "grpc_timeout_offset", "max_stream_duration", "hedge_policy"),
        *inert("a second try, after the first was sent as said", "retry_policy", "retry_policy_typed_config"),
        *inert(
            "follows redirects of the upstream, after the request was sent as said", "internal_redirect_policy"
        ),
        *inert("follows redirects of the upstream", "internal_redirect_action", "max_internal_redirects"),
        *inert(_REFUSES, "rate_limits", "include_vh_rate_limits", "cors"),
    ),
    choices=("cluster_specifier",),
)

REDIRECT = Proto(
    "RedirectAction",
    (
        Field("https_redirect", BOOL, oneof="scheme_rewrite_specifier"),
        Field("scheme_redirect", STRING, oneof="scheme_rewrite_specifier"),
        Field("host_redirect", HEADER_TEXT),
        Field("port_redirect", UINT32),
        Field("path_redirect", HEADER_TEXT, oneof="path_rewrite_specifier"),
        Field("prefix_rewrite", HEADER_TEXT, oneof="path_rewrite_specifier"),
        Field("regex_rewrite", REGEX_REWRITE, oneof="path_rewrite_specifier"),
        Field("path_rewrite", STRING, oneof="path_rewrite_specifier", since="1.40"),
        Field("response_code", EnumOf(tuple(REDIRECT_CODES))),
        Field("strip_query", BOOL),
    ),
)

_BODY = Proto(
    "DataSource",
    (
        Field("filename", NONEMPTY, Effect.INERT, "the body stands in a file", oneof="specifier"),
        Field("inline_bytes", ANY, Effect.INERT, "the body is given as bytes", oneof="specifier"),
        Field("inline_string", STRING, oneof="specifier"),
        Field(
            "environment_variable",
            NONEMPTY,
            Effect.INERT,
            "the body stands in a variable of Envoy's environment",
            oneof="specifier",
        ),
        *inert("reads a file anew", "watched_directory"),
    ),
    choices=("specifier",),
)
DIRECT_RESPONSE = Proto(
    "DirectResponseAction",
    (
        Field("status", Whole(200, 599)),
        Field("body", _BODY),
        *inert(RESPONSE_NOTE, "body_format", since="1.40"),
    ),
)
