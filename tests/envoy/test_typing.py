"""What Envoy reads, canarysim reads as the same, and what Envoy's loader refuses, canarysim refuses."""

import json
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from canarysim.manifests.document import ENVOY_JSON, ENVOY_YAML, Mapping, Node, read_documents
from canarysim.manifests.envoy.fields import ROUTE_CONFIGURATION
from canarysim.manifests.envoy.reader import EnvoyReader
from canarysim.manifests.envoy.scalars import to_python
from canarysim.manifests.fields import Record
from canarysim.problems import Severity

from .judge import Version
from .loading import ROUTES_TYPE, taken


def _text(rest: str) -> str:
    return f'resources: [{{"@type": "{ROUTES_TYPE}", "name": "@NAME", {rest}}}]\n'


_ROUTE = '"virtual_hosts": [{"name": "v", "domains": ["x"], "routes": [{%s}]}]'
_METADATA = '"filter": "a", "path": [{"key": "b"}]'
_MATCH = _ROUTE % '"match": {"prefix": "/", %s}, "redirect": {}'

#: Where a value of each type stands in a text, in our record, and in Envoy's dump.
Kind = tuple[str, Callable[[Record], Any], Callable[[dict[str, Any]], Any]]


def _route(record: Record) -> Record:
    route: Record = record["virtual_hosts"][0]["routes"][0]
    return route


def _dumped(dump: dict[str, Any]) -> dict[str, Any]:
    route: dict[str, Any] = dump["virtual_hosts"][0]["routes"][0]
    return route


def _seconds(text: str | None) -> int | None:
    return None if text is None else round(float(text[:-1]) * 10**9)


KINDS: dict[str, Kind] = {
    "string": (
        _text(_ROUTE % '"name": @, "match": {"prefix": "/"}, "redirect": {}'),
        lambda r: _route(r).get("name", ""),
        lambda d: _dumped(d).get("name", ""),
    ),
    "list of strings": (
        _text('"internal_only_headers": @ '),
        lambda r: r.get("internal_only_headers", []),
        lambda d: d.get("internal_only_headers", []),
    ),
    "bool": (
        _text(_MATCH % '"headers": [{"name": "a", "invert_match": @ }]'),
        lambda r: _route(r)["match"]["headers"][0].get("invert_match", False),
        lambda d: _dumped(d)["match"]["headers"][0].get("invert_match", False),
    ),
    "BoolValue": (
        _text(_MATCH % '"case_sensitive": @'),
        lambda r: _route(r)["match"].get("case_sensitive"),
        lambda d: _dumped(d)["match"].get("case_sensitive"),
    ),
    "uint32": (
        _text(_ROUTE % '"match": {"prefix": "/"}, "redirect": {"port_redirect": @ }'),
        lambda r: _route(r)["redirect"].get("port_redirect", 0),
        lambda d: _dumped(d)["redirect"].get("port_redirect", 0),
    ),
    "UInt32Value": (
        _text('"max_direct_response_body_size_bytes": @ '),
        lambda r: r.get("max_direct_response_body_size_bytes"),
        lambda d: d.get("max_direct_response_body_size_bytes"),
    ),
    "int64": (
        _text(_MATCH % '"headers": [{"name": "a", "range_match": {"start": @ }}]'),
        lambda r: _route(r)["match"]["headers"][0]["range_match"].get("start", 0),
        lambda d: int(_dumped(d)["match"]["headers"][0]["range_match"].get("start", 0)),
    ),
    "double": (
        _text(_MATCH % f'"dynamic_metadata": [{{{_METADATA}, "value": {{"double_match": {{"exact": @ }}}}}}]'),
        lambda r: repr(0.0 + _route(r)["match"]["dynamic_metadata"][0]["value"]["double_match"]["exact"]),
        lambda d: repr(0.0 + float(_dumped(d)["match"]["dynamic_metadata"][0]["value"]["double_match"]["exact"])),
    ),
    "enum": (
        _text('"virtual_hosts": [{"name": "v", "domains": ["x"], "require_tls": @ }]'),
        lambda r: r["virtual_hosts"][0].get("require_tls", "NONE"),
        lambda d: d["virtual_hosts"][0].get("require_tls", "NONE"),
    ),
    "duration": (
        _text(_ROUTE % '"match": {"prefix": "/"}, "route": {"cluster": "c", "timeout": @ }'),
        lambda r: _route(r)["route"].get("timeout"),
        lambda d: _seconds(_dumped(d)["route"].get("timeout")),
    ),
    "struct": (
        _text('"metadata": {"filter_metadata": {"a": {"b": @ }}}'),
        lambda r: to_python(r["metadata"], r.reader.json)["filter_metadata"]["a"],  # type: ignore[attr-defined]
        lambda d: d["metadata"]["filter_metadata"]["a"],
    ),
}

