"""What Gloo's REST functions make of requests: templates, extractors, headers, bodies, and the router behind."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import canarysim as cs
from canarysim.faces.decision import decision_text
from canarysim.faces.json import decision_dict
from canarysim.faces.schemas import schema
from canarysim.manifests.document import Mapping, read_documents
from canarysim.manifests.fields import Effect, Reader, Record
from canarysim.manifests.gloo.fields.functions import PARAMETERS, REST_SERVICE_SPEC, TRANSFORMATION_TEMPLATE
from canarysim.manifests.gloo.functions import extractors, request_extractors, rest_function
from canarysim.problems import Where
from canarysim.table import regex
from canarysim.table.actions import RouteAction, Unknown
from canarysim.table.formats import FormatString
from canarysim.table.inja import parse
from canarysim.table.inja_json import NoJson, TooPrecise, from_json, to_json
from canarysim.table.inja_render import Fails, Open, Unsimulated, Variables, render
from canarysim.table.mutations import HeaderMutations, HeaderToAdd, Mutations
from canarysim.table.rewrites import HostRewrite, PrefixRewrite, RegexRewrite
from canarysim.table.transformations import Extraction, Template, Transformation, UpstreamRequest

from .cases import virtual_service
from .test_regex_laws import judge

GOLDEN = (
    Path(__file__).parent.parent.parent / "shared" / "suites" / "gloo_golden" / "050-rest-path-extractors.yaml"
)
GROUP = r"([\-._%[:alnum:]]+)"

# Templates


class Asked:
    """Variables whose header function answers with the name it is asked for."""

    def __init__(self, context: Any = None, *, escapes: bool = False) -> None:
        self.variables = Variables(context, "BODY", lambda name: f"<{name}>", lambda name: f"[{name}]", escapes)


DATA = {
    "id": "7",
    "empty": "",
    "owner": {"id": "o1", "two words": 2},
    "list": ["a", 2, True, None],
    "n": 12,
    "f": 1.5,
    "t": True,
    "nul": None,
    "e-x": "dash",
    "line": 'a"\n',
}


def written(text: str, *, pointers: bool = False, escapes: bool = False) -> str:
    return render(parse(text, pointers), Asked(DATA, escapes=escapes).variables)


# What solo-io/inja v3.4.0-patch3 writes, compiled and asked.
@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("", ""),
        ("/a { b } # c", "/a { b } # c"),
        ("/api/pets/{{ id }}", "/api/pets/7"),
        ("{{id}}{{ owner.id }}{{ owner/id }}{{e-x}}", "7o1o1dash"),
        ("{{ list.1 }}{{ list/0 }}{{ t }}{{ nul }}|{{ f }} {{ list }}", '2atrue|1.5 ["a",2,true,null]'),
        (
            '{{ default(nope, "") }}|{{ default(id, "x") }}|{{ default(nul, "x") }}|{{ default(empty, "x") }}',
            "|7||",
        ),
        ('{{ default(nope, default(owner.nope, "y")) }}', "y"),
        ('{{ exists("owner.id") }} {{ exists("owner.x") }} {{ existsIn(owner, "id") }}', "true false true"),
        (
            '{{ upper("aé") }} {{ lower("AÉ") }} {{ length("é") }} {{ length(list) }} {{ length(nul) }}',
            "Aé aÉ 2 4 0",
        ),
        ('{{ join(list, ", ") }}', "a, 2, true, null"),
        ('{{ first(list) }}{{ last("x") }}{{ at(list, 1) }}{{ at(owner, "id") }}{{ int("12ab") }}', "ax2o112"),
        ("{{ n + 1 }} {{ n - 20 }} {{ n * 2 + 1 }} {{ 2 + n * 2 }} {{ id + owner.id }}", "13 -8 25 26 7o1"),
        (
            "{{ n == 12 }} {{ n == 12.0 }} {{ n == id }} {{ n < 13 and n >= 12 }} {{ not t or false }}",
            "true true false true false",
        ),
        ('{{ "a" in list }} {{ "b" in list }} {{ 2 in list }}', "true false true"),
        ("{% if empty %}x{% endif %}{% if nul %}y{% else if n == 12 %}z{% else %}w{% endif %}", "xz"),
        (
            "{% for x in list %}{{ loop.index1 }}{{ x }}{% if loop.is_last %}.{% endif %}{% endfor %}",
            "1a223true4.",
        ),
        ("{% for k, v in owner %}{{ k }}={{ v }};{% endfor %}", "id=o1;two words=2;"),
        ("{% set q = id %}{{ q }}{# no #}!", "7!"),
        ("a\n  {{- id -}}  \n b {{- id }}", "a\n7b 7"),
        ("## if t\nyes\n## endif\n", "yes\n"),
        ('{{ "a\\u00e9\\"" }}{{ [1, {"b": 2}] }}', 'aé"[1,{"b":2}]'),
        ('{"id": {{ n }}}', '{"id": 12}'),
        ("{{ header(id) }}{{ body() }}{{ body }}", "<7>BODYBODY"),
        ("{{ loop }}{{ true }}{{ null }}", "true"),
    ],
)
def test_templates_are_written_as_inja_writes_them(template: str, expected: str) -> None:
    assert written(template).encode("latin-1").decode() == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (
            "{{ substring(id, 0) }}{{ substring(owner.id, 1, 1) }}|{{ substring(id, 5) }}|{{ substring(id, -1) }}",
            "71||",
        ),
        ('{{ substring("abc", 1, 0) }} {{ substring("abc", 1, 9) }} {{ substring("abc", "1") }}', "bc bc "),
        (
            '{{ base64_encode("a?>") }} {{ base64_decode("YT8+") }} {{ base64url_encode("a?>>") }}',
            "YT8+ a?> YT8-Pg",
        ),
        ('[{{ base64_decode("YT8") }}{{ base64_decode("YR==") }}] {{ base64url_decode("YT8-Pg") }}', "[] a?>>"),
        (
            '{{ extraction("x") }}{{ request_header("a") }}{{ trim(" a ") }}{{ raw_string(line) }}',
            '[x]<a>aa\\"\\n',
        ),
    ],
)
def test_functions_of_the_filter(template: str, expected: str) -> None:
    """By envoy-gloo's inja_transformer.cc."""
    assert written(template) == expected


