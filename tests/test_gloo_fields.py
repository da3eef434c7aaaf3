"""Every field that is declared does what its declaration says: simulated ones decide, inert ones never do.

A manifest around a message is built from the declaration: the fields on the way to it, beside them what ``BESIDE``
has for their messages, and behind them in lists what ``BEHIND`` has. A row of ``ROWS`` says what a simulated field
needs to make a difference; one that ``BESIDE`` has makes it by going.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import attrs
import pytest

import canarysim as cs
from canarysim.manifests.fields import (
    BOOL,
    DURATION,
    FLOAT,
    STRING,
    Effect,
    EnumOf,
    Field,
    ListOf,
    MapOf,
    Message,
    Type,
    Whole,
)
from canarysim.manifests.gloo.fields import RESOURCES
from canarysim.table.decision import Decision

Json = dict[str, Any]

_TWO_OF_A_NAME = ("HeaderValueOption", "Matcher")


class Place(NamedTuple):
    """A message, and the fields that lead to it from a resource of a kind."""

    kind: str
    message: Message
    way: tuple[tuple[str, Message, Field], ...] = ()

    @property
    def label(self) -> str:
        """The message's name; behind the field it stands in, where two messages have that name."""
        name = self.message.name
        return f"{self.way[-1][2].name}:{name}" if name in _TWO_OF_A_NAME else name


def inner(kind: Type) -> Type:
    return inner(kind.item) if isinstance(kind, ListOf | MapOf) else kind


def places() -> list[Place]:
    """Every message in the resources, each once, but for what is inside of fields that are not simulated."""
    found: dict[int, Place] = {}
    for kind, whole in RESOURCES.items():
        waiting = [Place(kind, whole)]
        for place in waiting:
            if id(place.message) in found:
                continue
            found[id(place.message)] = place
            for field in place.message.fields:
                spellings = (field, *(field._replace(name=old.name, type=old.type) for old in field.legacy))
                for each in spellings if field.effect is not Effect.UNSIMULATED else ():
                    if isinstance(message := inner(each.type), Message):
                        step = place.label, place.message, each
                        waiting.append(Place(kind, message, (*place.way, step)))
    return list(found.values())


# The resources around a message


