"""Test files: what they may say, how requests multiply, what is wrong with wrong ones, and their JSON Schema."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

import canarysim as cs
from canarysim.faces.schemas import schema
from canarysim.manifests.fields import ListOf, MapOf, Message
from canarysim.table.decision import KINDS
from canarysim.testing import fields
from canarysim.testing.reader import MAX_REQUESTS
from canarysim.testing.suites import Suite, read_suite

MANIFEST = Path(__file__).parent.parent / "notebooks" / "manifests" / "coalmine.yaml"
VALIDATOR = Draft202012Validator(schema("tests"))


def read(tmp_path: Path, text: str) -> Suite:
    (tmp_path / "routes.yaml").write_text(MANIFEST.read_text())
    file = tmp_path / "test_it.canary.yaml"
    file.write_text(text)
    return read_suite(str(file))


def one(tmp_path: Path, request: str, expect: str = "{status: 404}", more: str = "") -> Suite:
    text = f"manifests: routes.yaml\ntests:\n- name: t\n  request: {request}\n  expect: {expect}\n"
    return read(tmp_path, text + more)


def requests(suite: Suite) -> list[str]:
    return [str(trial.request) for case in suite.cases for trial in case.trials()]


# Requests


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("GET /a x-a:1", ["GET /a x-a:1"]),
        ("['GET /a', 'POST http://h/b']", ["GET /a", "POST http://h/b"]),
        ("{path: /a}", ["GET /a"]),
        ("{path: [/a, /b]}", ["GET /a", "GET /b"]),
        (
            "{authority: [h, i], method: [GET, POST], path: [/a, '/b?x=1']}",
            [f"{m} {p} host:{h}" for h in "hi" for m in ("GET", "POST") for p in ("/a", "/b?x=1")],
        ),
        ("{path: /a, scheme: [http, https], authority: h}", ["GET http://h/a", "GET https://h/a"]),
        ("{path: /a, headers: {x-a: '1', x-b: [null, '2']}}", ["GET /a x-a:1", "GET /a x-a:1 x-b:2"]),
        ("{path: /a, headers: {x-a: [['1', '2'], '']}}", ["GET /a x-a:1 x-a:2", "GET /a x-a:"]),
        ("{path: /a, headers: {x-a: [[]]}}", ["GET /a"]),
        ("[GET /a, {path: [/b, /c]}, [GET /d]]", ["GET /a", "GET /b", "GET /c", "GET /d"]),
    ],
)
def test_lists_multiply_in_the_order_of_the_fields(tmp_path: Path, written: str, meant: list[str]) -> None:
    assert requests(one(tmp_path, written)) == meant


def test_what_else_a_request_may_carry(tmp_path: Path) -> None:
    more = "certificate: validated, address: 10.0.0.1, internal: true, metadata: {f: {a: [1, x, null]}}"
    text = f"{{path: /, body: hello, {more}}}"
    [case] = one(tmp_path, text).cases
    [request] = case.requests
    assert request == cs.Request(
        "/",
        body="hello",
        certificate="validated",
        address="10.0.0.1",
        internal=True,
        metadata={"f": {"a": [1, "x", None]}},
    )


def test_random_values_multiply_too(tmp_path: Path) -> None:
    suite = one(tmp_path, "[GET /a, GET /b]", more="  random_value: [0, 18446744073709551615]\n  fault_value: 3\n")
    [case] = suite.cases
    assert len(case) == 4
    assert [trial.random_value for trial in case.trials()] == [0, 2**64 - 1] * 2
    assert case.fault_value == 3
    assert [t.name for t in case.trials()][1] == "t[GET /a with random value 18446744073709551615]"


def test_paths_of_manifests_are_relative_to_the_test_file(tmp_path: Path) -> None:
    for name in ("a/x.yaml", "a/b/y.yaml", "a/b/z.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    head = "tests: [{name: t, request: GET /, expect: {status: 404}}]\n"
    suite = read(tmp_path, f"manifests: [a/x.yaml, 'a/**/*.json', a]\n{head}")
    assert [str(Path(m).relative_to(tmp_path)) for m in suite.manifests] == ["a/x.yaml", "a/b/z.json", "a"]
    with pytest.raises(cs.ManifestError, match=r"no file or folder is called .*nowhere") as caught:
        read(tmp_path, f"manifests: [nowhere.yaml, 'b/*.yaml']\n{head}")
    assert len(caught.value.problems) == 2


# Expectations


@pytest.mark.parametrize(
    ("written", "low", "high"),
    [
        ("10%", "1/10", "1/10"),
        ("0.1", "1/10", "1/10"),
        ("1/3", "1/3", "1/3"),
        ("'12.5 %'", "1/8", "1/8"),
        ("1", "1", "1"),
        ("{at_least: 5%}", "1/20", "1"),
        ("{at_most: 1/5}", "0", "1/5"),
        ("{at_least: 0, at_most: 0.5}", "0", "1/2"),
    ],
)
def test_shares_are_exact(tmp_path: Path, written: str, low: str, high: str) -> None:
    [case] = one(tmp_path, "GET /", f"{{cluster: default-petstore-v2-8080, share: {written}}}").cases
    [expectation] = case.expectations
    assert (expectation.bounds.low, expectation.bounds.high) == (Fraction(low), Fraction(high))


# What is wrong


WRONG = [
    ("- a\n", "not_a_test_file", 1),
    ("", "not_a_test_file", None),
    ("manifests: routes.yaml\n---\ntests: []\n", "not_a_test_file", 1),
    ("manifests: [\n", "yaml_syntax", 2),
    ("manifests: routes.yaml\ntest: []\n", "unknown_field", 2),
    ("manifests: routes.yaml\n", "missing_field", 1),
    ("manifests: routes.yaml\ntests: []\n", "empty_list", 2),
    ("manifests: []\ntests: []\n", "empty_list", 1),
    ("manifests:\ntests: []\n", "no_value", 1),
    ("manifests: routes.yaml\nunknown: maybe\n", "wrong_type", 2),
    ("manifests: routes.yaml\nenvoy: 1.35\n", "wrong_type", 2),
    ("manifests: routes.yaml\nrouter_check: nowhere.json\n", "no_such_file", 2),
    ("tests: [{name: t, request: GET /, expect: {status: 404}}]\n", "missing_field", 1),
]
WRONG_TESTS = [
    ("{request: GET /, expect: {status: 404}}", "missing_field"),
    ("{name: t, expect: {status: 404}}", "missing_field"),
    ("{name: t, request: GET /}", "nothing_expected"),
    ("{name: t, request: GET /, expect: {}}", "nothing_expected"),
    ("{name: t, request: GET /, expect: []}", "empty_list"),
    ("{name: t, request: [], expect: {status: 404}}", "empty_list"),
    ("{name: t, request: GET, expect: {status: 404}}", "bad_request_text"),
    ("{name: t, request: {method: GET}, expect: {status: 404}}", "missing_field"),
    ("{name: t, request: {path: []}, expect: {status: 404}}", "empty_list"),
    ("{name: t, request: {path: /, header: {}}, expect: {status: 404}}", "unknown_field"),
    ("{name: t, request: {path: /, headers: {x-canary: true}}, expect: {status: 404}}", "wrong_type"),
    ("{name: t, request: {path: /, headers: {x-canary: []}}, expect: {status: 404}}", "empty_list"),
    ("{name: t, request: {path: /, headers: {':path': /}}, expect: {status: 404}}", "bad_header_name"),
    ("{name: t, request: {path: /, scheme: ftp}, expect: {status: 404}}", "wrong_type"),
    ("{name: t, request: {path: /, authority: h, headers: {host: i}}, expect: {status: 404}}", "two_hosts"),
    ("{name: t, request: GET /, expect: {cluster: 7}}", "wrong_type"),
    ("{name: t, request: GET /, expect: {cluster: }}", "no_value"),
    ("{name: t, request: GET /, expect: {clutser: a}}", "unknown_field"),
    ("{name: t, request: GET /, expect: {kind: forwarded}}", "unknown_name"),
    ("{name: t, request: GET /, expect: {status: ok}}", "wrong_type"),
    ("{name: t, request: GET /, expect: {status: 99}}", "wrong_type"),
    ("{name: t, request: GET /, expect: {share: 10%}}", "nothing_expected"),
    ("{name: t, request: GET /, expect: {cluster: a, share: 10}}", "bad_share"),
    ("{name: t, request: GET /, expect: {cluster: a, share: yes}}", "bad_share"),
    ("{name: t, request: GET /, expect: {cluster: a, share: {}}}", "missing_field"),
    ("{name: t, request: GET /, expect: {cluster: a, share: {at_least: 3%, at_most: 2%}}}", "bad_bounds"),
    ("{name: t, request: GET /, expect: {split: {a: 10%, b: 80%}}}", "shares_do_not_add_up"),
    ("{name: t, request: GET /, expect: {share: 1, split: {a: 1}}}", "two_shares"),
    ("{name: t, request: GET /, expect: {split: [{cluster: a}]}}", "missing_field"),
    ("{name: t, request: GET /, expect: {split: [{share: 1}]}}", "missing_field"),
    ("{name: t, request: GET /, expect: {split: [{kind: forward, cluster: a, share: 1}]}}", "two_destinations"),
    ("{name: t, request: GET /, random_value: -1, expect: {status: 404}}", "wrong_type"),
    ("{name: t, request: GET /, random_value: [], expect: {status: 404}}", "empty_list"),
    ("{name: t, request: GET /, expect: {status: 404}}\n- {name: t, request: GET /, expect: {status: 404}}",
     "duplicate_name"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "line"), WRONG)
def test_what_is_wrong_with_a_file_has_a_code_and_a_place(
    tmp_path: Path, text: str, code: str, line: int | None
) -> None:
    with pytest.raises(cs.ManifestError) as caught:
        read(tmp_path, text)
    assert (code, line) in [(problem.code, problem.where.line) for problem in caught.value.problems]


@pytest.mark.parametrize(("text", "code"), WRONG_TESTS)
def test_what_is_wrong_with_a_test_has_a_code_and_a_place(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(cs.ManifestError) as caught:
        read(tmp_path, f"manifests: routes.yaml\ntests:\n- {text}\n")
    [problem] = [problem for problem in caught.value.problems if problem.code == code]
    assert problem.where.line in (3, 4)
    assert problem.where.path.startswith("tests[")


def test_lists_that_multiply_beyond_reason_are_a_mistake(tmp_path: Path) -> None:
    hundred = str([f"/{i}" for i in range(101)])
    with pytest.raises(cs.ManifestError, match=rf"10,201 requests, more than {MAX_REQUESTS:,}"):
        one(tmp_path, f"{{authority: {hundred}, path: {hundred}}}")


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    text = "\n".join(f"- {text}" for text, _ in WRONG_TESTS[:10])
    with pytest.raises(cs.ManifestError) as caught:
        read(tmp_path, f"manifests: routes.yaml\ntests:\n{text}\n")
    assert {code for _, code in WRONG_TESTS[:10]} <= {problem.code for problem in caught.value.problems}


def test_a_mistyped_field_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(cs.ManifestError, match=r"test_it\.canary\.yaml:5:12: error: unknown field 'clu") as caught:
        one(tmp_path, "GET /", "{clutser: a}")
    assert len(caught.value.problems) == 1
    assert "did you mean cluster" in str(caught.value)


# The schema


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema("tests"))


def plain(text: str) -> Any:
    """A document as an editor hands it to a validator."""
    return yaml.safe_load(text)


GOOD = """
manifests: [routes.yaml]
envoy: "1.36"
errors: apply
unknown: allow
table: gateway-proxy
tests:
- name: everything
  request:
  - GET /findPets
  - authority: [a, b]
    method: GET
    path: [/a]
    scheme: http
    headers: {x-a: [null, "1", ["1", "2"]], x-b: "2", x-c: null}
    body: x
    metadata: {f: {a: 1}}
    certificate: presented
    address: 10.0.0.1
    internal: true
  random_value: [1, 2]
  fault_value: 3
  table: gateway-proxy
  unknown: fail
  expect:
  - cluster: default-petstore-v1-8080
    upstream: default-petstore-v1-8080
    function: findPets
    subset: {version: v1}
    route: gateway
    virtual_host: h
    kind: [forward, redirect]
    status: 404
    redirect: http://h/
    body: ""
    path_rewrite: /x
    host_rewrite: h
    mirrors: []
    request_headers: {x-a: [a, b], x-b: null}
    response_headers: {x-a: a}
    share: {at_least: 1/3, at_most: 50%}
  - split: {a: 10%, b: 0.9}
  - split: [{cluster: a, function: f, subset: {v: "1"}, share: 1/4}, {kind: fault_abort, share: 75 %}]
