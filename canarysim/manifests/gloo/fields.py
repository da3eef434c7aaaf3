"""Every field of a Gloo VirtualService, declared once: type, older spellings, and what it does to answers.

Source: the protobuf definitions of Gloo 1.22, and those of v0.8 to v0.21 for the 2019 form. The 2019 form is
read as a syntax: it is brought into today's shape and then means what today's Gloo makes of it.

Inside ``options`` a field's own fields are declared as far as they are simulated; what lies deeper is kept as
it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canarysim.manifests.fields import (
    ANY,
    BOOL,
    STRING,
    UINT32,
    Effect,
    EnumOf,
    Field,
    Legacy,
    ListOf,
    MapOf,
    Message,
)
from canarysim.manifests.gloo.functions import PARAMETERS
from canarysim.table.redirects import REDIRECT_CODES

if TYPE_CHECKING:
    from canarysim.manifests.fields import Record

__all__ = ["UPSTREAM_GROUP", "VIRTUAL_SERVICE"]

_INERT = Effect.INERT
_OPEN = Effect.UNSIMULATED

_UPSTREAM_SEES = ("path", "authority", "request_headers", "location")


def _inert(note: str, *names: str) -> tuple[Field, ...]:
    return tuple(Field(name, ANY, _INERT, note) for name in names)


def _same(value: Any) -> Any:
    return value


def _one(value: Any) -> list[Any]:
    return [value]


_REFUSES = "may refuse a request, never sends it elsewhere"
_TRANSPORT = "how the request is carried, not where to"
_REWRITTEN = "changes what the upstream is sent"
_COSMETIC = "says something of the resource, not of requests"

REF = Message("ResourceRef", (Field("name", STRING), Field("namespace", STRING)))

REGEX_REWRITE = Message(
    "RegexMatchAndSubstitute",
    (
        Field(
            "pattern",
            Message("RegexMatcher", (Field("regex", STRING), *_inert("there is one engine, RE2", "googleRe2"))),
        ),
        Field("substitution", STRING),
    ),
)

HEADER_MATCHER = Message(
    "HeaderMatcher",
    (Field("name", STRING), Field("value", STRING), Field("regex", BOOL), Field("invertMatch", BOOL)),
)
QUERY_PARAMETER_MATCHER = Message(
    "QueryParameterMatcher", (Field("name", STRING), Field("value", STRING), Field("regex", BOOL))
)
MATCHER = Message(
    "Matcher",
    (
        Field("prefix", STRING, oneof="path"),
        Field("exact", STRING, oneof="path"),
        Field("regex", STRING, oneof="path"),
        Field("connectMatcher", ANY, oneof="path"),
        Field("caseSensitive", BOOL),
        Field("headers", ListOf(HEADER_MATCHER)),
        Field("queryParameters", ListOf(QUERY_PARAMETER_MATCHER)),
        Field("methods", ListOf(STRING)),
    ),
)

_FUNCTION_INPUT = "what the function is given; it moves no decision"
DESTINATION_SPEC = Message(
    "DestinationSpec",
    (
        Field(
            "rest",
            Message(
                "rest.DestinationSpec",
                (
                    Field("functionName", STRING),
                    Field("parameters", PARAMETERS),
                    *_inert("changes the response only", "responseTransformation"),
                ),
            ),
            oneof="function",
        ),
        Field(
            "aws",
            Message(
                "aws.DestinationSpec",
                (
                    Field("logicalName", STRING),
                    *_inert(_FUNCTION_INPUT, "invocationStyle", "requestTransformation"),
                    *_inert(_FUNCTION_INPUT, "wrapAsApiGateway"),
                    *_inert(
                        "changes the response only",
                        "responseTransformation",
                        "unwrapAsAlb",
                        "unwrapAsApiGateway",
                    ),
                ),
            ),
            oneof="function",
        ),
        Field(
            "azure",
            Message("azure.DestinationSpec", (Field("functionName", STRING),)),
            oneof="function",
        ),
        Field(
            "grpc",
            Message(
                "grpc.DestinationSpec",
                (
                    Field("function", STRING),
                    *_inert(_FUNCTION_INPUT, "package", "service", "parameters"),
                ),
            ),
            oneof="function",
        ),
    ),
)

DESTINATION = Message(
    "Destination",
    (
        Field("upstream", REF, oneof="destination"),
        Field(
            "kube",
            Message("KubernetesServiceDestination", (Field("ref", REF), Field("port", UINT32))),
            oneof="destination",
        ),
        Field(
            "consul",
            Message(
                "ConsulServiceDestination",
                (
                    Field("serviceName", STRING),
                    *_inert("chooses endpoints inside the cluster", "tags", "dataCenters"),
                ),
            ),
            oneof="destination",
        ),
        Field("destinationSpec", DESTINATION_SPEC),
        Field("subset", Message("Subset", (Field("values", MapOf(STRING)),))),
    ),
)

_TRANSFORMATIONS = (
    Field("transformations", ANY, _OPEN, _REWRITTEN, _UPSTREAM_SEES),
    Field("stagedTransformations", ANY, _OPEN, _REWRITTEN, _UPSTREAM_SEES),
)
HEADER_MANIPULATION = Message(
    "HeaderManipulation",
    (
        Field("requestHeadersToAdd", ANY, _OPEN, _REWRITTEN, ("request_headers",)),
        Field("requestHeadersToRemove", ANY, _OPEN, _REWRITTEN, ("request_headers",)),
        *_inert("changes the response only", "responseHeadersToAdd", "responseHeadersToRemove"),
    ),
)
WEIGHTED_DESTINATION_OPTIONS = Message(
    "WeightedDestinationOptions",
    (
        Field("headerManipulation", HEADER_MANIPULATION),
        *_TRANSFORMATIONS,
        *_inert(_REFUSES, "extauth", "csrf", "extensions"),
        *_inert(_TRANSPORT, "bufferPerRoute"),
    ),
)
WEIGHTED_DESTINATION = Message(
    "WeightedDestination",
    (
        Field("destination", DESTINATION),
        Field("weight", UINT32),
        Field(
            "options",
            WEIGHTED_DESTINATION_OPTIONS,
            legacy=(Legacy("weightedDestinationPlugins", WEIGHTED_DESTINATION_OPTIONS, _same),),
        ),
    ),
)
MULTI_DESTINATION = Message("MultiDestination", (Field("destinations", ListOf(WEIGHTED_DESTINATION)),))

ROUTE_ACTION = Message(
    "RouteAction",
    (
        Field("single", DESTINATION, oneof="destination"),
        Field("multi", MULTI_DESTINATION, oneof="destination"),
        Field("upstreamGroup", REF, oneof="destination"),
        Field("clusterHeader", STRING, oneof="destination"),
        Field(
            "dynamicForwardProxy",
            ANY,
            _OPEN,
            "dynamic forward proxies are not simulated",
            oneof="destination",
        ),
    ),
)

_REFUSING_OPTIONS = (
    *_inert(_REFUSES, "cors", "csrf", "extauth", "ratelimitBasic", "waf", "rbac", "dlp", "extensions"),
    *(
        Field(name, ANY, _INERT, _REFUSES, oneof=f"rate limit{stage}")
        for stage, names in (
            ("", ("ratelimit", "rateLimitConfigs")),
            (" early", ("ratelimitEarly", "rateLimitEarlyConfigs")),
            (" regular", ("ratelimitRegular", "rateLimitRegularConfigs")),
        )
        for name in names
    ),
)
_PROCESSORS = tuple(
    Field(name, ANY, _OPEN, "an external processor may change requests and have them matched again")
    for name in ("extProc", "extProcEarly", "extProcLate")
)
_OPTIONS_OF_ROUTES_AND_HOSTS = (
    *_TRANSFORMATIONS,
    Field("headerManipulation", HEADER_MANIPULATION),
    *_REFUSING_OPTIONS,
    *_PROCESSORS,
    *_inert(_TRANSPORT, "retries", "bufferPerRoute"),
)

_UPGRADE_SPEC = Message("ProtocolUpgradeSpec", (Field("enabled", BOOL),))
UPGRADE = Message(
    "ProtocolUpgradeConfig",
    (
        Field("websocket", _UPGRADE_SPEC, oneof="upgradeType"),
        Field("connect", _UPGRADE_SPEC, oneof="upgradeType"),
        Field("connectTerminate", _UPGRADE_SPEC, oneof="upgradeType"),
    ),
)

_ROUTE_OPTION_FIELDS = (
    *_OPTIONS_OF_ROUTES_AND_HOSTS,
    *_inert(_TRANSPORT, "timeout", "idleTimeout", "maxStreamDuration", "tracing"),
    Field("upgrades", ListOf(UPGRADE)),
    *(Field(name, ANY, _INERT, _REFUSES, oneof="jwt") for name in ("jwt", "jwtStaged", "jwtProvidersStaged")),
    *_inert("chooses endpoints inside the cluster", "lbHash"),
    *_inert(_COSMETIC, "envoyMetadata"),
    Field("autoHostRewrite", BOOL, _INERT, "takes effect for clusters found by DNS only", oneof="hostRewrite"),
    Field("hostRewriteHeader", STRING, oneof="hostRewrite"),
    Field("hostRewritePathRegex", REGEX_REWRITE, oneof="hostRewrite"),
    Field("appendXForwardedHost", BOOL),
    Field("regexRewrite", REGEX_REWRITE),
    Field("faults", ANY, _OPEN, "faults end or delay requests by chance"),
    Field("shadowing", ANY, _OPEN, "shadowed requests are not simulated", ("mirrors",)),
    Field("ai", ANY, _OPEN, "the AI gateway changes what the upstream is sent", _UPSTREAM_SEES),
)
ROUTE_OPTIONS = Message(
    "RouteOptions",
    (
        Field("prefixRewrite", STRING),
        Field("hostRewrite", STRING, oneof="hostRewrite"),
        *_ROUTE_OPTION_FIELDS,
    ),
)


def _unwrapped(plugins: Record) -> Record:
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

REDIRECT_ACTION = Message(
    "RedirectAction",
    (
        Field("hostRedirect", STRING),
        Field("pathRedirect", STRING, oneof="path"),
        Field("prefixRewrite", STRING, oneof="path"),
        Field("regexRewrite", REGEX_REWRITE, oneof="path"),
        Field("responseCode", EnumOf(tuple(REDIRECT_CODES))),
        Field("httpsRedirect", BOOL),
        Field("stripQuery", BOOL),
        Field("portRedirect", UINT32),
    ),
)
DIRECT_RESPONSE_ACTION = Message("DirectResponseAction", (Field("status", UINT32), Field("body", STRING)))

DELEGATE_OPTIONS = Message("DelegateOptionsRefs", (Field("delegateOptions", ListOf(REF)),))

ROUTE = Message(
    "Route",
    (
        Field("name", STRING),
        Field("matchers", ListOf(MATCHER), legacy=(Legacy("matcher", MATCHER, _one),)),
        Field("inheritableMatchers", BOOL, _INERT, "concerns delegated routes, which are not read"),
        Field("inheritablePathMatchers", BOOL, _INERT, "concerns delegated routes, which are not read"),
        Field("routeAction", ROUTE_ACTION, oneof="action"),
        Field("redirectAction", REDIRECT_ACTION, oneof="action"),
        Field("directResponseAction", DIRECT_RESPONSE_ACTION, oneof="action"),
        Field("delegateAction", ANY, _OPEN, "delegation is not expanded", oneof="action"),
        Field("graphqlApiRef", ANY, _OPEN, "GraphQL was removed from Gloo", oneof="action"),
        Field("options", ROUTE_OPTIONS, legacy=(Legacy("routePlugins", ROUTE_PLUGINS, _unwrapped),)),
        Field("optionsConfigRefs", DELEGATE_OPTIONS, _OPEN, "RouteOption resources are not read"),
    ),
)

VIRTUAL_HOST_OPTIONS = Message(
    "VirtualHostOptions",
    (
        *_OPTIONS_OF_ROUTES_AND_HOSTS,
        Field("jwt", ANY, _INERT, _REFUSES, oneof="jwt"),
        Field("jwtStaged", ANY, _INERT, _REFUSES, oneof="jwt"),
        *_inert(_TRANSPORT, "includeRequestAttemptCount", "includeAttemptCountInResponse"),
        *_inert(_COSMETIC, "stats", "corsPolicyMergeSettings"),
    ),
)
VIRTUAL_HOST = Message(
    "VirtualHost",
    (
        Field("domains", ListOf(STRING)),
        Field("routes", ListOf(ROUTE)),
        Field(
            "options",
            VIRTUAL_HOST_OPTIONS,
            legacy=(Legacy("virtualHostPlugins", VIRTUAL_HOST_OPTIONS, _same),),
        ),
        Field("optionsConfigRefs", DELEGATE_OPTIONS, _OPEN, "VirtualHostOption resources are not read"),
        *_inert("Gloo gives virtual hosts a name of its own", "name"),
        *_inert(_REFUSES, "corsPolicy"),
    ),
)

VIRTUAL_SERVICE_SPEC = Message(
    "VirtualService",
    (
        Field("virtualHost", VIRTUAL_HOST),
        Field("sslConfig", ANY),
        *_inert(_COSMETIC, "displayName", "status", "namespacedStatuses"),
    ),
)

METADATA = Message(
    "metadata",
    (
        Field("name", STRING),
        Field("namespace", STRING),
        Field("labels", MapOf(STRING), _INERT, "selected by Gateways, which are not read"),
        *_inert(
            _COSMETIC,
            *(
                "annotations",
                "creationTimestamp",
                "deletionGracePeriodSeconds",
                "deletionTimestamp",
                "finalizers",
            ),
            *(
                "generateName",
                "generation",
                "managedFields",
                "ownerReferences",
                "resourceVersion",
                "selfLink",
            ),
            *("uid", "clusterName"),
        ),
    ),
)

UPSTREAM_GROUP_SPEC = Message(
    "UpstreamGroup",
    (
        Field("destinations", ListOf(WEIGHTED_DESTINATION)),
        *_inert(_COSMETIC, "status", "namespacedStatuses"),
    ),
)


def _resource(spec: Message) -> Message:
    return Message(
        "resource",
        (
            Field("apiVersion", STRING),
            Field("kind", STRING),
            Field("metadata", METADATA),
            Field("spec", spec),
            *_inert(_COSMETIC, "status"),
        ),
    )


VIRTUAL_SERVICE = _resource(VIRTUAL_SERVICE_SPEC)
UPSTREAM_GROUP = _resource(UPSTREAM_GROUP_SPEC)