def test_notations_and_escapes() -> None:
    assert written("{{ owner/id }}", pointers=True) == "o1"
    with pytest.raises(Fails, match=r"owner\.id is not found"):
        written("{{ owner.id }}", pointers=True)
    assert written("{{ line }}", escapes=True) == 'a\\"\\n'
    assert written("{{ line }}") == 'a"\n'


@pytest.mark.parametrize(
    "template",
    [
        "{{ nope }}",
        "{{ id.x }}",
        "{{ }}",
        "{{ upper(n) }}",
        "{{ header(n) }}",
        "{{ at(list, 4) }}",
        '{{ int("x") }}',
        "{{ id + n }}",
        "{{ upper(default(nope, nope)) }}",
        "{% for x in id %}{% endfor %}",
        "{% if nope %}{% endif %}",
        "{{ join(list, 1) }}",
        "{{ list.01 }}",
        "{{ list.-1 }}",
    ],
)
def test_what_fails_when_it_is_rendered(template: str) -> None:
    with pytest.raises(Fails):
        written(template)


@pytest.mark.parametrize(
    "template",
    [
        "{{ id",
        "{{ id }",
        "{{ 'id' }}",
        "{{ nope(id) }}",
        "{{ upper(id, id) }}",
        "{{ id id }}",
        "{{ 1. }}",
        '{{ "\\d" }}',
        "{% if t %}",
        "{% endif %}",
        "{% for x %}{% endfor %}",
        "{% for x in list %}",
        "{% nope %}",
        "{# a",
        "{{ (id }}",
        "{{ () }}",
        "{{ id + }}",
        "{{ [a] }}",
        "{{ a:b }}",
        "{{ ~2x }}",
        "{{ id = 1 }}",
        '{{ "a }}',
        "{% else %}",
    ],
)
def test_what_inja_refuses_makes_no_transformation(template: str) -> None:
    with pytest.raises(cs.InvalidValue) as caught:
        Transformation(headers={"x": template})
    assert caught.value.code == "bad_template"


@pytest.mark.parametrize(
    "template",
    [
        '{{ env("HOME") }}',
        '{{ replace_with_random("a", "b") }}',
        '{{ dynamic_metadata("a") }}',
        "{{ n / 2 }}",
        '{% include "x" %}',
        "{% block a %}{% endblock %}",
        "{{ round(f, 1) }}",
        "{{ 0.1234567890123456 }}",
        "{% for x in list %}{% for y in list %}{% endfor %}{% endfor %}",
        "{% if t %}{% for x in list %}{% endif %}{% endfor %}",
        "{% for x in list %}{% endfor %}{{ loop.index }}",
    ],
)
def test_what_is_not_simulated_is_said(template: str) -> None:
    with pytest.raises(Unsimulated):
        written(template)