_WORDS = """
    y n Y N yes no Yes YES yEs on off ON oN On true True TRUE tRUE false = ~ null Null NULL nULL '' '~' 'null' a
    '1' 'true' 'True' 'yes' 't' 'F' 'NO' 'on' '0' !!str␣1 !␣1 !!int␣x !!str␣y !!null␣a !foo␣1 !!str␣~ !!str␣'1'
    !!int␣'5' !␣'x' !!null !!str 2026-01-01 12:30:45 1␣2 {} [] [a] [a,b] [~] [[a],b,[[c]]] [~,a] {a:␣b} {value:␣5}
    {value:␣true} {value:␣'5'} {seconds:␣1} {seconds:␣1.0} {seconds:␣1,nanos:␣5} {value:␣y} {value:␣-1} maybe
    ALL all aLL 'ALL␣' EXTERNAL_ONLY external_only external-only '␣2' '2␣' +2 '+2' 02 '02' 3 -1 2.0 '2.0' none
    1s 0s 1.5s '1s' 0.123456789s 0.1234567891s 1ms 1m +1s 1.s .5s s 1e3s '␣1s' 1S 01s 1,5s 1_0s
""".split()
_NUMBERS = """
    0 1 -1 +1 +0 -0 007 010 080 -010 00 0x1f 0X1F 0x 0xg -0x1f 0x-1 0o17 0b1 1_0 1.5 1.50 1e3 1e2 1e-1 10e-1 .5 1.
    .0 .inf .nan 2147483647 2147483648 -2147483648 -2147483649 0x80000000 040000000000 4294967295 4294967296
    9223372036854775807 9223372036854775808 -9223372036854775808 99999999999999999999 '1' '+1' '-1' '1.0' '1.5'
    '1e1' '10e-1' '0x50' '010' '␣1' '1␣' '-0' '-0.0' 1.0 1e400 1e15 1e16 9007199254740992.0 9007199254740994.0
    '9007199254740993' NaN Infinity -Infinity inf nan 'inf' '+inf' 'nan(1)' '0x1p3' '0x50.0' '+0x50' '1e' '.' '+'
    '1.e5' '+-5' ++1 0-1 1- - 5_0 1f '٣' 1e-400
""".split()
WORDS = [text.replace("␣", " ") for text in _WORDS]
NUMBERS = [text.replace("␣", " ") for text in _NUMBERS]
NUMERIC = ("uint32", "UInt32Value", "int64", "double")