def document(kind: str, name: str, spec: Json, namespace: str = "ns", **metadata: Any) -> Json:
    group = "gloo" if kind in {"Upstream", "UpstreamGroup"} else "gateway"
    metadata = {"name": name, "namespace": namespace, **metadata}
    return {"apiVersion": f"{group}.solo.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def service(*routes: Json, name: str = "t", domains: tuple[str, ...] = ("*",), **host: Any) -> Json:
    return document("VirtualService", name, {"virtualHost": {"domains": [*domains], "routes": [*routes], **host}})


def upstream(name: str, **more: Any) -> Json:
    return {"upstream": {"name": name}, **more}


def to(name: str, **more: Any) -> Json:
    return {"routeAction": {"single": upstream(name, **more)}}


def ref(name: str) -> Json:
    return {"name": name, "namespace": "ns"}


def options_of(name: str) -> Json:
    return {"optionsConfigRefs": {"delegateOptions": [ref(name)]}}


def delegating(**action: Any) -> Json:
    return {"matchers": [{"prefix": "/"}], "delegateAction": action}


def calling(**function: Json) -> tuple[Json, ...]:
    """A VirtualService that calls a function of the Upstream in question."""
    return (service(to("n", destinationSpec=function)),)


def adding(value: str) -> Json:
    """An option that sets a header."""
    return {
        "headerManipulation": {
            "requestHeadersToAdd": [{"header": {"key": "x-m", "value": value}, "append": False}]
        }
    }


REST = to("rest")
DIRECT = {
    "matchers": [{"prefix": "/direct"}],
    "directResponseAction": {"status": 200, "body": "body"},
    "options": {"headerManipulation": {"responseHeadersToAdd": [{"header": {"key": "x-r", "value": "route"}}]}},
}
REST_FUNCTION = {"rest": {"functionName": "f", "parameters": {"path": "/{id}"}}}
SERVES_F = {"serviceSpec": {"rest": {"transformations": {"f": {"headers": {"x-f": {"text": "{{ id }}"}}}}}}}
UPSTREAM = document("Upstream", "u", {"static": SERVES_F})
TABLES = (
    document("RouteTable", "web", {"routes": [to("web")]}, labels={"app": "web"}),
    document("RouteTable", "api", {"routes": [to("api")]}, labels={"app": "api"}),
    document("RouteTable", "web", {"routes": [to("far")]}, "far", labels={"app": "web"}),
)
GATEWAY = document(
    "Gateway",
    "g",
    {"bindAddress": "::", "bindPort": 80, "httpGateway": {"virtualServiceSelector": {"app": "web"}}},
)

#: What refers to the resource in question, by its kind.
AROUND: dict[str, tuple[Json, ...]] = {
    "VirtualService": (),
    "RouteTable": (service(delegating(ref=ref("n")), REST),),
    "RouteOption": (service({**to("r0"), **options_of("n")}),),
    "VirtualHostOption": (service(to("r0"), **options_of("n")),),
    "UpstreamGroup": (service({"routeAction": {"upstreamGroup": ref("n")}}),),
    "Upstream": calling(**REST_FUNCTION),
    "Gateway": (
        {
            **service(to("s")),
            "metadata": {"name": "s"},
            "spec": {"sslConfig": {}, "virtualHost": {"routes": [to("s")]}},
        },
        service(
            DIRECT,
            {"name": "n", "matchers": [{"prefix": "/x"}], **to("r0"), "options": adding("route")},
            REST,
            options=adding("host"),
        ),
        {
            **service(to("two"), domains=("two.example",)),
            "metadata": {"name": "two", "namespace": "far", "labels": {"app": "web"}},
        },
    ),
}

#: What stands beside the field in question, by the message around both.
BESIDE: dict[str, Json] = {
    "metadata": {"name": "n", "namespace": "ns"},
    "VirtualService": {"virtualHost": {"domains": ["*"], "routes": [DIRECT, to("r0")]}},
    "VirtualHost": {"routes": [DIRECT, to("r0")]},
    "Route": to("r0"),
    "matchers:Matcher": {"prefix": "/"},
    "HeaderMatcher": {"name": "x-a"},
    "QueryParameterMatcher": {"name": "q"},
    "RouteAction": {"single": upstream("u")},
    "Destination": upstream("u"),
    "ResourceRef": ref("r"),
    "KubernetesServiceDestination": {"ref": {"name": "s", "namespace": "k"}, "port": 80},
    "ConsulServiceDestination": {"serviceName": "s"},
    "rest.DestinationSpec": {"functionName": "f"},
    "WeightedDestination": {"destination": upstream("w"), "weight": 1},
    "requestHeadersToAdd:HeaderValueOption": {"header": {"key": "x-a", "value": "added"}},
    "responseHeadersToAdd:HeaderValueOption": {"header": {"key": "x-r", "value": "added"}},
    "HeaderValue": {"key": "x-n", "value": "added"},
    "RegexMatchAndSubstitute": {"pattern": {"regex": "x"}, "substitution": "z"},
    "RegexMatcher": {"regex": "x"},
    "DirectResponseAction": {"status": 418},
    "Expression": {"key": "app", "operator": "In", "values": ["web"]},
    "Cookie": {"name": "c"},
    "RouteAbort": {"percentage": 50, "httpStatus": 503},
    "RouteDelay": {"percentage": 50, "fixedDelay": "2s"},
    "RouteShadowing": {"upstream": ref("s"), "percentage": 50},
    "RouteTable": {"routes": [to("r0")]},
    "UpstreamGroup": {"destinations": [{"destination": upstream("g"), "weight": 1}]},
    "Upstream": {"static": {}},
    "UpstreamSpec": {"static": {}},
    "TransformationTemplate": {"headers": {"x-f": {"text": "{{ id }}"}}},
    "InjaTemplate": {"text": "text"},
    "HeaderToAppend": {"key": "x-f", "value": {"text": "b"}},
    "Gateway": {"bindAddress": "::", "bindPort": 8080, "httpGateway": {}},
    "HybridGateway": {"matchedGateways": [{"httpGateway": {}}]},
    "MatchedGateway": {"httpGateway": {}},
}  # fmt: skip
#: What follows in a list.
BEHIND: dict[str, list[Json]] = {
    "VirtualHost.routes": [REST],
    "HybridGateway.matchedGateways": [{"httpGateway": {}}],
    "MultiDestination.destinations": [{"destination": upstream("w2"), "weight": 1}],
}


@attrs.frozen
class Row:
    """What a simulated field is compared with and without.

    ``beside`` stands there both times, ``instead`` without the field only. ``also`` are more resources, ``around``
    other ones than those of ``AROUND``.
    """

    value: Any
    beside: Json = attrs.field(factory=dict)
    instead: Json = attrs.field(factory=dict)
    also: tuple[Json, ...] = ()
    around: tuple[Json, ...] | None = None
    #: The field is refused here, or has something refused.
    refused: bool = False


HOST_OPTION = document("VirtualHostOption", "r", {"options": adding("v")})


def subset(**values: str) -> tuple[Json, ...]:
    """A VirtualService that wants a subset of the Upstream in question."""
    return (service(to("n", subset={"values": values})),)


MUTATION = {"requestHeadersToAdd": [{"header": {"key": "x-n", "value": "v"}}]}
FAILING = {"text": "{{ nothing }}"}
OF_TYPE = {
    **{name: Row(SERVES_F) for name in ("kube", "static", "pipe", "consul")},
    "aws": Row({"lambdaFunctions": [{"logicalName": "f"}]}, around=calling(aws={"logicalName": "f"})),
    "azure": Row({"functions": [{"functionName": "f"}]}, around=calling(azure={"functionName": "f"})),
    **{name: Row({}, refused=True) for name in ("awsEc2", "gcp", "ai")},
}
OPTIONS = {
    "headerManipulation": Row(MUTATION),
    "retries": Row({"retryOn": "5xx"}),
    "timeout": Row("5s"),
    "upgrades": Row([{"websocket": {"enabled": False}}]),
    "lbHash": Row({"hashPolicies": [{"header": "x-a"}]}),
    "hostRewritePathRegex": Row({"pattern": {"regex": "/(.*)"}, "substitution": "\\1"}),
    "hostRewriteHeader": Row("x-a"),
    "appendXForwardedHost": Row(True, {"hostRewriteHeader": "x-a"}),
    "regexRewrite": Row({"pattern": {"regex": "x"}, "substitution": "z"}),
    "faults": Row({"abort": {"percentage": 50, "httpStatus": 503}}),
    "shadowing": Row({"upstream": ref("s"), "percentage": 50}),
}
#: By message and field.
ROWS: dict[str, dict[str, Row]] = {
    "metadata": {
        "name": Row("n", instead={"name": "other"}),
        "namespace": Row("ns"),
        "labels": Row({"app": "web"}, also=(GATEWAY,)),
    },
    "VirtualService": {"sslConfig": Row({})},
    "VirtualHost": {
        "domains": Row(["two.example"]),
        "options": Row({"headerManipulation": MUTATION}),
        "optionsConfigRefs": Row(
            options_of("o")["optionsConfigRefs"],
            also=(document("VirtualHostOption", "o", {"options": {"headerManipulation": MUTATION}}),),
        ),
    },
    "Route": {
        "name": Row("mine"),
        "matchers": Row([{"prefix": "/x"}]),
        "inheritableMatchers": Row(
            True,
            {"matchers": [{"prefix": "/", "methods": ["POST"]}], "delegateAction": {"ref": ref("web")}},
            also=TABLES,
        ),
        "inheritablePathMatchers": Row(
            True, {"matchers": [{"prefix": "/x"}], "delegateAction": {"ref": ref("web")}}, also=TABLES
        ),
        "redirectAction": Row({"hostRedirect": "h"}),
        "directResponseAction": Row({"status": 418}),
        "delegateAction": Row({"ref": ref("web")}, also=TABLES),
        "options": Row({"prefixRewrite": "/new"}),
        "optionsConfigRefs": Row(
            options_of("o")["optionsConfigRefs"],
            also=(document("RouteOption", "o", {"options": {"prefixRewrite": "/new"}}),),
        ),
    },
    "matchers:Matcher": {
        "prefix": Row("/x", instead={"prefix": "/"}),
        "exact": Row("/x"),
        "regex": Row("/x+"),
        "connectMatcher": Row({}),
        "caseSensitive": Row(False, {"prefix": "/x"}),
        "headers": Row([{"name": "x-a"}]),
        "queryParameters": Row([{"name": "q"}]),
        "methods": Row(["POST"]),
    },
    "HeaderMatcher": {"value": Row("1"), "regex": Row(True, {"value": "[0-9]"}), "invertMatch": Row(True)},
    "QueryParameterMatcher": {"value": Row("1"), "regex": Row(True, {"value": "[0-9]"})},
    "RouteAction": {
        "multi": Row({"destinations": [{"destination": upstream("w"), "weight": 1}]}),
        "upstreamGroup": Row(
            ref("g"),
            also=(
                document("UpstreamGroup", "g", {"destinations": [{"destination": upstream("w"), "weight": 1}]}),
            ),
        ),
        "clusterHeader": Row("x-a"),
    },
    "Destination": {
        "kube": Row({"ref": {"name": "s", "namespace": "k"}, "port": 80}),
        "consul": Row({"serviceName": "s"}),
        "destinationSpec": Row(REST_FUNCTION),
        "subset": Row({"values": {"a": "b"}}),
    },
    "ResourceRef": {"name": Row("r", also=(HOST_OPTION,)), "namespace": Row("ns", also=(HOST_OPTION,))},
    "DestinationSpec": {
        "aws": Row({"logicalName": "f"}),
        "azure": Row({"functionName": "f"}),
        "rest": Row({"functionName": "f"}),
        "grpc": Row({"function": "f"}),
    },
    "aws.DestinationSpec": {"logicalName": Row("f")},
    "azure.DestinationSpec": {"functionName": Row("f")},
    "rest.DestinationSpec": {"parameters": Row({"path": "/{id}"}, also=(UPSTREAM,))},
    "grpc.DestinationSpec": {"function": Row("f")},
    "Parameters": {"path": Row("/{id}", also=(UPSTREAM,)), "headers": Row({"x-a": "{id}"}, also=(UPSTREAM,))},
    "Subset": {"values": Row({"a": "b"})},
    "MultiDestination": {"destinations": Row([{"destination": upstream("w"), "weight": 1}])},
    "WeightedDestination": {"options": Row({"headerManipulation": MUTATION})},
    "WeightedDestinationOptions": {"headerManipulation": Row(MUTATION)},
    "HeaderManipulation": {
        "requestHeadersToAdd": Row(MUTATION["requestHeadersToAdd"]),
        "requestHeadersToRemove": Row(["x-a"]),
        "responseHeadersToAdd": Row(MUTATION["requestHeadersToAdd"]),
        "responseHeadersToRemove": Row(["x-r"]),
    },
    "requestHeadersToAdd:HeaderValueOption": {"append": Row(False)},
    "responseHeadersToAdd:HeaderValueOption": {"append": Row(False)},
    "RedirectAction": {
        "hostRedirect": Row("h"),
        "pathRedirect": Row("/p"),
        "prefixRewrite": Row("/p"),
        "regexRewrite": Row({"pattern": {"regex": "x"}, "substitution": "z"}),
        "responseCode": Row("FOUND"),
        "httpsRedirect": Row(True),
        "stripQuery": Row(True),
        "portRedirect": Row(81),
    },
    "DirectResponseAction": {"body": Row("body")},
    "DelegateAction": {
        "name": Row("web", {"namespace": "ns"}, also=TABLES),
        "namespace": Row("ns", {"name": "web"}, also=TABLES),
        "ref": Row(ref("web"), also=TABLES),
        "selector": Row({"labels": {"app": "web"}}, also=TABLES),
    },
    "RouteTableSelector": {
        "namespaces": Row(["far"], also=TABLES),
        "labels": Row({"app": "web"}, also=TABLES),
        "expressions": Row([{"key": "app", "operator": "Equals", "values": ["web"]}], also=TABLES),
    },
    "Expression": {
        "key": Row("app", instead={"key": "tier"}, also=TABLES),
        "operator": Row("In", instead={"operator": "NotIn"}, also=TABLES),
        "values": Row(["web"], instead={"values": ["api"]}, also=TABLES),
    },
    "RouteOptions": {**OPTIONS, "prefixRewrite": Row("/new"), "hostRewrite": Row("h")},
    "RoutePlugins": {
        **OPTIONS,
        "prefixRewrite": Row({"prefixRewrite": "/new"}),
        "hostRewrite": Row({"hostRewrite": "h"}),
    },
    "PrefixRewrite": {"prefixRewrite": Row("/new")},
    "HostRewrite": {"hostRewrite": Row("h")},
    "RetryPolicy": {
        "retryOn": Row("5xx"),
        "numRetries": Row(3),
        "perTryTimeout": Row("1s"),
        "retryBackOff": Row({"baseInterval": "0s"}, refused=True),
    },
    "RetryBackOff": {
        "baseInterval": Row("2s", {"maxInterval": "3s"}),
        "maxInterval": Row("1s", {"baseInterval": "2s"}, refused=True),
    },
    "ProtocolUpgradeConfig": {
        "websocket": Row({"enabled": False}, instead={"connect": {}}),
        "connect": Row({}, instead={"websocket": {}}),
        "connectTerminate": Row({}, instead={"websocket": {}}),
    },
    "ProtocolUpgradeSpec": {"enabled": Row(False)},
    "RouteActionHashConfig": {"hashPolicies": Row([{"header": "x-a"}])},
    "HashPolicy": {
        "header": Row("x-a", instead={"header": "x-b"}),
        "cookie": Row({"name": "c"}, instead={"header": "x-b"}),
        "sourceIp": Row(True, instead={"header": "x-b"}),
        "terminal": Row(True, {"header": "x-b"}),
    },
    "Cookie": {"name": Row("c", instead={"name": "d"}), "ttl": Row("5s"), "path": Row("/")},
    "RouteFaults": {
        "abort": Row({"percentage": 50, "httpStatus": 503}),
        "delay": Row({"percentage": 50, "fixedDelay": "2s"}),
    },
    "DelegateOptionsRefs": {"delegateOptions": Row([ref("r")], also=(HOST_OPTION,))},
    "VirtualHostOptions": {"headerManipulation": Row(MUTATION), "retries": Row({"retryOn": "5xx"})},
    "RouteTable": {
        "weight": Row(-1, also=TABLES, around=(service(delegating(selector={}), REST),)),
    },
    "RouteOption": {"options": Row({"prefixRewrite": "/new"})},
    "VirtualHostOption": {"options": Row({"headerManipulation": MUTATION})},
    "Upstream": {**OF_TYPE, "upstreamSpec": Row({"static": SERVES_F})},
    "UpstreamSpec": OF_TYPE,
    "kube.UpstreamSpec": {
        "serviceSpec": Row(SERVES_F["serviceSpec"]),
        "subsetSpec": Row({"selectors": [{"keys": ["a"]}]}, around=subset(a="b")),
    },
    **{f"{name}.UpstreamSpec": {"serviceSpec": Row(SERVES_F["serviceSpec"])} for name in ("static", "pipe")},
    "consul.UpstreamSpec": {
        "serviceSpec": Row(SERVES_F["serviceSpec"]),
        "serviceTags": Row(["a"], around=subset(tag_a="b")),
        "subsetTags": Row(["a"], around=subset(tag_a="b")),
        "dataCenters": Row(["a"], around=subset(dc_a="b")),
    },
    "ServiceSpec": {"rest": Row(SERVES_F["serviceSpec"]["rest"])},
    "rest.ServiceSpec": {"transformations": Row(SERVES_F["serviceSpec"]["rest"]["transformations"])},
    "TransformationTemplate": {
        "advancedTemplates": Row(True),
        "headersToAppend": Row([{"key": "x-f", "value": {"text": "b"}}]),
        "headersToRemove": Row(["x-a"]),
        "body": Row({"text": "b"}),
        "passthrough": Row({}),
        "mergeExtractorsToBody": Row({}),
        "parseBodyBehavior": Row("DontParse"),
        "ignoreErrorOnParse": Row(True),
        "dynamicMetadataValues": Row([{"value": FAILING}]),
        "escapeCharacters": Row(True, {"headers": {"x-f": {"text": '{{ default(a, "") }}'}}}),
        "spanTransformer": Row({"name": FAILING}),
    },
    "DynamicMetadataValue": {"value": Row(FAILING)},
    "SpanTransformer": {"name": Row(FAILING)},
    "SubsetSpec": {"selectors": Row([{"keys": ["a"]}], around=subset(a="b"))},
    "Selector": {"keys": Row(["a"], around=subset(a="b"))},
    "aws.UpstreamSpec": {"lambdaFunctions": Row([{"logicalName": "f"}], around=calling(aws={"logicalName": "f"}))},
    "LambdaFunctionSpec": {"logicalName": Row("f", around=calling(aws={"logicalName": "f"}))},
    "azure.UpstreamSpec": {"functions": Row([{"functionName": "f"}], around=calling(azure={"functionName": "f"}))},
    "FunctionSpec": {"functionName": Row("f", around=calling(azure={"functionName": "f"}))},
    "Gateway": {
        "ssl": Row(True),
        "bindAddress": Row("::", instead={"bindAddress": "127.0.0.1"}),
        "proxyNames": Row(["other"]),
        "hybridGateway": Row({"matchedGateways": [{"httpGateway": {}}]}),
        "virtualServices": Row([{"name": "two", "namespace": "far"}]),
        "routeOptions": Row({"mostSpecificHeaderMutationsWins": True}),
    },
    "HttpGateway": {
        "virtualServices": Row([{"name": "two", "namespace": "far"}]),
        "virtualServiceSelector": Row({"app": "web"}),
        "virtualServiceExpressions": Row({"expressions": [{"key": "app", "operator": "Exists"}]}),
        "virtualServiceNamespaces": Row(["far"]),
        "options": Row({"httpConnectionManagerSettings": {"normalizePath": False}}),
    },
    "VirtualServiceSelectorExpressions": {"expressions": Row([{"key": "app", "operator": "Exists"}])},
    "HttpListenerOptions": {"httpConnectionManagerSettings": Row({"normalizePath": False})},
    "HttpConnectionManagerSettings": {
        "normalizePath": Row(False),
        "mergeSlashes": Row(True),
        "stripAnyHostPort": Row(True),
        "useRemoteAddress": Row(True),
        "pathWithEscapedSlashesAction": Row("REJECT_REQUEST"),
        "upgrades": Row([{"websocket": {"enabled": False}}]),
    },
    "MatchedGateway": {"matcher": Row({"sslConfig": {}})},
    "matcher:Matcher": {"sslConfig": Row({})},
    "RouteConfigurationOptions": {
        "mostSpecificHeaderMutationsWins": Row(True),
        "maxDirectResponseBodySizeBytes": Row(
            5000, around=(service({"directResponseAction": {"status": 200, "body": "b" * 5000}}),)
        ),
    },
}

#: Values of fields that are kept as they stand, or that say nothing with any value.
VALUES: dict[str, Any] = {
    "transformations": {"requestTransformation": {"transformationTemplate": {"body": {"text": "b"}}}},
    "stagedTransformations": {"early": {"requestTransforms": [{"requestTransformation": {}}]}},
    "headerSecretRef": {"name": "s", "namespace": "ns"},
    "mergeJsonKeys": {"jsonKeys": {"a": {"tmpl": {"text": "b"}}}},
    "dynamicForwardProxy": {"hostRewrite": "a"},
    "headersWithUnderscoresAction": "DROP_HEADER",
    "cors": {"allowOrigin": ["https://a.example"]},
    "corsPolicy": {"allowOrigin": ["https://a.example"]},
    "jwt": {"providers": {"p": {"issuer": "i"}}},
    "bufferPerRoute": {"disabled": True},
    "idleTimeout": "5s",
    "swaggerInfo": {"url": "http://a/swagger.json"},
    "extractors": {"id": {"header": "x-a", "regex": ".*", "subgroup": 0}},
    "tcpGateway": {"tcpHosts": []},
}
#: ``HttpListenerOptions.extauth`` is open where it says so; elsewhere the field only refuses.
CLEARS = {"clearRouteCache": True}


def plausible(place: Place, field: Field) -> Any:
    """Some value of a field."""
    if (place.label, field.name) == ("HttpListenerOptions", "extauth"):
        return CLEARS
    return VALUES.get(field.name, _plausible(field.type))


def _plausible(kind: Type) -> Any:
    if kind in (STRING, BOOL, FLOAT, DURATION):
        return {STRING: "a", BOOL: True, FLOAT: 1.5, DURATION: "1s"}[kind]
    match kind:
        case Whole():
            return 1
        case EnumOf():
            return kind.names[-1]
        case ListOf():
            return [_plausible(kind.item)]
        case MapOf():
            return {"a": _plausible(kind.item)}
        case Message():
            return {}
        case _:
            return {"anything": "at all"}


# From a message to answers


def joined(message: Message, fields: Json, more: Json) -> Json:
    """The fields with more of them, and without what these exclude."""
    oneofs = {field.name: field.oneof for field in message.fields}
    excluded = {oneofs.get(name) for name in more} - {"", None}
    return {**{name: value for name, value in fields.items() if oneofs.get(name) not in excluded}, **more}


def without(fields: Json, field: Field) -> Json:
    return {name: value for name, value in fields.items() if name != field.name}


def resource(place: Place, body: Json) -> Json:
    """The resource with that body where the message of a place stands."""
    value: Any = body
    for label, message, field in reversed(place.way):
        if isinstance(field.type, ListOf):
            value = [value, *BEHIND.get(f"{label}.{field.name}", [])]
        elif isinstance(field.type, MapOf):
            value = {"f": value}
        if message.name == "resource":
            whole = document(place.kind, "n", BESIDE.get(place.kind, {}))
            return {**whole, field.name: value}
        value = joined(message, BESIDE.get(label, {}), {field.name: value})
    whole = document(place.kind, "n", BESIDE.get(place.kind, {}))
    return {name: value for name, value in {**whole, **body}.items() if value is not None}


REQUESTS = [
    *map(
        cs.Request.parse,
        """
        GET http://t.example/x?q=1
        GET http://t.example/x x-a:1
        GET http://t.example/X?q=[0-9] x-a:[0-9]
        GET http://two.example/y
        GET http://two.example:8080/x
        GET http://t.example/direct
        GET http://t.example/y/../x
        GET http://t.example//x
        GET http://t.example/x%2fy
        GET http://t.example/x upgrade:websocket connection:upgrade
        """.strip().splitlines(),
    ),
    cs.Request("t.example:80", method="CONNECT", authority="t.example:80"),
    cs.Request("/x", authority="t.example", headers={"x-envoy-internal": "true", "x-forwarded-for": "10.0.0.1"}),
    cs.Request("/x", method="POST", authority="t.example", body='{"a": "a\\"b"}'),
    cs.Request("/x", method="POST", authority="t.example", body="no JSON"),
]
ATTRIBUTES = [name for name in dir(Decision) if not name.startswith("_")]
_PLACES_IN_TEXT = ("seen", "envoy", "source", "unknown")


def manifest(*documents: Json) -> str:
    return "\n---\n".join(json.dumps(each, indent=1) for each in documents)


def tables(text: str) -> dict[str, cs.RouteTable]:
    try:
        table = cs.loads(text)
    except cs.SeveralTables as several:
        return {name: cs.loads(text, table=name) for name in several.names}
    return {table.name: table}


class Refused(list[tuple[str, str]]):
    """The problems of a manifest that is not read."""


def answers(text: str) -> Any:
    """All that is decided of all requests, and what is wrong but for notes; in which line does not count."""
    try:
        found = tables(text)
    except cs.ManifestError as error:
        return Refused((problem.code, problem.where.path) for problem in error.problems)
    return {
        name: (
            table.route_configuration,
            [host.retries for host in table.virtual_hosts],
            [(each.code, each.where.path) for each in table.problems if each.severity is not cs.Severity.INFO],
            [
                [
                    ({name: getattr(decision, name) for name in ATTRIBUTES if name not in _PLACES_IN_TEXT}, share)
                    for decision, share in table.shares(request)
                ]
                for request in REQUESTS
            ],
        )
        for name, table in found.items()
    }


def fields(effect: Effect) -> list[Any]:
    return [
        pytest.param(place, field, id=f"{place.kind} {place.label}.{field.name}")
        for place in places()
        for field in place.message.fields
        if field.effect is effect
    ]


def row_of(place: Place, field: Field) -> Row:
    """The row of a field; one that ``BESIDE`` has needs none, and neither do those of every resource."""
    if place.message.name == "resource":
        whole = document(place.kind, "n", BESIDE.get(place.kind, {}))
        return Row(whole[field.name], instead={field.name: None})
    row = ROWS.get(place.label, {}).get(field.name)
    return Row(BESIDE[place.label][field.name]) if row is None else row


def around(place: Place, row: Row) -> tuple[Json, ...]:
    return (*(AROUND[place.kind] if row.around is None else row.around), *row.also)


@pytest.mark.parametrize(("place", "field"), fields(Effect.SIMULATED))
def test_a_simulated_field_decides(place: Place, field: Field) -> None:
    row = row_of(place, field)
    beside = joined(place.message, BESIDE.get(place.label, {}), row.beside)
    rest = joined(place.message, without(beside, field), row.instead)
    others = around(place, row)
    there = answers(manifest(resource(place, joined(place.message, beside, {field.name: row.value})), *others))
    assert isinstance(there, Refused) is row.refused
    assert there != answers(manifest(resource(place, rest), *others))


#: Where an inert field may leave no room for a REST function.
_WITHOUT_REST = (
    "ServiceSpec",
    *(f"{kind}.UpstreamSpec" for kind in ("aws", "azure", "awsEc2")),
    "LambdaFunctionSpec",
    "FunctionSpec",
)


@pytest.mark.parametrize(("place", "field"), fields(Effect.INERT))
def test_an_inert_field_decides_nothing(place: Place, field: Field) -> None:
    body = joined(place.message, BESIDE.get(place.label, {}), {field.name: plausible(place, field)})
    others = AROUND[place.kind]
    if place.kind == "Upstream" and place.label in _WITHOUT_REST:
        others = (service(to("n")),)
    gone = [resource(place, without(body, field))]
    if (place.label, field.name) == ("Gateway", "tcpGateway"):  # the whole Gateway may as well not be there
        others, gone = (*others, GATEWAY), []
    there = answers(manifest(resource(place, body), *others))
    assert not isinstance(there, Refused)
    assert there == answers(manifest(*gone, *others))


#: Said only: the first may add listeners and changes nothing on others; what functions make says itself that it
#: is open.
_SAID = ["delegatedHttpGateways", "mergeJsonKeys"]


@pytest.mark.parametrize(("place", "field"), fields(Effect.UNSIMULATED))
def test_a_field_that_is_not_simulated_leaves_open_what_it_could_change(place: Place, field: Field) -> None:
    body = joined(place.message, BESIDE.get(place.label, {}), {field.name: plausible(place, field)})
    text = manifest(resource(place, body), *AROUND[place.kind])
    (table,) = tables(text).values()
    (problem,) = [each for each in table.problems if each.where.path.endswith(f".{field.name}")]
    assert problem.severity is cs.Severity.WARNING
    assert f'"{field.name}"' in text.splitlines()[(problem.where.line or 0) - 1]
    opened = [
        decision
        for request in REQUESTS
        for decision, _ in table.shares(request)
        if any(each.where == problem.where for each in decision.unknown)
    ]
    assert bool(opened) is (field.name not in _SAID)
    for decision in opened:
        assert (decision.kind == "unknown") is (not field.parts)
        assert all(part in decision.open_parts for part in field.parts)


def legacy() -> list[Any]:
    return [
        pytest.param(place, field, old.name, id=f"{place.label}.{old.name}")
        for place in places()
        for field in place.message.fields
        for old in field.legacy
    ]


@pytest.mark.parametrize(("place", "field", "old"), legacy())
def test_a_spelling_of_2019_decides_as_that_of_today(place: Place, field: Field, old: str) -> None:
    row = row_of(place, field)
    value = row.value
    if old == "matcher":
        (value,) = value
    if old == "routePlugins":
        value = {"prefixRewrite": row.value}
    beside = without(BESIDE.get(place.label, {}), field)
    today = answers(manifest(resource(place, {**beside, field.name: row.value}), *around(place, row)))
    assert not isinstance(today, Refused)
    assert answers(manifest(resource(place, {**beside, old: value}), *around(place, row))) == today


def test_every_simulated_field_has_a_row_and_every_row_a_field() -> None:
    declared = {
        (place.label, field.name)
        for place in places()
        for field in place.message.fields
        if field.effect is Effect.SIMULATED and place.message.name != "resource"
    }
    rows = {(label, name) for label, each in (*ROWS.items(), *BESIDE.items()) for name in each}
    assert declared == rows