def test_a_variable_that_is_open_leaves_open_only_what_asks_for_it() -> None:
    variables = Asked({"a": Open("why"), "b": "1"}).variables
    assert render(parse('{{ b }}{{ exists("a") }}'), variables) == "1true"
    for text in ("{{ a }}", "{{ context() }}", '{{ default(a, "x") }}'):
        with pytest.raises(Unsimulated, match="why"):
            render(parse(text), variables)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
        lambda s: st.lists(s) | st.dictionaries(st.text(), s),
    )
)
def test_json_that_is_written_is_read_again(value: Any) -> None:
    try:
        text = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    read = from_json(text.decode("latin-1"))
    again = to_json(read)
    assert json.loads(again.encode("latin-1")) == value
    assert from_json(again) == read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.50", "1.5"),
        ("1e15", "1e+15"),
        ("-1e15", "-1e+15"),
        ("100000000000000.0", "100000000000000.0"),
        ("1e-5", "1e-05"),
        ("2.5e15", "2.5e+15"),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", None),
        ('{"b":1,"a":2,"b":3}', '{"a":2,"b":3}'),
        ('"\\u007f\\/\\u001F"', '"\x7f/\\u001f"'),
    ],
)
def test_json_is_written_as_envoy_writes_it(text: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(TooPrecise):
            to_json(from_json(text))
    else:
        assert to_json(from_json(text)) == expected


@pytest.mark.parametrize("text", ["", "{", "NaN", "1e999", "'a'", '"\\ud800"', '"\xff"', "01", "[1,]", '"\n"'])
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(NoJson):
        from_json(text)


# Extractors


@pytest.mark.skipif(not GOLDEN.exists(), reason="the collection of Gloo's tests is not here")
def test_the_extractors_of_gloos_own_test() -> None:
    import yaml

    told = yaml.safe_load(GOLDEN.read_text())["expect"]
    found = {one.name: one for one in extractors(":path", told["parameters"]["path"])}
    assert {n: {"header": one.header, "subgroup": one.subgroup} for n, one in found.items()} == told["extractors"]
    assert {n: one.value_of(told["sample"][":path"]) for n, one in found.items()} == told["values"]


def test_two_extractors_come_for_free_and_paths_are_not_among_what_they_take() -> None:
    path, method = request_extractors("", {})
    assert (path.name, path.header, path.regex) == ("path", ":path", GROUP)
    assert (method.name, method.header, method.regex) == ("method", ":method", GROUP)
    assert (path.value_of("/a"), path.value_of("a"), method.value_of("GET")) == ("", "a", "GET")


def test_a_parameter_without_braces_takes_the_whole_header_and_its_text_plays_no_part() -> None:
    assert extractors(":authority", "anything") == (Extraction("authority", ":authority", "(.*)", 1),)
    assert extractors("x-a", "b}") == (Extraction("x-a", "x-a"),)
    assert extractors("x-a", "") == ()


@pytest.mark.parametrize("parameter", ["/{id", "/{}", "/{a b}", "/{é}", "{{id}}", "/{a}/{b/c}"])
def test_braces_that_hold_no_name_are_refused(parameter: str) -> None:
    with pytest.raises(cs.InvalidValue) as caught:
        extractors(":path", parameter)
    assert caught.value.code == "bad_parameters"


def test_later_extractors_replace_earlier_ones_and_two_headers_leave_it_open() -> None:
    found = {e.name: e for e in request_extractors("/{id}/{id}", {"x-a": "{method}", "x-b": "{u}", "x-c": "-{u}"})}
    assert (found["id"].subgroup, found["method"].header) == (2, "x-a")
    assert "x-b and x-c" in found["u"].open
    assert not found["method"].open


def taken(parts: list[str], text: str) -> list[str] | None:
    """What the names between literals take of a whole text: the earlier ones as much as they can."""
    literal, *rest = parts
    if not text.startswith(literal):
        return None
    text = text[len(literal) :]
    if not rest:
        return [] if not text else None
    most = len(re.match(r"[-._%0-9A-Za-z]*", text)[0])  # type: ignore[index]
    for length in range(most, 0, -1):
        behind = taken(rest, text[length:])
        if behind is not None:
            return [text[:length], *behind]
    return None


@given(st.data())
def test_extractors_take_what_a_search_by_hand_finds(data: st.DataObject) -> None:
    parts = data.draw(st.lists(st.text("/ab.?+(\\$é-", max_size=2), min_size=2, max_size=12))
    names = [f"n{number}" for number in range(len(parts) - 1)]
    parameter = parts[0] + "".join(f"{{ {name}}}{part}" for name, part in zip(names, parts[1:], strict=True))
    fills = data.draw(st.lists(st.text("ab-./9%", max_size=3), min_size=len(names), max_size=len(names)))
    text = parts[0] + "".join(f"{fill}{part}" for fill, part in zip(fills, parts[1:], strict=True))
    octets = text.encode().decode("latin-1")
    wanted = taken([part.encode().decode("latin-1") for part in parts], octets) or [""] * len(names)
    assert [one.value_of(octets) for one in extractors(":path", parameter)] == wanted


@given(
    st.sampled_from(
        [r"(a*)(a|b)*", r"(a|ab)(c|bcd)(d*)", r"(?:(a)|b)+", r"(a*?)(a*)", "(x(y)?)*", r"\b(a+)\b.*", "()a*"]
    ),
    st.text("abcdxy ", max_size=8),
)
def test_groups_are_those_of_re2(pattern: str, text: str) -> None:
    theirs = judge(pattern, "latin-1")
    assert theirs is not None
    expected = theirs.fullmatch(text.encode())
    compiled = regex.compile(pattern, "latin-1")
    for group in range(compiled.groups + 1):
        found = compiled.extract(text, group)
        assert found == (None if expected is None else (expected[group] or b"").decode())


# Transformations

PETSTORE = """\
transformations:
  findPetById:
    body: {}
    headers:
      :method: {text: GET}
      :path: {text: '/api/pets/{{ default(id, "") }}'}
      content-type: {}
      transfer-encoding: {}
  addPet:
    body: {text: '{"id": {{ default(id, "") }},"name": "{{ default(name, "")}}","tag": "{{ default(tag, "")}}"}'}
    headers:
      :method: {text: POST}
      :path: {text: /api/pets}
      content-type: {text: application/json}
swaggerInfo: {url: 'http://petstore/swagger.json'}
"""


def record(message: Any, text: str) -> Record:
    (node,), problems = read_documents(text, "upstream.yaml")
    assert not problems
    assert isinstance(node, Mapping)
    found = Reader("upstream.yaml").message(message, node, "")
    assert found is not None
    return found


def function(template: str, parameters: str | None = None) -> Transformation:
    read = record(TRANSFORMATION_TEMPLATE, template)
    given = None if parameters is None else record(PARAMETERS, parameters)
    made = rest_function(read, given)
    assert made is not None, read.reader.problems
    return made


def petstore(name: str, parameters: str | None) -> Transformation:
    spec = record(REST_SERVICE_SPEC, PETSTORE)
    made = rest_function(
        spec["transformations"][name], None if parameters is None else record(PARAMETERS, parameters)
    )
    assert made is not None
    return made


SERVICE = virtual_service("routes: [{routeAction: {single: {upstream: {name: petstore}}}}]")


def table(transformation: Transformation, **parts: Any) -> cs.RouteTable:
    """A table of one route to a function; ``parts`` are of the route and its action."""
    found = cs.loads(SERVICE)
    host = found.virtual_hosts[0]
    route = host.routes[0]
    of_route = {name: parts.pop(name) for name in ("mutations", "unknowns") if name in parts}
    assert isinstance(route.action, RouteAction)
    destination = attrs.evolve(route.action.destinations[0], transformation=transformation)
    action = attrs.evolve(route.action, destinations=[destination], **parts)
    return attrs.evolve(
        found, virtual_hosts=[attrs.evolve(host, routes=[attrs.evolve(route, action=action, **of_route)])]
    )


def sent(transformation: Transformation, request: cs.Request | str, **parts: Any) -> UpstreamRequest:
    asked = cs.Request.parse(request) if isinstance(request, str) else request
    found = table(transformation, **parts).route(asked).upstream_request
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("request_path", "upstream_path"),
    [
        ("/findPetWithId/1", "/api/pets/1"),
        ("/findPetWithId/1?x=2", "/api/pets/"),
        ("/findPetWithId/a/b", "/api/pets/"),
        ("/findPetWithId/", "/api/pets/"),
        ("/findPetWithId/%C3%A9", "/api/pets/%C3%A9"),
    ],
)
def test_a_discovered_function_is_sent_the_path_it_has(request_path: str, upstream_path: str) -> None:
    made = petstore("findPetById", "{headers: {':path': '/findPetWithId/{id}'}}")
    assert petstore("findPetById", "{path: '/findPetWithId/{id}'}") == made
    found = sent(made, cs.Request(request_path, method="POST", headers={"content-type": "x", "a": "b"}))
    assert (found.method, found.path, found.body) == ("GET", upstream_path, b"")
    assert found.headers == (("a", "b"), ("content-length", "0"))
    assert not found.unknown


