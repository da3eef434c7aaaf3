"""What --json prints is what its schemas say, field by field."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

import canarysim as cs
from canarysim.cli import main
from canarysim.faces.schemas import SCHEMAS, schema

from . import cases
from .cases import Case, routes, virtual_service, weighted
from .test_gloo import one_route

if TYPE_CHECKING:
    from collections.abc import Iterator

COALMINE = str(Path(__file__).parent.parent / "notebooks" / "manifests" / "coalmine.yaml")
Capture = pytest.CaptureFixture[str]

MANY_ACTIONS = """\
- matchers: [{prefix: /delegated}]
  delegateAction: {ref: {name: rt}}
- matchers: [{prefix: /old, headers: [{name: x-a, invertMatch: true, value: b}]}]
  redirectAction: {hostRedirect: new.example, responseCode: FOUND, stripQuery: true}
- matchers: [{exact: /teapot, methods: [GET, POST]}]
  directResponseAction: {status: 418, body: short and stout}
- matchers: [{regex: '/by/[a-z]+', queryParameters: [{name: q}]}]
  routeAction: {clusterHeader: x-cluster}
- matchers: [{prefix: /rewritten, caseSensitive: false}]
  routeAction: {single: {upstream: {name: r0}}}
  options: {regexRewrite: {pattern: {regex: 'r+'}, substitution: x}, hostRewrite: in.example}
- matchers: [{prefix: /transformed}]
  routeAction: {single: {upstream: {name: r0}}}
  options: {transformations: {requestTransformation: {}}}
- matchers: [{prefix: /weighted}]
  routeAction:
    multi:
      destinations:
      - {weight: 1, destination: {upstream: {name: v2}, subset: {values: {version: v2}}}}
      - {weight: 2, destination: {upstream: {name: v1}}}