def _random_texts(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    texts = []
    for _ in range(count):
        text = "".join(rng.choice("0123456789014567+-.eExXbB_tyn~afs") for _ in range(rng.randint(1, 6)))
        texts.append(f"'{text}'" if rng.random() < 0.3 else text)
    return texts


def _read(text: str, envoy: Version, as_json: bool) -> Record | None:
    """Our reading of the RouteConfiguration in a text; None where it is refused."""
    documents, problems = read_documents(text, "f", ENVOY_JSON if as_json else ENVOY_YAML)
    reader = EnvoyReader("f", envoy=envoy, json=as_json)
    record = None
    if documents and isinstance(documents[0], Mapping):
        (node,) = documents[0].get("resources").items  # type: ignore[union-attr]
        record = reader.message(ROUTE_CONFIGURATION, node, "", packed=True)
    found = problems + reader.problems
    return None if any(problem.severity is Severity.ERROR for problem in found) else record


def _compare(envoy: Version, cases: Sequence[tuple[str, str]], as_json: bool = False) -> None:
    texts = [
        KINDS[kind][0].replace("@NAME", f"r{number}").replace("@", text, 2).replace(text + "type", "@type", 1)
        for number, (kind, text) in enumerate(cases)
    ]
    if as_json:
        texts = ["{" + text.replace("resources", '"resources"', 1).rstrip() + "}" for text in texts]
    wrong = []
    dumps = taken(envoy, texts, ".json" if as_json else ".yaml")
    for text, (kind, scalar), dump in zip(texts, cases, dumps, strict=True):
        record = _read(text, envoy, as_json)
        ours = None if record is None else (KINDS[kind][1](record),)
        theirs = None if dump is None else (KINDS[kind][2](dump),)
        if ours != theirs:
            wrong.append(f"{kind} {scalar}: {ours} for {theirs}")
    assert not wrong, "\n".join(wrong)
    assert any(dump is None for dump in dumps)
    assert any(dump is not None for dump in dumps)


def _cases(seed: int, count: int, texts: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of a type and a text: a sample of all pairs that is always the same."""
    pairs = [(kind, text) for kind in KINDS for text in texts]
    return random.Random(seed).sample(pairs, count)


def test_scalars_of_yaml_mean_what_envoy_makes_of_them(envoy: Version) -> None:
    _compare(envoy, _cases(1, 360, [*WORDS, *NUMBERS, *_random_texts(2, 60)]))


JSON_TEXTS = [
    *('""', '"a"', '"1"', '"1.0"', '"0x50"', '"true"', '"y"', '"ALL"', '"all"', '"1s"', '"1.5s"', '" 1"', '"NaN"'),
    *("0", "1", "-1", "2", "1.0", "1.5", "1e2", "1e-1", "-0", "2147483648", "4294967295", "4294967296", "1e400"),
    *(
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "1e16",
        "99999999999999999999",
        "01",
        "+1",
    ),
    *("1.", ".5", "0x5", "true", "false", "null", "True", "y", "yes", "~", "{}", "[]", '["a"]', '[["a"], "b"]'),
    *("[null]", "[1]", "{'value': 5}", '{"value": true}', '{"seconds": 1, "nanos": 5}', "'a'", '"\\u00e9\\/"'),
    *('"\\ud83d\\ude00"', "[true]", '[{"a": 1.5}]'),
]


def test_scalars_of_json_mean_what_envoy_makes_of_them(envoy: Version) -> None:
    _compare(envoy, _cases(3, 180, JSON_TEXTS), as_json=True)


#: What follows the name of a RouteConfiguration, and whether it is JSON.
STRUCTURES = [
    ("internal_only_headers: [a, b]", False),
    ("internalOnlyHeaders: a", False),
    ("InternalOnlyHeaders: a", False),
    ("internal_onlyHeaders: [a]", False),
    ("name: other\n  name: @NAME", False),
    ("<<: {internal_only_headers: [a]}", False),
    ("metadata: &m {filter_metadata: {a: {b: 1, b: 2}}}\n  internal_only_headers: &l [x]", False),
    ("virtual_hosts: {name: v, domains: x}", False),
    ("virtual_hosts: [[{name: v, domains: [x]}], {name: w, domains: [[y], z]}]", False),
    ("virtual_hosts: [~]", False),
    ("virtual_hosts: [{name: v, domains: [x], routes: [~]}]", False),
    (
        "virtual_hosts: [{name: v, domains: x, routes: {match: {prefix: /, path: ~}, redirect: {}, route: ~}}]",
        False,
    ),
    ("virtual_hosts: [{name: v, domains: x, routes: {match: {prefix: ''}, redirect: {}}}]", False),
    ("virtual_hosts: [{name: v, domains: x, routes: {match: {prefix: a, path: b}, redirect: {}}}]", False),
    ("virtual_hosts: [{name: v, domains: x, routes: {match: {}, redirect: {}}}]", False),
    (
        "virtual_hosts: [{name: v, domains: x, routes: {match: {prefix: ''}, redirect: {}, directResponse: {}}}]",
        False,
    ),
    ("metadata: {filter_metadata: {a: {b: 1}, a: {c: y}}}", False),
    ("virtual_hosts: [{'@type': x/y, name: v, domains: [x]}]", False),
    ("typed_per_filter_config: {f: {a: 1}}", False),
    ("typed_per_filter_config: {f: {'@type': envoy.extensions.filters.http.cors.v3.CorsPolicy}}", False),
    ("true: a", False),
    ("? [a]\n  : b", False),
    ("vhost_header: a", False),
    ('"internal_only_headers": "a"', True),
    ('"internal_only_headers": [["a"], "b",]', True),
    ('"name": "other", "name": "@NAME"', True),
    ('"max_direct_response_body_size_bytes": 5, "max_direct_response_body_size_bytes": 6', True),
    ('"bogus": null', True),
    ('"metadata": {"filter_metadata": {"a": {"b": 1.5, "c": [null, true, "y", 12345678901]}}}', True),
]


@pytest.mark.parametrize("as_json", [False, True])
def test_structures_are_read_as_envoy_reads_them(envoy: Version, as_json: bool) -> None:
    bodies = [body for body, in_json in STRUCTURES if in_json == as_json]
    if as_json:
        texts = [f'{{"resources": [{{"@type": "{ROUTES_TYPE}", "name": "@NAME", {b}}}]}}' for b in bodies]
    else:
        texts = [f'resources:\n- "@type": {ROUTES_TYPE}\n  name: @NAME\n  {body}\n' for body in bodies]
    texts = [text.replace("@NAME", f"r{number}") for number, text in enumerate(texts)]
    dumps = taken(envoy, texts, ".json" if as_json else ".yaml")
    for text, dump in zip(texts, dumps, strict=True):
        record = _read(text, envoy, as_json)
        assert (record is None) == (dump is None), text
        if record is not None and dump is not None:
            again = _read(json.dumps({"resources": [dump]}), envoy, as_json=True)
            assert again is not None
            assert _plain(record, as_json) == _plain(again, as_json=True), text


def _plain(value: object, as_json: bool) -> object:
    """What a record holds, without places."""
    if isinstance(value, Record):
        pairs = {name: _plain(value[name], as_json) for name in value.values}
        return {name: inner for name, inner in pairs.items() if inner not in ("", [], False)}
    if isinstance(value, list):
        return [_plain(item, as_json) for item in value]
    if isinstance(value, Node):
        return to_python(value, as_json)
    return value


def test_a_field_in_both_spellings_is_refused_for_either_may_win(envoy: Version) -> None:
    both = "internal_only_headers: [a], internalOnlyHeaders: [b]"
    texts = [f'resources: [{{"@type": "{ROUTES_TYPE}", name: r{number}, {both}}}]' for number in range(50)]
    seen = [None if dump is None else tuple(dump["internal_only_headers"]) for dump in taken(envoy, texts)]
    assert set(seen) == {("a", "b"), ("b", "a")}
    assert _read(texts[0], envoy, as_json=False) is None


def test_infinite_and_missing_numbers_are_kept() -> None:
    record = _read(KINDS["double"][0].replace("@NAME", "r").replace(": @ ", ": '-inf' "), "1.40", as_json=False)
    assert record is not None
    matcher = _route(record)["match"]["dynamic_metadata"][0]["value"]["double_match"]
    assert matcher["exact"] == -math.inf