def test_the_body_gives_variables() -> None:
    body = '{"id": 3, "name": "Rex é", "tag": null}'
    found = sent(petstore("addPet", None), cs.Request("/x", method="PUT", body=body))
    assert found.body == '{"id": 3,"name": "Rex é","tag": ""}'.encode()
    assert found.headers == (("content-type", "application/json"), ("content-length", str(len(found.body))))
    assert (found.method, found.path) == ("POST", "/api/pets")


def test_a_body_that_is_no_json_is_answered_400_unless_nobody_reads_it() -> None:
    asked = cs.Request("/x", body="no json")
    assert "no JSON" in sent(function("{headers: {a: {text: b}}}"), asked).refused
    for told in ("parseBodyBehavior: DontParse", "ignoreErrorOnParse: true", "passthrough: {}"):
        found = sent(function(f"{{headers: {{a: {{text: b}}}}, {told}}}"), asked)
        assert (found.refused, found.body, found.headers) == ("", b"no json", (("a", "b"),))


def test_a_variable_that_is_missing_is_answered_400() -> None:
    found = sent(function("{headers: {':path': {text: '/{{ id }}'}}}"), "GET /x")
    assert found == UpstreamRequest(refused="the header :path: the variable id is not found")
    assert sent(function("{dynamicMetadataValues: [{key: a, value: {text: '{{ id }}'}}]}"), "GET /x").refused
    assert sent(
        function("{body: {text: '{{ env(1) }}{{ x }}'}, headers: {a: {text: '{{ id }}'}}}"), "GET /x"
    ).refused


