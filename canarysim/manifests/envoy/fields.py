"""Every field of a RouteConfiguration, declared once: type, rules, since when, and what it does to answers.

Source: the protobuf definitions that the binaries of Envoy 1.36.4 and 1.40.0 carry; tests/envoy/test_fields.py
holds the declarations against them. What an inert field has inside is kept as it stands.

What a field means between messages (domains that repeat, weights that sum to nothing, clusters that do not exist)
is not declared here.
"""

from __future__ import annotations

from canarysim.manifests.envoy.action_fields import (
    DIRECT_RESPONSE,
    FILTER_OVERRIDES,
    MIRRORS,
    REDIRECT,
    RESPONSE_NOTE,
    ROUTE_ACTION,
    TRANSPORT_NOTE,
    header_changes,
)
from canarysim.manifests.envoy.match_fields import HEADER_MATCHER, ROUTE_MATCH
from canarysim.manifests.envoy.types import HEADER_TEXT, NONEMPTY, Proto, Wrapped, inert
from canarysim.manifests.fields import ANY, BOOL, STRING, UINT32, Effect, EnumOf, Field, ListOf

__all__ = ["ROUTE", "ROUTE_CONFIGURATION", "VIRTUAL_HOST"]

_OPEN = Effect.UNSIMULATED
_COSMETIC = "says something of the resource, not of requests"
_REFUSES = "may refuse a request, never sends it elsewhere"
_SPECIFIERS = Field(
    "route_specifiers", ANY, _OPEN, "an extension may replace the route that matched", since="1.40"
)

ROUTE = Proto(
    "Route",
    (
        Field("name", STRING),
        Field("match", ROUTE_MATCH, required=True),
        Field("route", ROUTE_ACTION, oneof="action"),
        Field("redirect", REDIRECT, oneof="action"),
        Field("direct_response", DIRECT_RESPONSE, oneof="action"),
        Field("filter_action", ANY, oneof="action"),
        Field("non_forwarding_action", Proto("NonForwardingAction"), oneof="action"),
        *header_changes(),
        FILTER_OVERRIDES,
        _SPECIFIERS,
        *inert(_COSMETIC, "metadata", "decorator", "tracing", "stat_prefix"),
        *inert(TRANSPORT_NOTE, "per_request_buffer_limit_bytes", "request_body_buffer_limit"),
    ),
    choices=("action",),
)

VIRTUAL_HOST = Proto(
    "VirtualHost",
    (
        Field("name", NONEMPTY),
        Field("domains", ListOf(HEADER_TEXT, least=1)),
        Field("routes", ListOf(ROUTE)),
        Field("matcher", ANY, _OPEN, "matcher trees are not simulated"),
        Field("require_tls", EnumOf(("NONE", "EXTERNAL_ONLY", "ALL"))),
        Field(
            "virtual_clusters",
            ListOf(Proto("VirtualCluster", (Field("headers", ListOf(HEADER_MATCHER)), Field("name", NONEMPTY)))),
        ),
        *header_changes(),
        MIRRORS,
        FILTER_OVERRIDES,
        _SPECIFIERS,
        *inert(_REFUSES, "rate_limits", "cors"),
        *inert("tells the upstream of tries", "include_request_attempt_count", "include_is_timeout_retry_header"),
        *inert(RESPONSE_NOTE, "include_attempt_count_in_response"),
        *inert("a second try, after the first was sent as said", "retry_policy", "retry_policy_typed_config"),
        *inert(TRANSPORT_NOTE, "hedge_policy", "per_request_buffer_limit_bytes", "request_body_buffer_limit"),
        *inert(_COSMETIC, "metadata"),
    ),
)

ROUTE_CONFIGURATION = Proto(
    "RouteConfiguration",
    (
        Field("name", STRING),
        Field("virtual_hosts", ListOf(VIRTUAL_HOST)),
        Field("vhds", ANY, _OPEN, "virtual hosts are fetched when a request asks for them"),
        Field("internal_only_headers", ListOf(HEADER_TEXT)),
        *header_changes(HEADER_TEXT),
        Field("most_specific_header_mutations_wins", BOOL),
        Field("validate_clusters", Wrapped(BOOL)),
        Field("max_direct_response_body_size_bytes", Wrapped(UINT32)),
        MIRRORS,
        Field("ignore_port_in_host_matching", BOOL),
        Field("ignore_path_parameters_in_path_matching", BOOL),
        Field("vhost_header", HEADER_TEXT, since="1.40"),
        FILTER_OVERRIDES,
        _SPECIFIERS,
        *inert("has an effect in the routes that name one of them", "cluster_specifier_plugins"),
        *inert(_COSMETIC, "metadata"),
    ),
)
