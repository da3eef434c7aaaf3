"""The declared fields are those of the real thing: names, types, oneofs and rules, in both versions."""

from collections.abc import Mapping
from typing import Any

import pytest

from canarysim.manifests.envoy.fields import ROUTE_CONFIGURATION
from canarysim.manifests.envoy.server_fields import BOOTSTRAP, CONNECTION_MANAGER, LISTENER
from canarysim.manifests.envoy.types import (
    DOUBLE,
    DURATION,
    INT64,
    Packed,
    Proto,
    Text,
    Wrapped,
    camel_case,
)
from canarysim.manifests.fields import ANY, BOOL, STRING, UINT32, EnumOf, Field, ListOf, MapOf, Whole

from .descriptors import Definitions, ProtoField, definitions, fields_of
from .judge import Version

_ROUTE = "envoy.config.route.v3."
_PATH = "envoy.extensions.path."
_HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROOTS: dict[str, Proto] = {
    _ROUTE + "RouteConfiguration": ROUTE_CONFIGURATION,
    _HCM: CONNECTION_MANAGER,
    "envoy.config.listener.v3.Listener": LISTENER,
    "envoy.config.bootstrap.v3.Bootstrap": BOOTSTRAP,
}
FILES = """
    config/route/v3/route config/route/v3/route_components type/matcher/v3/string type/matcher/v3/regex
    type/matcher/v3/metadata type/matcher/v3/value type/matcher/v3/number type/v3/range type/v3/percent
    config/core/v3/base config/core/v3/extension config/core/v3/address config/core/v3/protocol
    extensions/path/match/uri_template/v3/uri_template_match config/cluster/v3/cluster
    extensions/path/rewrite/uri_template/v3/uri_template_rewrite config/listener/v3/listener
    extensions/filters/network/http_connection_manager/v3/http_connection_manager config/bootstrap/v3/bootstrap
    config/listener/v3/listener_components config/listener/v3/api_listener
    extensions/filters/http/fault/v3/fault extensions/filters/common/fault/v3/fault
""".split()

_PLAIN = {
    ("string", ""): (STRING,),
    ("bool", ""): (BOOL,),
    ("uint32", ""): (UINT32,),
    ("int64", ""): (INT64,),
    ("double", ""): (DOUBLE,),
    ("message", "google.protobuf.BoolValue"): (Wrapped(BOOL),),
    ("message", "google.protobuf.UInt32Value"): (Wrapped(UINT32),),
    ("message", "google.protobuf.Duration"): (DURATION,),
}


def _text_rules(rules: Mapping[int, Any]) -> Text | None:
    """What the rules of a string make of it; None for no rules. 24 without 25 would be the strict kind."""
    found = rules.get(14, {})
    if not found:
        return None
    assert not found.keys() - {2, 3, 5, 6, 24, 25}, found
    assert (24 in found) == (25 in found)
    return Text(
        least=found.get(2, [0])[0],
        most=found[3][0] if 3 in found else None,
        most_bytes=found[5][0] if 5 in found else None,
        pattern=_PATTERNS[found[6][0]] if 6 in found else "",
        one_line=24 in found,
    )


#: Of Envoy's dialect of regular expressions, and of Python's.
_PATTERNS = {rb"^[^?#]+[^?#/]$": r"\A[^?#]+[^?#/]\Z"}


class _Walk:
    def __init__(self, known: Definitions, envoy: Version) -> None:
        self.known = known
        self.envoy = envoy
        self.seen: set[str] = set()

    def message(self, declared: Proto, name: str) -> None:
        if name in self.seen:
            return
        self.seen.add(name)
        real = self.known.messages[name]
        assert name.endswith("." + declared.name)
        ours = {field.name: field for field in declared.fields if not field.since > self.envoy}
        assert not ours.keys() - real.fields.keys(), name
        if not declared.partial:
            assert ours.keys() == real.fields.keys(), name
            assert frozenset(declared.choices) == real.required_oneofs, name
        for field_name, field in ours.items():
            self.field(field, real.fields[field_name], f"{name}.{field_name}", declared.partial)

    def field(self, field: Field, real: ProtoField, path: str, partial: bool) -> None:
        assert real.json_name in {"", camel_case(field.name)}
        assert field.oneof == real.oneof or (partial and not field.oneof), path
        if field.type is ANY:
            return
        kind, rules = field.type, dict(real.rules)
        if not partial:
            required = rules.get(17, {}).get(2) == [1] or rules.get(20, {}).get(1) == [1]
            assert field.required == (required and not real.oneof), path
        assert real.repeated == isinstance(kind, ListOf | MapOf), path
        if isinstance(kind, MapOf):
            assert isinstance(kind.item, Packed)
            assert real.type_name.endswith("Entry")
            for name, inner in kind.item.messages.items():
                self.message(inner, name)
            return
        if isinstance(kind, ListOf):
            repeated = rules.get(18, {})
            if not partial:
                assert kind.least == repeated.get(1, [0])[0], path
                assert kind.most == repeated.get(2, [2**31])[0], path
            item_rules = fields_of(repeated[4][0]) if 4 in repeated else {}
            rules = {number: fields_of(each) for number, (each,) in item_rules.items()}
            kind = kind.item
        if isinstance(kind, Proto):
            self.message(kind, real.type_name)
        elif isinstance(kind, Packed):
            assert real.type_name == "google.protobuf.Any", path
            for name, inner in kind.messages.items():
                self.message(inner, name)
        elif isinstance(kind, EnumOf):
            assert dict(enumerate(kind.names)) == self.known.enums[real.type_name], path
        elif isinstance(kind, Text) and not partial:
            assert kind == _text_rules(rules), path
        elif isinstance(kind, Whole) and kind not in {UINT32, INT64}:
            assert real.type == "uint32"
            assert (rules[5][5], rules[5][2]) == ([kind.low], [kind.high + 1]), path
        else:
            assert kind in _PLAIN[real.type, real.type_name], path
            assert partial or not _text_rules(rules), path


@pytest.mark.parametrize("name", ROOTS)
def test_the_declarations_are_envoys(envoy: Version, name: str) -> None:
    known = definitions(envoy, *(f"envoy/{file}.proto" for file in FILES))
    walk = _Walk(known, envoy)
    walk.message(ROOTS[name], name)
    if name.endswith("RouteConfiguration"):
        assert len(walk.seen) > 40


def test_every_field_that_came_after_1_36_says_so() -> None:
    files = [f"envoy/{file}.proto" for file in FILES]
    old, new = definitions("1.36", *files), definitions("1.40", *files)
    walk = _Walk(new, "1.40")
    walk.message(ROUTE_CONFIGURATION, _ROUTE + "RouteConfiguration")
    added = {
        f"{name.rpartition('.')[2]}.{field}"
        for name in walk.seen
        for field in new.messages[name].fields
        if name not in old.messages or field not in old.messages[name].fields
    }
    gone = {
        f"{name}.{field}"
        for name in walk.seen & old.messages.keys()
        for field in old.messages[name].fields.keys() - new.messages[name].fields.keys()
    }
    assert not gone
    assert added == {
        *("CookieMatcher.name", "CookieMatcher.string_match", "CookieMatcher.invert_match"),
        *(
            "RouteConfiguration.vhost_header",
            "RouteConfiguration.route_specifiers",
            "VirtualHost.route_specifiers",
        ),
        *("Route.route_specifiers", "RouteMatch.cookies", "RouteAction.path_rewrite", "RouteAction.host_rewrite"),
        *("RedirectAction.path_rewrite", "DirectResponseAction.body_format", "FaultAbort.response_body"),
    }