def test_headers_are_replaced_removed_and_appended() -> None:
    made = function(
        """
        headers: {X-A: {text: new}, x-b: {}, x-c: {text: '{{ header("x-c") }}{{ header("x-d") }}'}}
        headersToRemove: [x-e]
        headersToAppend:
        - {key: x-a, value: {text: '{{ header("X-a") }}2'}}
        - {key: accept, value: {text: b}}
        - {key: x-f}
        passthrough: {}
        """
    )
    found = sent(made, "GET / x-a:1 x-a:2 x-b:1 x-c:c x-d:d x-e:e accept:a content-type:t")
    assert found.headers == (
        *(("x-d", "d"), ("accept", "a,b"), ("content-type", "t")),
        *(("x-a", "new"), ("x-c", "cd"), ("x-a", "new2")),
    )


def test_without_a_body_the_content_type_goes() -> None:
    made = function("{headers: {a: {text: b}}}")
    assert sent(made, "GET / content-type:t").headers == (("a", "b"),)
    kept = sent(made, cs.Request("/", headers={"content-type": "t"}, body="{}"))
    assert kept.headers == (("content-type", "t"), ("a", "b"))


def test_extractors_become_variables_and_a_body() -> None:
    made = function("{mergeExtractorsToBody: {}}", "{path: '/{id}', headers: {x-u: '{user.name}'}}")
    found = sent(made, cs.Request("/7", headers={"x-u": "ann"}, body='{"user": {"age": 3}, "id": 1}'))
    assert found.body == b'{"id":"7","method":"GET","path":"","user":{"age":3,"name":"ann"}}'
    clash = sent(made, cs.Request("/7", body='{"user": "x"}'))
    assert "no object" in clash.refused
    assert sent(function("{mergeExtractorsToBody: {}}"), "GET /").body == b"null"


def test_with_advanced_templates_extractions_are_asked_by_name() -> None:
    text = "{advancedTemplates: true, headers: {a: {text: '%s'}}}"
    assert sent(function(text % '{{ extraction("id") }}', "{path: '/{id}'}"), "GET /7").headers == (("a", "7"),)
    assert sent(function(text % "{{ id }}", "{path: '/{id}'}"), "GET /7").refused
    assert sent(function(text % '{{ extraction("x") }}', "{path: '/{id}'}"), "GET /7").headers == ()


def test_the_templates_own_extractors_count_for_nothing() -> None:
    own = "{extractors: {id: {header: ':path', regex: '(.*)', subgroup: 1}}, headers: {a: {text: '{{ id }}'}}}"
    assert sent(function(own), "GET /x").refused
    assert sent(function(own, "{}"), "GET /x").refused
    assert sent(function(own, "{path: '/{id}'}"), "GET /x").headers == (("a", "x"),)