"""
REQUESTS = [
    "GET /delegated",
    "GET http://h/old?x=1",
    "GET /teapot",
    "GET /by/name?q=1 x-cluster:c",
    "GET /by/name?q=1",
    "GET https://h:80/Rewritten/../rewritten/1 x-b:2 x-b:3",
    "GET /transformed",
    "GET /weighted",
    "GET /weigted",
    "GET /a#b",
    "GET /caf\u00e9",
]


@pytest.fixture(autouse=True)
def _without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    file = tmp_path / "m.yaml"
    file.write_text(one_route(MANY_ACTIONS))
    return str(file)


def document(capsys: Capture, *arguments: str) -> Any:
    assert main([*arguments, "--json"]) in (0, 1)
    return json.loads(capsys.readouterr().out)


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema(name))


COMMANDS = {
    "preview": ["preview"],
    "route": ["route"],
    "explain": ["explain"],
    "simulate": ["simulate", "--seed", "1", "--by", "cluster"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_real_outputs_are_valid(command: str, manifest: str, capsys: Capture) -> None:
    found = document(capsys, *COMMANDS[command], manifest, *REQUESTS)
    validator(command).validate(found)
    assert found["command"] == command
    assert found["canarysim"] == cs.__version__
    assert {problem["code"] for problem in found["problems"]}
    validator(command).validate(document(capsys, *COMMANDS[command], COALMINE, "GET /findPetWithId/1"))


def test_the_traffic_of_a_log_is_valid_too(manifest: str, tmp_path: Path, capsys: Capture) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(b'{"path":"/teapot","method":"GET"}\n{"path":"/none\xff","method":"GET"}\n\xff\x1b\n')
    found = document(capsys, "simulate", manifest, "--traffic", str(log), "--by", "kind")
    validator("simulate").validate(found)
    (answer,) = found["answers"]
    assert (answer["n"], answer["requests"]) == (2, [])
    assert [(one["request"]["path"], one["count"]) for one in answer["not_found"]] == [("/none\\xff", 1)]
    assert (found["log"]["read"], found["log"]["skipped"], found["log"]["format"]) == (2, 1, "json")
    assert found["log"]["first_skipped"][0]["line"] == 3
    assert "authority" in found["log"]["absent"]


@pytest.mark.parametrize("command", ["route", "explain"])
def test_with_a_random_value_too(command: str, manifest: str, capsys: Capture) -> None:
    found = document(capsys, command, manifest, *REQUESTS, "--random-value", "1")
    validator(command).validate(found)
    assert found["random_value"] == 1


def test_whole_tables_are_valid(manifest: str, tmp_path: Path, capsys: Capture) -> None:
    tables = document(capsys, "compile", manifest)
    validator("compile").validate(tables)
    previewed = document(capsys, "preview", manifest)
    validator("preview").validate(previewed)
    assert previewed["tables"] == tables["tables"]
    kinds = [(route["action"] or {}).get("kind") for route in tables["tables"][0]["virtual_hosts"][0]["routes"]]
    assert set(kinds) == {None, "redirect", "direct_response", "forward"}
    ssl = weighted(1, 1).replace("name: t", "name: s").replace("spec:\n", "spec:\n  sslConfig: {}\n")
    Path(manifest).write_text(routes("{prefix: /}") + "---\n" + ssl)
    both = document(capsys, "compile", manifest)
    validator("compile").validate(both)
    assert [table["scheme"] for table in both["tables"]] == ["http", "https"]


def test_every_exported_case_is_valid() -> None:
    check = validator("envoy")
    manifests = {case.manifest for value in vars(cases).values() if isinstance(value, list) for case in value}
    exported = 0
    for text in sorted(manifests):
        try:
            found = cs.to_envoy(cs.loads(text))
        except (cs.SeveralTables, cs.NotExportable):
            continue
        check.validate(found)
        exported += 1
    assert exported > 20


def test_the_export_of_every_action_is_valid(manifest: str, capsys: Capture) -> None:
    text = Path(manifest).read_text()
    kept = (
        text[: text.index("    - matchers: [{prefix: /delegated")]
        + text[text.index("    - matchers: [{prefix: /old") :]
    )
    start, end = (kept.index(f"    - matchers: [{{prefix: /{name}") for name in ("transformed", "weighted"))
    Path(manifest).write_text(kept[:start] + kept[end:])
    found = document(capsys, "compile", manifest, "-o", "envoy")
    validator("envoy").validate(found)
    assert {key for route in found["virtual_hosts"][0]["routes"] for key in route} == {
        *("name", "match", "route", "redirect", "direct_response")
    }


# A schema refuses what is not as it says


def objects(
    value: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Every object in a document, and the way to it."""
    if isinstance(value, dict):
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from objects(part, (*path, key))


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def shape(path: tuple[str | int, ...]) -> tuple[str, ...]:
    return tuple(key for key in path if isinstance(key, str))


#: Objects whose names are the manifest's.
FREE = "subset"


@pytest.mark.parametrize("command", [*COMMANDS, "compile"])
def test_a_field_missing_or_unknown_is_refused_everywhere(command: str, manifest: str, capsys: Capture) -> None:
    requests = ["GET /weighted", "GET /weigted", "GET /delegated"] if command in COMMANDS else []
    found = document(capsys, *COMMANDS.get(command, [command]), manifest, *requests)
    check = validator(command)
    tried = set()
    for path, part in objects(found):
        if shape(path) in tried or FREE in path:
            continue
        tried.add(shape(path))
        changed = copy.deepcopy(found)
        at(changed, path)["unheard_of"] = 1
        assert not check.is_valid(changed), path
        for key in part:
            changed = copy.deepcopy(found)
            del at(changed, path)[key]
            assert not check.is_valid(changed), (*path, key)
    assert len(tried) > 5


def test_an_export_has_what_its_schema_says_and_whatever_else_envoy_knows(tmp_path: Path, capsys: Capture) -> None:
    found = document(capsys, "compile", COALMINE, "-o", "envoy")
    check = validator("envoy")
    for key in found:
        assert not check.is_valid({k: v for k, v in found.items() if k != key})
    for key in ("match", "route"):
        changed = copy.deepcopy(found)
        del changed["virtual_hosts"][0]["routes"][0][key]
        assert not check.is_valid(changed)
    path = tmp_path / "m.yaml"
    path.write_text(WITH_OPTIONS)
    found = document(capsys, "compile", str(path), "-o", "envoy")
    action = found["virtual_hosts"][0]["routes"][0]["route"]
    assert {"request_mirror_policies", "timeout", "retry_policy"} <= action.keys()
    assert action["weighted_clusters"]["clusters"][0]["metadata_match"] == {
        "filter_metadata": {"envoy.lb": {"version": "v2"}}
    }


