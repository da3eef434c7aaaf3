"""Options of routes, virtual hosts and weighted destinations, and the resources that hold them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.manifests.fields import (
    ANY,
    BOOL,
    DURATION,
    FLOAT,
    STRING,
    UINT32,
    Effect,
    Field,
    ListOf,
    Message,
)
from canarysim.manifests.gloo.fields.common import (
    COSMETIC,
    OPEN,
    REF,
    REFUSES,
    TRANSPORT,
    UPSTREAM_SEES,
    inert,
)

if TYPE_CHECKING:
    from canarysim.manifests.fields import Record

__all__ = [
    "REGEX_REWRITE",
    "ROUTE_OPTIONS",
    "ROUTE_OPTION_SPEC",
    "ROUTE_PLUGINS",
    "UPGRADE",
    "VIRTUAL_HOST_OPTIONS",
    "VIRTUAL_HOST_OPTION_SPEC",
    "WEIGHTED_DESTINATION_OPTIONS",
    "unwrapped",
]

_INERT = Effect.INERT
_REWRITTEN = "changes what the upstream is sent"
_SECRET = "the value stands in a Secret"

REGEX_REWRITE = Message(
    "RegexMatchAndSubstitute",
    (
        Field(
            "pattern",
            Message("RegexMatcher", (Field("regex", STRING), *inert("there is one engine, RE2", "googleRe2"))),
        ),
        Field("substitution", STRING),
    ),
)

_HEADER_VALUE = Message("HeaderValue", (Field("key", STRING), Field("value", STRING)))
HEADER_MANIPULATION = Message(
    "HeaderManipulation",
    (
        Field(
            "requestHeadersToAdd",
            ListOf(
                Message(
                    "HeaderValueOption",
                    (
                        Field("header", _HEADER_VALUE, oneof="header"),
                        Field("headerSecretRef", REF, OPEN, _SECRET, ("request_headers",), oneof="header"),
                        Field("append", BOOL),
                    ),
                )
            ),
        ),
        Field("requestHeadersToRemove", ListOf(STRING)),
        Field(
            "responseHeadersToAdd",
            ListOf(Message("HeaderValueOption", (Field("header", _HEADER_VALUE), Field("append", BOOL)))),
        ),
        Field("responseHeadersToRemove", ListOf(STRING)),
    ),
)

FAULTS = Message(
    "RouteFaults",
    (
        Field("abort", Message("RouteAbort", (Field("percentage", FLOAT), Field("httpStatus", UINT32)))),
        Field("delay", Message("RouteDelay", (Field("percentage", FLOAT), Field("fixedDelay", DURATION)))),
    ),
)
SHADOWING = Message(
    "RouteShadowing",
    (
        Field("upstream", REF),
        Field("percentage", FLOAT),
        *inert("changes the host of the copy only", "disableShadowHostSuffixAppend", "hostRewriteLiteral"),
    ),
)
HASH = Message(
    "RouteActionHashConfig",
    (
        Field(
            "hashPolicies",
            ListOf(
                Message(
                    "HashPolicy",
                    (
                        Field("header", STRING, oneof="KeyType"),
                        Field(
                            "cookie",
                            Message(
                                "Cookie", (Field("name", STRING), Field("ttl", DURATION), Field("path", STRING))
                            ),
                            oneof="KeyType",
                        ),
                        Field("sourceIp", BOOL, oneof="KeyType"),
                        Field("terminal", BOOL),
                    ),
                )
            ),
        ),
    ),
)
RETRIES = Message(
    "RetryPolicy",
    (
        Field("retryOn", STRING),
        Field("numRetries", UINT32),
        Field("perTryTimeout", DURATION),
        Field(
            "retryBackOff",
            Message("RetryBackOff", (Field("baseInterval", DURATION), Field("maxInterval", DURATION))),
        ),
        *inert(TRANSPORT, "previousPriorities", "retriableStatusCodes", "rateLimitedRetryBackOff"),
    ),
)

_UPGRADE_SPEC = Message("ProtocolUpgradeSpec", (Field("enabled", BOOL),))
UPGRADE = Message(
    "ProtocolUpgradeConfig",
    tuple(
        Field(name, _UPGRADE_SPEC, oneof="upgradeType") for name in ("websocket", "connect", "connectTerminate")
    ),
)

_TRANSFORMATIONS = (
    Field("transformations", ANY, OPEN, _REWRITTEN, UPSTREAM_SEES),
    Field("stagedTransformations", ANY, OPEN, _REWRITTEN, UPSTREAM_SEES),
)
_REFUSING_OPTIONS = (
    *inert(REFUSES, "cors", "csrf", "extauth", "ratelimitBasic", "waf", "rbac", "dlp", "extensions"),
    *(
        Field(name, ANY, _INERT, REFUSES, oneof=f"rate limit{stage}")
        for stage, names in (
            ("", ("ratelimit", "rateLimitConfigs")),
            (" early", ("ratelimitEarly", "rateLimitEarlyConfigs")),
            (" regular", ("ratelimitRegular", "rateLimitRegularConfigs")),
        )
        for name in names
    ),
)
_PROCESSORS = tuple(
    Field(name, ANY, OPEN, "an external processor may change requests and have them matched again")
    for name in ("extProc", "extProcEarly", "extProcLate")
)
_OPTIONS_OF_ROUTES_AND_HOSTS = (
    *_TRANSFORMATIONS,
    Field("headerManipulation", HEADER_MANIPULATION),
    *_REFUSING_OPTIONS,
    *_PROCESSORS,
    Field("retries", RETRIES),
    *inert(TRANSPORT, "bufferPerRoute"),
)

_ROUTE_OPTION_FIELDS = (
    *_OPTIONS_OF_ROUTES_AND_HOSTS,
    Field("timeout", DURATION),
    *inert(TRANSPORT, "idleTimeout", "maxStreamDuration", "tracing"),
    Field("upgrades", ListOf(UPGRADE)),
    *(Field(name, ANY, _INERT, REFUSES, oneof="jwt") for name in ("jwt", "jwtStaged", "jwtProvidersStaged")),
    Field("lbHash", HASH),
    *inert(COSMETIC, "envoyMetadata"),
    Field("autoHostRewrite", BOOL, _INERT, "takes effect for clusters found by DNS only", oneof="hostRewrite"),
    Field("hostRewritePathRegex", REGEX_REWRITE, oneof="hostRewrite"),
    Field("hostRewriteHeader", STRING, oneof="hostRewrite"),
    Field("appendXForwardedHost", BOOL),
    Field("regexRewrite", REGEX_REWRITE),
    Field("faults", FAULTS),
    Field("shadowing", SHADOWING),
    Field("ai", ANY, OPEN, "the AI gateway changes what the upstream is sent", UPSTREAM_SEES),
)
ROUTE_OPTIONS = Message(
    "RouteOptions",
    (
        Field("prefixRewrite", STRING),
        Field("hostRewrite", STRING, oneof="hostRewrite"),
        *_ROUTE_OPTION_FIELDS,
    ),
)


def unwrapped(plugins: Record) -> Record:
    """RoutePlugins of 2019 as RouteOptions: two fields had a message around their text."""
    for name in ("prefixRewrite", "hostRewrite"):
        if name in plugins:
            inner = plugins[name]
            text = inner.get(name)
            if text is None:
                del plugins.values[name]
            else:
                plugins.values[name] = text
                plugins.keys[name] = inner.keys[name]
    return plugins


ROUTE_PLUGINS = Message(
    "RoutePlugins",
    (
        Field("prefixRewrite", Message("PrefixRewrite", (Field("prefixRewrite", STRING),))),
        Field("hostRewrite", Message("HostRewrite", (Field("hostRewrite", STRING),)), oneof="hostRewrite"),
        *_ROUTE_OPTION_FIELDS,
    ),
)

VIRTUAL_HOST_OPTIONS = Message(
    "VirtualHostOptions",
    (
        *_OPTIONS_OF_ROUTES_AND_HOSTS,
        Field("jwt", ANY, _INERT, REFUSES, oneof="jwt"),
        Field("jwtStaged", ANY, _INERT, REFUSES, oneof="jwt"),
        *inert(TRANSPORT, "includeRequestAttemptCount", "includeAttemptCountInResponse"),
        *inert(COSMETIC, "stats", "corsPolicyMergeSettings"),
    ),
)

WEIGHTED_DESTINATION_OPTIONS = Message(
    "WeightedDestinationOptions",
    (
        Field("headerManipulation", HEADER_MANIPULATION),
        *_TRANSFORMATIONS,
        *inert(REFUSES, "extauth", "csrf", "extensions"),
        *inert(TRANSPORT, "bufferPerRoute"),
    ),
)

_KUBERNETES_ONLY = "concerns routes of the Kubernetes Gateway API"
ROUTE_OPTION_SPEC = Message(
    "RouteOption",
    (
        Field("options", ROUTE_OPTIONS),
        *inert(_KUBERNETES_ONLY, "targetRefs"),
        *inert(COSMETIC, "status", "namespacedStatuses"),
    ),
)
VIRTUAL_HOST_OPTION_SPEC = Message(
    "VirtualHostOption",
    (
        Field("options", VIRTUAL_HOST_OPTIONS),
        *inert(_KUBERNETES_ONLY, "targetRefs"),
        *inert(COSMETIC, "status", "namespacedStatuses"),
    ),
)