# What is not known


def problems(found: UpstreamRequest) -> list[str]:
    return [problem.message for problem in found.unknown]


def test_an_unknown_function_leaves_open_what_it_writes_with_its_place() -> None:
    made = function("headers:\n  a: {text: '{{ env(\"X\") }}'}\n  ':path': {text: /y}\nbody: {}\n")
    found = sent(made, "GET /x")
    assert (found.method, found.path, found.headers, found.body) == ("GET", "/y", None, b"")
    assert problems(found) == ["the header a: the function env is not simulated"]
    assert found.unknown[0].where == Where("upstream.yaml", 2, 7, "headers.a.text")
    path = sent(function("{headers: {':path': {text: '/{{ env(1) }}'}}}"), "GET /x")
    assert (path.method, path.path, path.authority) == ("GET", None, "")
    body = sent(function("{body: {text: '{{ env(\"X\") }}'}}"), "GET /x")
    assert (body.path, body.body, body.headers) == ("/x", None, None)


def test_headers_that_change_in_no_defined_order_are_not_asked() -> None:
    made = function(
        "{headers: {a: {text: '{{ header(\"b\") }}'}, b: {text: '1'}, c: {text: '{{ header(\"d\") }}'}}}"
    )
    found = sent(made, "GET / b:0 d:4")
    assert found.headers is None
    assert problems(found) == ["the header a: b changes before or after it, in an order that is not defined"]


def test_what_envoy_makes_up_is_not_known() -> None:
    made = function("{headers: {a: {text: '{{ header(\"x-request-id\") }}'}}}")
    assert sent(made, "GET /").headers is None
    assert sent(made, "GET / x-request-id:1").headers == (("x-request-id", "1"), ("a", "1"))
    proto = function('{headers: {a: {text: \'{{ header("x-forwarded-proto") }}{{ header("host") }}\'}}}')
    assert sent(proto, "GET / host:shop").headers == (("a", "httpshop"),)


@pytest.mark.parametrize(
    ("template", "asked"),
    [
        ("{mergeJsonKeys: {jsonKeys: {a: {tmpl: {text: b}}}}}", cs.Request("/")),
        ("{}", cs.Request("/", headers={"connection": "upgrade", "upgrade": "websocket"})),
        ("{}", cs.Request("/", body=b" " * (2**20 + 1))),
    ],
)
def test_where_nothing_is_known_nothing_is_told(template: str, asked: cs.Request) -> None:
    found = sent(function(template), asked)
    assert attrs.evolve(found, unknown=()) == UpstreamRequest()
    assert len(found.unknown) == 1


# The router behind the filter


def test_a_rewrite_of_a_path_that_the_function_sets_leaves_the_path_open() -> None:
    rewrite = PrefixRewrite("/new/")
    found = sent(petstore("findPetById", "{path: '/{id}'}"), "GET /7", path_rewrite=rewrite)
    assert (found.method, found.path, found.headers) == ("GET", None, None)
    assert "rewrites the path that the function sets" in problems(found)[0]
    other = sent(function("{headers: {a: {text: b}}}"), "GET /7", path_rewrite=rewrite)
    assert (other.path, other.headers) == ("/new/7", (("a", "b"), ("x-envoy-original-path", "/7")))


def test_hosts_and_headers_are_changed_behind_the_function() -> None:
    made = function("{headers: {':authority': {text: inner}, ':path': {text: /p}, a: {text: b}}}")
    found = sent(made, "GET /7 host:shop", host_rewrite=HostRewrite(literal="outer"))
    assert (found.authority, found.headers) == ("outer", (("a", "b"), ("x-envoy-original-host", "inner")))
    by_path = HostRewrite(path_regex=RegexRewrite("^/(.*)$", r"\1"))
    assert sent(made, "GET /7", host_rewrite=by_path).authority == "p"
    add = HeaderToAdd("x-seen", FormatString("%REQ(a)% %REQ(:path)%"))
    after = sent(made, "GET /7", mutations=Mutations(request=HeaderMutations([add])))
    assert (after.headers or ())[-1] == ("x-seen", "b /p")


def test_what_is_open_leaves_open_what_the_router_makes_of_it() -> None:
    made = function("{headers: {':path': {text: '/{{ env(1) }}'}}}")
    assert sent(made, "GET /", host_rewrite=HostRewrite(header="x")).authority is None
    literal = sent(made, "GET / host:a", host_rewrite=HostRewrite(literal="b"))
    assert (literal.authority, literal.path) == ("b", None)
    host = function("{headers: {':authority': {text: '{{ env(1) }}'}}}")
    assert (sent(host, "GET /").authority, sent(host, "GET /").path) == (None, "/")