WITH_OPTIONS = virtual_service(
    """
    routes:
    - options:
        timeout: 5s
        retries: {retryOn: 5xx}
        shadowing: {upstream: {name: s, namespace: ns}, percentage: 25}
        faults: {abort: {percentage: 10, httpStatus: 503}}
      routeAction:
        multi:
          destinations:
          - {weight: 1, destination: {upstream: {name: u}, subset: {values: {version: v2}}}}
    """
)


# The schemas themselves


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas_and_complete_in_themselves(name: str, capsys: Capture) -> None:
    assert main(["schema", name]) == 0
    found = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(found)
    text = json.dumps(found)
    for defined in found["$defs"]:
        assert f'"#/$defs/{defined}"' in text, "defined and not used"
    assert main(["schema"]) == 0
    assert name in capsys.readouterr().out.split()


@pytest.mark.parametrize("name", [name for name in SCHEMAS if name not in ("envoy", "tests")])
def test_every_field_is_required_and_no_other_allowed(name: str) -> None:
    for path, part in objects(schema(name)):
        if "properties" in part and part.get("type") == "object":
            assert list(part["properties"]) == part["required"], path
            assert part["additionalProperties"] is False, path


# Values


def test_shares_are_exact_beside_floats(manifest: str, capsys: Capture) -> None:
    (answer,) = document(capsys, "preview", manifest, "GET /weighted", "-n", "10")["answers"]
    shares = [(o["cluster"], o["share"], o["share_fraction"], o["expected_fraction"]) for o in answer["outcomes"]]
    assert shares == [("v2_ns", 1 / 3, "1/3", "10/3"), ("v1_ns", 2 / 3, "2/3", "20/3")]
    (answer,) = document(capsys, "route", manifest, "GET /weighted")["answers"]
    assert answer["decision"] is None
    assert [share["share_fraction"] for share in answer["shares"]] == ["1/3", "2/3"]
    (answer,) = document(capsys, "explain", manifest, "GET /weighted")["answers"]
    assert [chance["conditions"][0]["intervals"] for chance in answer["chances"]] == [[[0, 1]], [[1, 3]]]


def test_fields_hold_what_the_attributes_hold() -> None:
    from canarysim.faces.json import decision_dict, preview_dict, request_dict

    for case in [case for case in cases.PATHS if isinstance(case, Case)][:30]:
        table = cs.loads(case.manifest)
        decision = table.route(case.request, case.random_value)
        found = decision_dict(decision)
        for name in ("kind", "virtual_host", "route", "cluster", "function", "status", "location", "path"):
            assert found[name] == getattr(decision, name)
        asked = request_dict(case.request)
        assert cs.Request.parse(asked["text"]) == case.request
        for outcome, row in zip(
            cs.preview(table, case.request), preview_dict(cs.preview(table, case.request))["outcomes"], strict=True
        ):
            for name in ("kind", "route", "cluster", "low", "high", "coverage", "none", "calls_to_see"):
                assert row[name] == getattr(outcome, name)


def test_text_is_utf8_in_ascii_json(manifest: str, capsys: Capture) -> None:
    assert main(["route", manifest, "GET /caf\u00e9", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out)["answers"][0]["request"]["path"] == "/caf\u00e9"


def test_each_table_answers_in_one_document(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "m.yaml"
    ssl = weighted(1, 1).replace("name: t", "name: s").replace("spec:\n", "spec:\n  sslConfig: {}\n")
    file.write_text(routes("{prefix: /}") + "---\n" + ssl)
    found = document(capsys, "route", str(file), "GET /", "GET https://h/")
    assert [(one["table"], one["request"]["path"]) for one in found["answers"]] == [
        ("gateway-proxy", "/"),
        ("gateway-proxy-ssl", "/"),
        ("gateway-proxy-ssl", "/"),
    ]
