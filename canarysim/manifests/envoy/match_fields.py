"""Every field of what a route matches on, declared once; see fields.py."""

from __future__ import annotations

from canarysim.manifests.envoy.types import (
    DOUBLE,
    HEADER_NAME,
    HEADER_TEXT,
    INT64,
    NONEMPTY,
    Packed,
    Proto,
    Text,
    Wrapped,
)
from canarysim.manifests.fields import ANY, BOOL, STRING, UINT32, Effect, EnumOf, Field, ListOf

__all__ = [
    "COOKIE_MATCHER",
    "FRACTION",
    "FRACTIONAL_PERCENT",
    "HEADER_MATCHER",
    "QUERY_PARAMETER_MATCHER",
    "REGEX_MATCHER",
    "REGEX_REWRITE",
    "ROUTE_MATCH",
    "STRING_MATCHER",
    "extension",
]

_OPEN = Effect.UNSIMULATED


def extension(messages: dict[str, Proto] | None = None) -> Proto:
    """A TypedExtensionConfig in which the messages, by full name, are read."""
    packed = Packed(messages or {})
    return Proto("TypedExtensionConfig", (Field("name", NONEMPTY), Field("typed_config", packed, required=True)))


REGEX_MATCHER = Proto(
    "RegexMatcher",
    (
        Field("regex", NONEMPTY),
        Field("google_re2", ANY, Effect.INERT, "there is one engine, RE2", oneof="engine_type"),
    ),
)
REGEX_REWRITE = Proto(
    "RegexMatchAndSubstitute",
    (Field("pattern", REGEX_MATCHER, required=True), Field("substitution", HEADER_TEXT)),
)

STRING_MATCHER = Proto(
    "StringMatcher",
    (
        Field("exact", STRING, oneof="match_pattern"),
        Field("prefix", NONEMPTY, oneof="match_pattern"),
        Field("suffix", NONEMPTY, oneof="match_pattern"),
        Field("safe_regex", REGEX_MATCHER, oneof="match_pattern"),
        Field("contains", NONEMPTY, oneof="match_pattern"),
        Field("custom", ANY, _OPEN, "an extension matches the text", oneof="match_pattern"),
        Field("ignore_case", BOOL),
    ),
    choices=("match_pattern",),
)

HEADER_MATCHER = Proto(
    "HeaderMatcher",
    (
        Field("name", HEADER_NAME),
        Field("exact_match", STRING, oneof="header_match_specifier"),
        Field("safe_regex_match", REGEX_MATCHER, oneof="header_match_specifier"),
        Field(
            "range_match",
            Proto("Int64Range", (Field("start", INT64), Field("end", INT64))),
            oneof="header_match_specifier",
        ),
        Field("present_match", BOOL, oneof="header_match_specifier"),
        Field("prefix_match", NONEMPTY, oneof="header_match_specifier"),
        Field("suffix_match", NONEMPTY, oneof="header_match_specifier"),
        Field("contains_match", NONEMPTY, oneof="header_match_specifier"),
        Field("string_match", STRING_MATCHER, oneof="header_match_specifier"),
        Field("invert_match", BOOL),
        Field("treat_missing_header_as_empty", BOOL),
    ),
)

_PARAMETER_NAME = Text(least=1, most_bytes=1024)
QUERY_PARAMETER_MATCHER = Proto(
    "QueryParameterMatcher",
    (
        Field("name", _PARAMETER_NAME),
        Field("string_match", STRING_MATCHER, oneof="query_parameter_match_specifier"),
        Field("present_match", BOOL, oneof="query_parameter_match_specifier"),
    ),
)
COOKIE_MATCHER = Proto(
    "CookieMatcher",
    (
        Field("name", _PARAMETER_NAME),
        Field("string_match", STRING_MATCHER, required=True),
        Field("invert_match", BOOL),
    ),
)

FRACTIONAL_PERCENT = Proto(
    "FractionalPercent",
    (Field("numerator", UINT32), Field("denominator", EnumOf(("HUNDRED", "TEN_THOUSAND", "MILLION")))),
)
FRACTION = Proto(
    "RuntimeFractionalPercent",
    (Field("default_value", FRACTIONAL_PERCENT, required=True), Field("runtime_key", STRING)),
)

_VALUE_MATCHER = Proto("ValueMatcher", choices=("match_pattern",))
_VALUE_MATCHER.define(
    Field("null_match", Proto("NullMatch"), oneof="match_pattern"),
    Field(
        "double_match",
        Proto(
            "DoubleMatcher",
            (
                Field(
                    "range",
                    Proto("DoubleRange", (Field("start", DOUBLE), Field("end", DOUBLE))),
                    oneof="match_pattern",
                ),
                Field("exact", DOUBLE, oneof="match_pattern"),
            ),
            choices=("match_pattern",),
        ),
        oneof="match_pattern",
    ),
    Field("string_match", STRING_MATCHER, oneof="match_pattern"),
    Field("bool_match", BOOL, oneof="match_pattern"),
    Field("present_match", BOOL, oneof="match_pattern"),
    Field(
        "list_match",
        Proto(
            "ListMatcher", (Field("one_of", _VALUE_MATCHER, oneof="match_pattern"),), choices=("match_pattern",)
        ),
        oneof="match_pattern",
    ),
    Field(
        "or_match",
        Proto("OrMatcher", (Field("value_matchers", ListOf(_VALUE_MATCHER, least=2)),)),
        oneof="match_pattern",
    ),
)
_METADATA_MATCHER = Proto(
    "MetadataMatcher",
    (
        Field("filter", NONEMPTY),
        Field(
            "path",
            ListOf(
                Proto("PathSegment", (Field("key", NONEMPTY, oneof="segment"),), choices=("segment",)), least=1
            ),
        ),
        Field("value", _VALUE_MATCHER, required=True),
        Field("invert", BOOL),
    ),
)

_TEMPLATE_MATCH = Proto("UriTemplateMatchConfig", (Field("path_template", Text(least=1, most=256)),))

ROUTE_MATCH = Proto(
    "RouteMatch",
    (
        Field("prefix", STRING, oneof="path_specifier"),
        Field("path", STRING, oneof="path_specifier"),
        Field("safe_regex", REGEX_MATCHER, oneof="path_specifier"),
        Field("connect_matcher", Proto("ConnectMatcher"), oneof="path_specifier"),
        Field("path_separated_prefix", Text(pattern=r"\A[^?#]+[^?#/]\Z"), oneof="path_specifier"),
        Field(
            "path_match_policy",
            extension({"envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig": _TEMPLATE_MATCH}),
            oneof="path_specifier",
        ),
        Field("case_sensitive", Wrapped(BOOL)),
        Field("runtime_fraction", FRACTION),
        Field("headers", ListOf(HEADER_MATCHER)),
        Field("query_parameters", ListOf(QUERY_PARAMETER_MATCHER)),
        Field("cookies", ListOf(COOKIE_MATCHER), since="1.40"),
        Field("grpc", Proto("GrpcRouteMatchOptions")),
        Field(
            "tls_context",
            Proto(
                "TlsContextMatchOptions",
                (Field("presented", Wrapped(BOOL)), Field("validated", Wrapped(BOOL))),
            ),
        ),
        Field("dynamic_metadata", ListOf(_METADATA_MATCHER)),
        Field("filter_state", ANY, _OPEN, "what filters noted of the connection decides it"),
    ),
    choices=("path_specifier",),
)