def test_what_the_route_leaves_open_is_open() -> None:
    made = petstore("findPetById", "{path: '/{id}'}")
    problem = cs.Problem("not_simulated", cs.Severity.WARNING, "transformations")
    lost = sent(made, "GET /7", unknowns=(Unknown(problem, ("path", "authority", "request_headers")),))
    assert (lost.path, lost.body, lost.unknown) == (None, None, (problem,))
    headers = sent(made, "GET /7", unknowns=(Unknown(problem, ("request_headers",)),))
    assert (headers.path, headers.headers, headers.unknown) == ("/api/pets/7", None, (problem,))


# Values


def test_no_function_sends_nothing() -> None:
    assert cs.loads(SERVICE).route(cs.Request("/")).upstream_request is None
    made = table(Transformation(), host_rewrite=None)
    assert made.route(cs.Request("noslash")).upstream_request is None


def test_transformations_are_values() -> None:
    made = petstore("findPetById", "{path: '/{id}'}")
    assert pickle.loads(pickle.dumps(made)) == made
    assert hash(made) == hash(petstore("findPetById", "{path: '/{id}'}"))
    assert made != petstore("findPetById", "{path: '/{name}'}")
    assert Transformation(headers={"a": "b"}).headers == (("a", Template("b")),)
    assert pickle.loads(pickle.dumps(table(made))) == table(made)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: Extraction("a", "b", "("), "bad_regex"),
        (lambda: Extraction("a", "b", "(.)", 2), "bad_subgroup"),
        (lambda: Extraction("a", "b", ".", -1), "bad_subgroup"),
        (lambda: Transformation(body="", passthrough=True), "two_bodies"),
        (lambda: Transformation(parse_body_behavior="x"), "bad_parse_body_behavior"),  # type: ignore[arg-type]
        (lambda: Transformation(extractors=[Extraction("a", "b")] * 2), "duplicate_extractor"),
        (lambda: Transformation(merge_json_keys={"a.b": ""}), "bad_merge_json_keys"),
        (lambda: Transformation(merge_json_keys={"a": ""}, advanced_templates=True), "bad_merge_json_keys"),
    ],
)
def test_what_envoy_refuses_is_refused(make: Any, code: str) -> None:
    with pytest.raises(cs.InvalidValue) as caught:
        make()
    assert caught.value.code == code


def test_requests_have_bodies() -> None:
    asked = cs.Request("/", body="é")
    assert asked.body == "é".encode()
    assert asked == cs.Request("/", body="é".encode())
    assert asked != cs.Request("/")
    assert cs.Request("/", body="") == cs.Request("/") == cs.Request("/", body=None)
    assert pickle.loads(pickle.dumps(asked)) == asked
    assert repr(asked) == r"Request('GET /', body=b'\xc3\xa9')"
    assert cs.Request.parse(str(asked)) == cs.Request("/")
    with pytest.raises(TypeError, match="body"):
        cs.Request("/", body=3)  # type: ignore[arg-type]


# Reading


@pytest.mark.parametrize(
    ("template", "parameters", "code", "path"),
    [
        ("{headers: {a: {text: '{{ }'}}}", None, "bad_template", "headers.a.text"),
        (
            "{headersToAppend: [{key: a, value: {text: '{{ }'}}]}",
            None,
            "bad_template",
            "headersToAppend[0].value.text",
        ),
        ("{headers: {a: {txt: b}}}", None, "unknown_field", "headers.a.txt"),
        ("{mergeJsonKeys: {jsonKeys: {a.b: {}}}}", None, "bad_merge_json_keys", "mergeJsonKeys"),
        ("{parseBodyBehavior: parse}", None, "wrong_type", "parseBodyBehavior"),
        ("{}", "{path: '/{id'}", "bad_parameters", "path"),
        ("{}", "{headers: {a: '{'}}", "bad_parameters", "headers"),
        ("{}", "{path: 7}", "wrong_type", "path"),
    ],
)
def test_problems_are_told_with_their_places(template: str, parameters: str | None, code: str, path: str) -> None:
    read = record(TRANSFORMATION_TEMPLATE, template)
    told = None if parameters is None else record(PARAMETERS, parameters)
    assert rest_function(read, told) is None
    found = [*read.reader.problems, *(told.reader.problems if told else ())]
    assert [(problem.code, problem.where.path) for problem in found] == [(code, path)]


