"""Gateways: which VirtualServices a listener has, and what its connection manager does before routing."""

from __future__ import annotations

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
    Message,
)
from canarysim.manifests.gloo.fields.common import (
    COSMETIC,
    EXPRESSIONS,
    OPEN,
    REF,
    REFUSES,
    RESPONSE,
    TRANSPORT,
    inert,
)
from canarysim.manifests.gloo.fields.options import UPGRADE

__all__ = ["GATEWAY_SPEC"]

_TRUST = "tells internal requests from external ones"

CONNECTION_MANAGER = Message(
    "HttpConnectionManagerSettings",
    (
        Field("normalizePath", BOOL),
        Field("mergeSlashes", BOOL),
        Field("stripAnyHostPort", BOOL),
        Field("useRemoteAddress", BOOL),
        Field(
            "pathWithEscapedSlashesAction",
            EnumOf(
                (
                    *("IMPLEMENTATION_SPECIFIC_DEFAULT", "KEEP_UNCHANGED", "REJECT_REQUEST"),
                    *("UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD"),
                )
            ),
        ),
        Field("upgrades", ListOf(UPGRADE)),
        Field("earlyHeaderManipulation", ANY, OPEN, "headers are changed before routes are matched"),
        Field(
            "headersWithUnderscoresAction",
            EnumOf(("ALLOW", "REJECT_CLIENT_REQUEST", "DROP_HEADER")),
            OPEN,
            "headers with underscores are dropped or refused before routing",
        ),
        Field("via", STRING, OPEN, "a header is added before routing", ("request_headers",)),
        Field("appendXForwardedPort", BOOL, OPEN, "a header is added before routing", ("request_headers",)),
        Field("forwardClientCertDetails", ANY, OPEN, "a header is added before routing", ("request_headers",)),
        *inert(_TRUST, "skipXffAppend", "xffNumTrustedHops", "internalAddressConfig"),
        *inert(COSMETIC, "generateRequestId", "preserveExternalRequestId", "uuidRequestIdConfig", "tracing"),
        *inert(RESPONSE, "serverName", "serverHeaderTransformation"),
        *(
            Field(name, BOOL, Effect.INERT, RESPONSE, oneof="headerFormat")
            for name in ("properCaseHeaderKeyFormat", "preserveCaseHeaderKeyFormat")
        ),
        *inert("goes with forwardClientCertDetails", "setCurrentClientCertDetails"),
        *inert(REFUSES, "maxRequestHeadersKb", "maxHeadersCount", "acceptHttp10", "defaultHostForHttp10"),
        *inert(
            TRANSPORT,
            *("proxy100Continue", "streamIdleTimeout", "idleTimeout", "requestTimeout", "requestHeadersTimeout"),
            *("drainTimeout", "delayedCloseTimeout", "allowChunkedLength", "enableTrailers", "codecType"),
            *("maxConnectionDuration", "maxStreamDuration", "maxRequestsPerConnection", "http2ProtocolOptions"),
        ),
    ),
)

_PROCESSOR = "an external processor may change requests and have them matched again"
HTTP_LISTENER_OPTIONS = Message(
    "HttpListenerOptions",
    (
        Field("httpConnectionManagerSettings", CONNECTION_MANAGER),
        *(
            Field(f"disable{name[0].upper()}{name[1:]}", BOOL, Effect.INERT, "switches it off", oneof=name)
            for name in ("extProc", "extProcEarly", "extProcLate")
        ),
        *(Field(name, ANY, OPEN, _PROCESSOR, oneof=name) for name in ("extProc", "extProcEarly", "extProcLate")),
        Field("wasm", ANY, OPEN, "a filter of one's own may change requests and have them matched again"),
        Field("grpcJsonTranscoder", ANY, OPEN, "requests are rewritten and matched again"),
        Field("extauth", ANY, OPEN, "with clearRouteCache requests are matched again"),
        Field("sanitizeClusterHeader", BOOL, OPEN, "headers that name clusters are dropped before routing"),
        *inert("takes effect for dynamicForwardProxy only", "dynamicForwardProxy"),
        *inert(
            REFUSES,
            *("waf", "dlp", "ratelimitServer", "csrf", "connectionLimit", "networkLocalRatelimit"),
            *("httpLocalRatelimit", "headerValidationSettings", "extensions"),
        ),
        *inert("answers its own path", "healthCheck"),
        *inert(RESPONSE, "grpcWeb", "caching", "gzip", "proxyLatency", "buffer", "tap", "router"),
        *inert("tells one client from another", "leftmostXffAddress"),
        *inert("chooses endpoints inside the cluster", "statefulSession"),
    ),
)

HTTP_GATEWAY = Message(
    "HttpGateway",
    (
        Field("virtualServices", ListOf(REF)),
        Field("virtualServiceSelector", MapOf(STRING)),
        Field(
            "virtualServiceExpressions",
            Message("VirtualServiceSelectorExpressions", (Field("expressions", EXPRESSIONS),)),
        ),
        Field("virtualServiceNamespaces", ListOf(STRING)),
        Field("options", HTTP_LISTENER_OPTIONS),
        *inert("the options of 2019, which are let pass", "plugins"),
    ),
)

_TCP = Field("tcpGateway", ANY, Effect.INERT, "carries bytes, not requests", oneof="gatewayType")
MATCHED_GATEWAY = Message(
    "MatchedGateway",
    (
        Field(
            "matcher",
            Message(
                "Matcher",
                (
                    Field("sslConfig", ANY),
                    *inert("chooses connections", "sourcePrefixRanges", "passthroughCipherSuites"),
                ),
            ),
        ),
        Field("httpGateway", HTTP_GATEWAY, oneof="gatewayType"),
        _TCP,
    ),
)
HYBRID_GATEWAY = Message(
    "HybridGateway",
    (
        Field("matchedGateways", ListOf(MATCHED_GATEWAY)),
        Field("delegatedHttpGateways", ANY, OPEN, "MatchableHttpGateways are not read"),
        *inert("carries bytes, not requests", "delegatedTcpGateways"),
    ),
)

GATEWAY_SPEC = Message(
    "Gateway",
    (
        Field("ssl", BOOL),
        Field("bindAddress", STRING),
        Field("bindPort", UINT32),
        Field("proxyNames", ListOf(STRING)),
        Field("httpGateway", HTTP_GATEWAY, oneof="gatewayType"),
        _TCP,
        Field("hybridGateway", HYBRID_GATEWAY, oneof="gatewayType"),
        #: Of 2019: the references stood here.
        Field("virtualServices", ListOf(REF), oneof="gatewayType"),
        Field(
            "routeOptions",
            Message(
                "RouteConfigurationOptions",
                (
                    Field("mostSpecificHeaderMutationsWins", BOOL),
                    Field("maxDirectResponseBodySizeBytes", UINT32),
                ),
            ),
        ),
        *inert(TRANSPORT, "options", "useProxyProto"),
        *inert("the options of 2019, which are let pass", "plugins"),
        *inert(COSMETIC, "status", "namespacedStatuses"),
    ),
)