"""


def test_the_schema_and_the_reader_take_what_is_right(tmp_path: Path) -> None:
    assert list(VALIDATOR.iter_errors(plain(GOOD))) == []
    assert [len(case.expectations) for case in read(tmp_path, GOOD).cases] == [5]


#: What a schema cannot see: names, sums, texts with a grammar of their own, files, and names that stand twice.
BEYOND_A_SCHEMA = {
    "bad_request_text", "bad_header_name", "two_hosts", "bad_bounds", "shares_do_not_add_up", "duplicate_name",
    "no_such_file", "two_destinations",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code"),
    [(text, code) for text, code, _ in WRONG if code != "yaml_syntax" and "---" not in text]
    + [(f"manifests: routes.yaml\ntests:\n- {text}\n", code) for text, code in WRONG_TESTS],
)
def test_the_schema_refuses_what_the_reader_refuses(text: str, code: str) -> None:
    refused = any(VALIDATOR.iter_errors(plain(text)))
    assert refused is (code not in BEYOND_A_SCHEMA)


def _properties(part: dict[str, Any]) -> set[str]:
    return set(part["properties"])


def test_the_schema_has_the_fields_that_the_reader_has() -> None:
    whole = schema("tests")
    defs = whole["$defs"]
    request = next(each for each in defs["request"]["anyOf"] if "properties" in each)
    bounds = next(e for e in defs["expectation"]["properties"]["share"]["anyOf"] if "properties" in e)
    part = defs["expectation"]["properties"]["split"]["anyOf"][1]["items"]
    for message, found in (
        (fields.TEST_FILE, whole),
        (fields.CASE, defs["test"]),
        (fields.REQUEST, request),
        (fields.EXPECTATION, defs["expectation"]),
        (fields.BOUNDS, bounds),
        (fields.SPLIT_PART, part),
    ):
        assert _properties(found) == {field.name for field in message.fields}, message.name
    assert defs["kind"]["enum"] == list(KINDS)


def _messages(message: Message) -> set[Message]:
    found = {message}
    for field in message.fields:
        kind: Any = field.type
        while isinstance(kind, (ListOf, MapOf, fields.OneOrMany)):
            kind = kind.item
        if isinstance(kind, Message):
            found |= _messages(kind)
    return found


#: Values of every kind that YAML has, put in the place of every field.
ODD_VALUES = [
    "text",
    "",
    "7",
    "0.5",
    "true",
    "null",
    "[]",
    "[text]",
    "[7]",
    "{}",
    "{a: b}",
    "{a: 1}",
    "[[]]",
    "10%",
]


def test_the_schema_and_the_reader_agree_on_odd_values(tmp_path: Path) -> None:
    """Each field of each message, with a value of each kind: both take it, or both refuse it."""
    tree = yaml.safe_load(GOOD)
    places = [(tree, name) for name in ("table", "envoy", "errors", "unknown", "tests")]
    test = tree["tests"][0]
    places += [(test, name) for name in ("request", "random_value", "fault_value", "table", "unknown", "expect")]
    places += [(test["request"][1], field.name) for field in fields.REQUEST.fields]
    places += [(test["expect"][0], field.name) for field in fields.EXPECTATION.fields if field.name != "split"]
    places += [(test["expect"][1], "split")]
    wrong = []
    for holder, name in places:
        before = holder[name]
        for odd in ODD_VALUES:
            holder[name] = yaml.safe_load(odd)
            text = json.dumps(tree)
            try:
                read(tmp_path, text)
                codes = set()
            except cs.ManifestError as error:
                codes = {problem.code for problem in error.problems}
            codes -= {"unknown_name"} if name != "kind" else set()
            refused = any(VALIDATOR.iter_errors(tree))
            if refused is not bool(codes - BEYOND_A_SCHEMA):
                wrong.append((name, odd, refused, codes))
        holder[name] = before
    assert wrong == []