def test_parameters_of_a_route_are_read() -> None:
    def manifest(parameters: str) -> str:
        spec = f"{{rest: {{functionName: f, parameters: {parameters}}}}}"
        single = f"{{upstream: {{name: p}}, destinationSpec: {spec}}}"
        return virtual_service(f"routes: [{{routeAction: {{single: {single}}}}}]")

    cs.loads(manifest("{path: /a, headers: {b: c}}"))
    with pytest.raises(cs.ManifestError) as caught:
        cs.loads(manifest("{pth: /a}"))
    assert [(p.code, p.hint) for p in caught.value.problems] == [("unknown_field", "did you mean path?")]


def test_a_template_has_one_body() -> None:
    read = record(TRANSFORMATION_TEMPLATE, "{body: {}, passthrough: {}}")
    assert [problem.code for problem in read.reader.problems] == ["several_of_oneof"]


def test_what_is_not_simulated_of_a_template_is_declared() -> None:
    open_fields = [f.name for f in TRANSFORMATION_TEMPLATE.fields if f.effect is Effect.UNSIMULATED]
    assert open_fields == ["mergeJsonKeys"]


# Faces


def test_faces_show_what_the_function_is_sent() -> None:
    import jsonschema  # type: ignore[import-untyped]

    asked = cs.Request("/7", body="{}")
    made = table(petstore("addPet", "{path: '/{id}'}"))
    decision = made.route(asked)
    text = decision_text(asked, decision)
    assert "\n  sent          POST /api/pets\n" in text
    assert '\n  body          {"id": 7,"name": "","tag": ""}\n' in text
    assert "the function is sent POST /api/pets" in str(cs.preview(made, asked))
    assert "the function is sent POST /api/pets" in str(cs.explain(made, asked))
    found = decision_dict(decision)["upstream_request"]
    assert (found["method"], found["path"], found["refused"]) == ("POST", "/api/pets", None)
    definition = {"$ref": "#/$defs/decision", "$defs": schema("route")["$defs"]}
    jsonschema.validate(decision_dict(decision), definition)
    refused = table(function("{headers: {a→: {text: '{{ nope }}'}}}")).route(asked)
    jsonschema.validate(decision_dict(refused), definition)
    assert "nothing: Envoy answers 400" in decision_text(asked, refused)


def test_several_functions_are_told_apart() -> None:
    found = cs.loads(
        virtual_service(
            "routes: [{routeAction: {multi: {destinations: [{weight: 1, destination: {upstream: {name: a}}},"
            " {weight: 1, destination: {upstream: {name: b}}}]}}}]"
        )
    )
    host = found.virtual_hosts[0]
    route = host.routes[0]
    assert isinstance(route.action, RouteAction)
    first, second = route.action.destinations
    made = Transformation(headers={":path": "/made"})
    action = attrs.evolve(
        route.action, destinations=[attrs.evolve(first, transformation=made, function="f"), second]
    )
    split = attrs.evolve(found, virtual_hosts=[attrs.evolve(host, routes=[attrs.evolve(route, action=action)])])
    assert "a_ns (f) is sent GET /made" in str(cs.preview(split, "GET /"))
    other = attrs.evolve(second, transformation=made, function="g")
    action = attrs.evolve(action, destinations=[action.destinations[0], other])
    split = attrs.evolve(found, virtual_hosts=[attrs.evolve(host, routes=[attrs.evolve(route, action=action)])])
    assert "each function is sent GET /made" in str(cs.preview(split, "GET /"))


def test_tables_without_functions_load_nothing_of_this() -> None:
    code = (
        "import sys, canarysim as cs; t = cs.loads(sys.argv[1]); str(cs.preview(t, 'GET /'));"
        "sys.exit(any('inja' in m or 'transform' in m for m in sys.modules if m.startswith('canarysim')))"
    )
    subprocess.run([sys.executable, "-c", code, SERVICE], check=True)


# Bounds


def test_texts_that_double_do_not_fill_the_memory() -> None:
    template = '{% set a="xxxxxxxxxxxxxxxx" %}' + "{% set a=a+a %}" * 40 + "{{ a }}"
    with pytest.raises(Unsimulated, match="characters"):
        written(template)


def test_many_blocks_are_read_in_linear_time() -> None:
    n = 3000
    text = "{% for a in b %}" * n + "{% if a %}{% else %}{% endif %}" * n + "{% endfor %}" * n
    started = time.perf_counter()
    parse(text)
    small = time.perf_counter() - started
    assert small < 5  # quadratic work would take far longer on any machine
