"""The command line, run as people run it."""

from __future__ import annotations

import gzip
import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import canarysim as cs
from canarysim.cli import arguments, main
from canarysim.cli.as_yaml import yaml_text
from canarysim.faces.colour import coloured

from .cases import Case, routes, virtual_service, weighted
from .test_gloo import TEN_MISTAKES, one_route

COALMINE = str(Path(__file__).parent.parent / "notebooks" / "manifests" / "coalmine.yaml")
WEIGHTED = "GET /findPetWithId/1"
DELEGATES = """\
- matchers: [{prefix: /r}]
  delegateAction: {ref: {name: rt}}
- routeAction: {single: {upstream: {name: r0}}}
"""

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def _without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "canarysim", *arguments], capture_output=True, text=True, check=False
    )


def code_of(*arguments: str) -> int:
    """The exit code, also where argparse ends the program."""
    try:
        return main(arguments)
    except SystemExit as stop:
        return int(str(stop.code))


def answer(capsys: Capture, *arguments: str, code: int = 0) -> str:
    assert code_of(*arguments) == code
    return capsys.readouterr().out


def give_stdin(monkeypatch: Patch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def two_tables() -> str:
    """A VirtualService for http, and one with two equal weights for https."""
    ssl = weighted(1, 1).replace("name: t", "name: s").replace("spec:\n", "spec:\n  sslConfig: {}\n")
    return routes("{prefix: /}") + "---\n" + ssl


# preview


def test_a_request_is_previewed() -> None:
    done = run("preview", COALMINE, WEIGHTED)
    assert (done.returncode, done.stderr) == (0, "")
    words = " ".join(done.stdout.split())
    assert "10 % default-petstore-v2-8080_gloo-system findPetById" in words
    assert "0 to 5 in 98.9 % of runs, none at all in 12.2 %" in words
    assert "make 29 calls" in words
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout


def test_without_a_request_the_whole_table_is_shown(capsys: Capture) -> None:
    out = answer(capsys, "preview", COALMINE)
    assert "1 virtual host, 4 routes" in out
    assert "-> /api/pets" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["preview", COALMINE, WEIGHTED],
        ["route", COALMINE, WEIGHTED],
        ["explain", COALMINE, WEIGHTED],
        ["compile", COALMINE, "-o", "envoy"],
    ],
)
def test_only_simulating_loads_numpy(arguments: list[str]) -> None:
    code = f"import sys; from canarysim.cli import main; main({arguments!r}); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_options_may_stand_anywhere(capsys: Capture) -> None:
    expected = answer(capsys, "preview", COALMINE, WEIGHTED, "-n", "100")
    assert "of 100 calls" in expected
    assert answer(capsys, "preview", "-n", "100", COALMINE, WEIGHTED) == expected
    assert answer(capsys, "preview", COALMINE, "-n", "1_00", WEIGHTED) == expected


# route


def test_a_decision_is_shown_line_by_line(capsys: Capture) -> None:
    out = answer(capsys, "route", COALMINE, "GET /petstore/7", "GET /nowhere", "GET /a#b", "GET /findPets")
    blocks = [dict(line.strip().split(None, 1) for line in block.splitlines()) for block in out.split("\n\n")]
    assert [block["kind"] for block in blocks] == ["forward", "not_found", "rejected", "forward"]
    assert blocks[0]["path"] == "/api/pets/7"
    assert blocks[0]["source"].endswith("coalmine.yaml:70:11")
    assert blocks[1]["status"] == "404"
    assert blocks[2]["status"] == "400"
    assert blocks[3]["cluster"] == "default-petstore-v1-8080_gloo-system"
    assert blocks[3]["function"] == "findPets"
    assert "path" not in blocks[3]  # it does not change


def test_redirects_and_rewrites_are_shown(tmp_path: Path, capsys: Capture) -> None:
    manifest = tmp_path / "m.yaml"
    manifest.write_text(
        one_route(
            "- matchers: [{prefix: /old}]\n  redirectAction: {hostRedirect: new.example, responseCode: FOUND}\n"
            "- matchers: [{prefix: /host}]\n  routeAction: {single: {upstream: {name: r0}}}\n"
            "  options: {hostRewrite: in.example}\n"
        )
    )
    out = answer(capsys, "route", str(manifest), "GET http://h/old?a=1")
    assert "status        302\n" in out
    assert "location      http://new.example/old?a=1\n" in out
    assert "authority     in.example\n" in answer(capsys, "route", str(manifest), "GET http://h/host")


def test_without_a_random_value_the_shares_are_a_finding(capsys: Capture) -> None:
    out = answer(capsys, "route", COALMINE, WEIGHTED, code=1)
    assert "--random-value N" in out
    assert "          10 %  default-petstore-v2-8080_gloo-system (findPetById)\n" in out
    assert max(map(len, out.splitlines()[:5])) <= 80


@pytest.mark.parametrize(("value", "version"), [("7", "v2"), ("0xA", "v1"), ("10", "v1"), (str(2**64 - 1), "v1")])
def test_a_random_value_decides(value: str, version: str, capsys: Capture) -> None:
    out = answer(capsys, "route", COALMINE, WEIGHTED, "--random-value", value)
    assert f"default-petstore-{version}-8080" in out


# explain


def test_an_explanation_is_that_of_the_library(capsys: Capture) -> None:
    table = cs.load(COALMINE)
    assert answer(capsys, "explain", COALMINE, WEIGHTED) == f"{cs.explain(table, WEIGHTED)}\n"
    given = answer(capsys, "explain", COALMINE, WEIGHTED, "--random-value", "7")
    assert given == f"{cs.explain(table, WEIGHTED, 7)}\n"


# simulate


def test_a_simulation_is_that_of_the_library(capsys: Capture) -> None:
    table = cs.load(COALMINE)
    out = answer(capsys, "simulate", COALMINE, WEIGHTED, "-n", "10_000", "--seed", "3")
    assert out == f"{cs.simulate(table, {WEIGHTED: 1}, 10_000, rng=3, keep='counts')}\n"
    assert out == answer(capsys, "simulate", COALMINE, WEIGHTED, "-n", "10000", "--seed", "3")
    assert out != answer(capsys, "simulate", COALMINE, WEIGHTED, "-n", "10000", "--seed", "4")


@pytest.mark.parametrize("by", arguments.BY)
def test_a_simulation_counts_by_one_thing(by: str, capsys: Capture) -> None:
    out = answer(
        capsys,
        "simulate",
        COALMINE,
        f"50% {WEIGHTED}",
        "50% GET /x",
        "--by",
        by,
        "--seed",
        "1",
        "-n",
        "10**15"[:2],
    )
    assert out.startswith(f"10 requests by {by.replace('_', ' ')}\n")
    assert max(map(len, out.splitlines())) <= 80
    rows = re.findall(r"  +(\d+)   +[\d.]+ %   +[\d.]+ %", out)
    assert sum(map(int, rows)) == 10


def test_what_simulations_count_by_is_what_the_library_counts_by() -> None:
    from canarysim.answers.groups import BY

    assert sorted(arguments.BY) == sorted(BY)


@pytest.mark.parametrize(
    ("requests", "shares"),
    [
        (["GET /a", "GET /b"], ["1/2", "1/2"]),
        (["GET /a", "GET /b", "GET /a"], ["2/3", "1/3"]),
        (["90% GET /a", "10% GET /b"], ["9/10", "1/10"]),
        (["99.9 % /a", "0.1 % /b"], ["999/1000", "1/1000"]),
        (["9 GET /a", "1 /b"], ["9/10", "1/10"]),
        (["0 GET /a", "0.5 GET /b"], ["0", "1"]),
    ],
)
def test_several_requests_are_a_mix(requests: list[str], shares: list[str], capsys: Capture) -> None:
    found = json.loads(answer(capsys, "simulate", COALMINE, *requests, "--json"))["answers"][0]["requests"]
    assert [one["share_fraction"] for one in found] == shares
    assert [one["request"]["path"] for one in found] == ["/a", "/b"]


@pytest.mark.parametrize(
    ("requests", "says"),
    [
        (["90% GET /a", "GET /b"], "some have none, such as 'GET /b'"),
        (["90% GET /a", "1 GET /b"], "all as weights"),
        (["90% GET /a", "9% GET /b"], "add up to 99 %, not to 100 %"),
        (["0 GET /a"], "the weights add up to 0"),
    ],
)
def test_wrong_shares_are_refused(requests: list[str], says: str, capsys: Capture) -> None:
    assert code_of("simulate", COALMINE, *requests) == 2
    assert says in capsys.readouterr().err


def test_a_mix_goes_to_the_table_that_all_its_requests_name(tmp_path: Path, capsys: Capture) -> None:
    manifest = tmp_path / "m.yaml"
    manifest.write_text(two_tables())
    out = answer(capsys, "simulate", str(manifest), "GET /", "GET https://h/", "--seed", "1")
    assert out.startswith("gateway-proxy-ssl: ") or "gateway-proxy: " not in out
    assert "r1_ns" in out
    assert code_of("simulate", str(manifest), "GET http://h/", "GET https://h/") == 2
    assert "--table gateway-proxy or gateway-proxy-ssl" in capsys.readouterr().err
    answer(capsys, "simulate", str(manifest), "GET http://h/", "GET https://h/", "--table", "gateway-proxy")


# compile


def test_a_table_is_compiled_to_text_and_to_envoys_configuration(capsys: Capture) -> None:
    table = cs.load(COALMINE)
    assert answer(capsys, "compile", COALMINE) == f"{table}\n"
    assert yaml.safe_load(answer(capsys, "compile", COALMINE, "-o", "envoy")) == cs.to_envoy(table)
    assert json.loads(answer(capsys, "compile", COALMINE, "-o", "envoy", "--json")) == cs.to_envoy(table)


def test_yaml_means_the_same_to_every_reader() -> None:
    """Envoy reads y and n as booleans, PyYAML does not; both read a text that stands in quotes."""
    texts = [
        "y",
        "N",
        "no",
        "true",
        "1",
        "017",
        "0o17",
        "1e3",
        "1_0",
        "~",
        "",
        " a",
        "a: b",
        "#",
        "*",
        "x" * 200,
        "é",
    ]
    written = yaml_text({"texts": texts})
    assert yaml.safe_load(written) == {"texts": texts}
    assert "- 'y'\n- 'N'\n" in written
    assert "- " + "x" * 200 + "\n" in written  # lines are not folded


def test_what_is_not_simulated_is_not_exported(tmp_path: Path, capsys: Capture) -> None:
    manifest = tmp_path / "m.yaml"
    manifest.write_text(one_route(DELEGATES))
    assert code_of("compile", str(manifest), "-o", "envoy") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "cannot be exported" in captured.err
    assert captured.err.count("the RouteTable rt is not in the input") == 1  # once, though it is a warning too
    assert code_of("compile", str(manifest)) == 1


def test_one_of_several_tables_is_exported(tmp_path: Path, capsys: Capture) -> None:
    manifest = tmp_path / "m.yaml"
    manifest.write_text(two_tables())
    assert code_of("compile", str(manifest), "-o", "envoy") == 2
    assert "choose it with --table gateway-proxy or gateway-proxy-ssl" in capsys.readouterr().err
    out = answer(capsys, "compile", str(manifest), "-o", "envoy", "--table", "gateway-proxy-ssl")
    assert "r1_ns" in out
    both = answer(capsys, "compile", str(manifest))
    assert "gateway-proxy: " in both
    assert "gateway-proxy-ssl: " in both


# Requests from files and pipes


LINES = b"\xef\xbb\xbfGET /findPets x-canary:true\r\n\n  # a comment\n/petstore/9\n"


def test_requests_are_read_from_files_and_pipes(tmp_path: Path, capsys: Capture, monkeypatch: Patch) -> None:
    expected = answer(capsys, "route", COALMINE, "GET /a", "GET /findPets x-canary:true", "GET /petstore/9")
    file = tmp_path / "requests.txt"
    file.write_bytes(LINES)
    assert answer(capsys, "route", COALMINE, "GET /a", "--requests", str(file)) == expected
    give_stdin(monkeypatch, LINES)
    assert answer(capsys, "route", COALMINE, "GET /a", "--requests", "-") == expected


def test_shares_stand_in_files_too(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "requests.txt"
    file.write_text("80% GET /findPets\n20% /petstore\n")
    expected = answer(capsys, "simulate", COALMINE, "80% GET /findPets", "20% GET /petstore", "--seed", "1")
    assert answer(capsys, "simulate", COALMINE, "--requests", str(file), "--seed", "1") == expected
    assert code_of("route", COALMINE, "--requests", str(file)) == 2
    assert f"{file}:2: error: '20% /petstore': shares" in capsys.readouterr().err


def test_every_wrong_line_of_a_file_is_named(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "requests.txt"
    file.write_bytes(b"GET /a\n\nGET /b header\nGE\xffT /c\nnot a request\n")
    assert code_of("route", COALMINE, "--requests", str(file)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("canarysim: 3 errors\n")
    assert f"{file}:3: error: 'header' is no header" in captured.err
    assert f"{file}:4: error: the line is not UTF-8 (byte 3)" in captured.err
    assert f"{file}:5: error: " in captured.err
    file.write_bytes(b"\xff\n" * 1000)
    assert code_of("route", COALMINE, "--requests", str(file)) == 2
    err = capsys.readouterr().err
    assert err.startswith("canarysim: 1,000 errors\n")
    assert err.endswith("... and 980 lines more\n")


@pytest.mark.parametrize("command", ["preview", "route", "explain", "simulate"])
def test_a_file_without_requests_is_an_error(command: str, capsys: Capture, monkeypatch: Patch) -> None:
    give_stdin(monkeypatch, b"# nothing\n")
    assert code_of(command, COALMINE, "--requests", "-") == 2
    assert "<stdin> holds no request" in capsys.readouterr().err


def test_input_that_cannot_be_read_is_an_error(tmp_path: Path, capsys: Capture, monkeypatch: Patch) -> None:
    assert code_of("route", COALMINE, "--requests", str(tmp_path)) == 2
    assert "cannot be read: Is a directory" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", None)
    assert code_of("route", COALMINE, "--requests", "-") == 2
    assert "standard input is closed" in capsys.readouterr().err
    assert code_of("route", COALMINE, "--requests", "-", "--requests", "-") == 2
    assert "read once" in capsys.readouterr().err


# Errors and findings


def test_mistakes_are_listed_on_standard_error(tmp_path: Path) -> None:
    manifest = tmp_path / "broken.yaml"
    manifest.write_text(TEN_MISTAKES)
    done = run("preview", str(manifest))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("canarysim: 10 errors\n")
    assert done.stderr.count(f"{manifest}:") == 10
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["preview", "/nowhere.yaml"], "cannot be read"),
        (["preview", COALMINE, "findPets"], "cannot be read"),
        (["preview", COALMINE, "/findPets"], "if that is a request, write its method: 'GET /findPets'"),
        (["preview", COALMINE, "GET", "/findPets"], "quote them together: 'GET /findPets'"),
        (["preview", "-", "GET /findPets"], "write /dev/stdin"),
        (["preview", "GET /x"], "no manifest"),
        (["preview", COALMINE, "GET /x header"], "write name:value"),
        (["preview", COALMINE, "9 GET /x"], "shares before a request are for canarysim simulate"),
        (["preview", COALMINE, "-n", "0"], "number of calls"),
        (["preview", COALMINE, "--table", "gatway-proxy"], "did you mean 'gateway-proxy'"),
        (["preview", COALMINE, "--envoy", "1.37"], "1.40"),
        (["preview", COALMINE, "--jsn"], "unrecognized arguments: --jsn"),
        (["preview"], "no manifest"),
        (["route", COALMINE], "no request"),
        (["explain", COALMINE], "no request"),
        (["simulate", COALMINE], "no request"),
        (["route", COALMINE, "GET /", "--random-value", "-1"], "0 to 2^64 - 1"),
        (["route", COALMINE, "GET /", "--random-value", str(2**64)], "0 to 2^64 - 1"),
        (["simulate", COALMINE, "GET /", "--seed", "x"], "not a seed"),
        (["simulate", COALMINE, "GET /", "--by", "weather"], "'cluster'"),
        (["compile", COALMINE, "GET /"], "takes no request"),
        (["schema", "rout"], "did you mean 'route'"),
        (["previw"], "did you mean 'preview'"),
        (["xyz"], "there are preview, route"),
        ([], "usage: canarysim COMMAND"),
    ],
)
def test_wrong_arguments_are_exit_code_2_with_the_reason(arguments: list[str], says: str, capsys: Capture) -> None:
    assert code_of(*arguments) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("command", ["preview", "route", "explain", "simulate"])
def test_an_unknown_answer_is_exit_code_1(command: str, tmp_path: Path, capsys: Capture) -> None:
    manifest = tmp_path / "m.yaml"
    manifest.write_text(one_route(DELEGATES))
    assert code_of(command, str(manifest), "GET /r") == 1
    captured = capsys.readouterr()
    assert "unknown" in captured.out or "may match" in captured.out
    assert captured.err.startswith("1 warning\n")
    assert captured.err.count("the RouteTable rt is not in the input") == 1
    assert code_of(command, str(manifest), "GET /x") == 0
    captured = capsys.readouterr()
    assert "the RouteTable rt is not in the input" in captured.err
    if command == "preview":
        assert code_of(command, str(manifest)) == 1


def test_notes_that_say_the_same_are_merged(tmp_path: Path, capsys: Capture) -> None:
    deployment = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n"
    manifest = tmp_path / "m.yaml"
    manifest.write_text(routes("{prefix: /}") + deployment * 300)
    assert code_of("preview", str(manifest), "GET /") == 0
    err = capsys.readouterr().err
    assert len(err.splitlines()) < 6
    assert "(300 times)" in err


def test_two_tables_are_both_shown_and_a_scheme_chooses(tmp_path: Path, capsys: Capture) -> None:
    manifest = tmp_path / "m.yaml"
    manifest.write_text(two_tables())
    for command in ("preview", "explain"):
        out = answer(capsys, command, str(tmp_path), "GET /")
        assert "gateway-proxy: GET /" in out
        assert "gateway-proxy-ssl: GET /" in out
        out = answer(capsys, command, str(manifest), "GET https://h/")
        assert "gateway-proxy-ssl: GET https://h/" in out
        assert "gateway-proxy: " not in out
    # A scheme that no table has chooses none.
    assert "gateway-proxy: " in answer(capsys, "preview", str(manifest), "GET ws://h/")
    out = answer(capsys, "route", str(manifest), "GET /", "--table", "gateway-proxy-ssl", "--random-value", "1")
    assert "r1_ns" in out


def test_those_tables_answer_that_know_the_host_and_all_where_none_does(tmp_path: Path, capsys: Capture) -> None:
    manifest = tmp_path / "m.yaml"
    gateways = "".join(
        f"---\napiVersion: gateway.solo.io/v1\nkind: Gateway\nmetadata: {{name: {name}, namespace: gloo-system}}\n"
        f"spec: {{bindPort: {port}, httpGateway: {{virtualServices: [{{name: {service}, namespace: ns}}]}}}}\n"
        for name, port, service in (("outer", 80, "t"), ("inner", 81, "u"))
    )
    inner = routes("{prefix: /}", domains="[inside.example]").replace("name: t", "name: u")
    manifest.write_text(routes("{prefix: /}", domains="[shop.example]") + "---\n" + inner + gateways)
    out = answer(capsys, "preview", str(manifest), "GET http://shop.example/")
    assert "outer: " in out
    assert "inner: " not in out
    out = answer(capsys, "preview", str(manifest), "GET http://nowhere.example/")
    assert out.count("no virtual host (404)") == 2


def test_errors_that_are_applied_are_a_finding(tmp_path: Path, capsys: Capture) -> None:
    manifest = tmp_path / "m.yaml"
    bad = virtual_service("domains: [bad]\nroutes: [{matchers: [{prefix: /}]}]").replace("name: t", "name: bad")
    manifest.write_text(routes("{prefix: /}", domains="[good]") + "---\n" + bad)
    assert main(["preview", str(manifest), "GET http://good/"]) == 2
    capsys.readouterr()
    assert main(["preview", "--errors", "apply", str(manifest), "GET http://good/"]) == 1
    said = capsys.readouterr()
    assert "100 %  r0_ns" in said.out
    assert "VirtualService ns/bad is rejected" in said.err


def test_the_version_of_envoy_is_chosen(capsys: Capture) -> None:
    assert "as Envoy 1.36" in answer(capsys, "compile", COALMINE)
    assert "as Envoy 1.40" in answer(capsys, "compile", COALMINE, "--envoy", "1.40")


# Terminals and pipes


def test_a_reader_that_stops_early_is_no_error() -> None:
    requests = " ".join([repr(WEIGHTED)] * 500)
    command = f"{sys.executable} -m canarysim preview {COALMINE} {requests} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # noqa: S602
    assert done.stdout == f"{WEIGHTED}\n"
    assert done.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_an_error() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "canarysim", "preview", COALMINE],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "canarysim: the output: No space left on device\n"


def test_an_interruption_is_quiet(capsys: Capture, monkeypatch: Patch) -> None:
    class Interrupted(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Interrupted()))
    assert main(["preview", COALMINE, "--requests", "-"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_mistake_of_ours_shows_no_traceback(capsys: Capture, monkeypatch: Patch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(cs.RouteTable, "route", broken)
    assert code_of("route", COALMINE, "GET /") == 2
    err = capsys.readouterr().err
    assert "ZeroDivisionError: by zero" in err
    assert "Traceback" not in err
    monkeypatch.setenv("CANARYSIM_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["route", COALMINE, "GET /"])


def test_control_characters_do_not_reach_the_terminal(capsys: Capture) -> None:
    for command in ("preview", "route", "explain", "simulate"):
        assert code_of(command, COALMINE, "GET /\x1b[31mred x-a:\x9b") == 0
        captured = capsys.readouterr()
        assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", captured.out + captured.err) is None


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "terminal", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": ""}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colours_are_for_terminals(
    variables: dict[str, str], terminal: bool, expected: bool, monkeypatch: Patch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["explain", COALMINE, "GET /findPets"]) == 0
    assert ("\x1b[" in stream.getvalue()) is expected


def test_a_real_terminal_gets_colours() -> None:
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    done = subprocess.run(
        [sys.executable, "-m", "canarysim", "route", COALMINE, "GET /x"],
        stdout=theirs,
        env={**environment, "TERM": "xterm"},
        check=True,
    )
    os.close(theirs)
    assert done.returncode == 0
    assert os.read(ours, 100).startswith(b"\x1b[1mGET /x\x1b[0m")
    os.close(ours)


@pytest.mark.parametrize("command", ["preview", "route", "explain", "simulate"])
def test_colours_add_nothing_but_escape_sequences(command: str, capsys: Capture) -> None:
    requests = ["GET /findPets x-canary:truely", WEIGHTED, "GET /a#b", "GET //findPets"]
    assert code_of(command, COALMINE, *requests) in (0, 1)
    text = capsys.readouterr().out
    assert coloured(text) != text
    assert re.sub(r"\x1b\[\d*m", "", coloured(text)) == text


# Help


def test_version_and_help(capsys: Capture) -> None:
    for option, says in [("--version", "canarysim 0."), ("--help", "exit codes:")]:
        with pytest.raises(SystemExit) as stop:
            main([option])
        assert stop.value.code == 0
        assert says in capsys.readouterr().out


@pytest.mark.parametrize("command", arguments.COMMANDS)
def test_each_command_explains_itself_in_80_columns(command: str, capsys: Capture, monkeypatch: Patch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = answer(capsys, command, "--help")
    assert max(map(len, out.splitlines())) <= 80
    assert out.count(f"\n  canarysim {command}") == 2  # examples
    assert ("exit codes:" in out) is (command != "schema")
    assert f"  {command} " in answer(capsys, "--help")


def test_the_examples_of_the_help_run(capsys: Capture, tmp_path: Path, monkeypatch: Patch) -> None:
    import shlex

    (tmp_path / "routes").mkdir()
    (tmp_path / "routes.yaml").write_text(Path(COALMINE).read_text())
    (tmp_path / "routes" / "a.yaml").write_text(Path(COALMINE).read_text())
    (tmp_path / "requests.txt").write_text("GET /a\n")
    (tmp_path / "access.log.gz").write_bytes(gzip.compress(b'{"path": "/a"}\n'))
    (tmp_path / "tests").mkdir()
    test = "{name: t, request: GET /none, expect: {status: 404}}"
    (tmp_path / "tests" / "test_it.canary.yaml").write_text(f"manifests: ../routes.yaml\ntests: [{test}]\n")
    (tmp_path / "route_configuration.yaml").write_text("virtual_hosts: [{name: h, domains: [h]}]\n")
    test = '{"test_name": "t", "input": {"authority": "h", "path": "/"}, "validate": {"cluster_name": ""}}'
    (tmp_path / "router_check_tests.json").write_text(f'{{"tests": [{test}]}}')
    monkeypatch.chdir(tmp_path)
    for command in arguments.COMMANDS.values():
        for line in command.examples.splitlines():
            words = shlex.split(line.partition(" > ")[0])
            assert words[0] == "canarysim"
            answer(capsys, *words[1:])


def test_every_case_is_routed_as_expected(tmp_path: Path, capsys: Capture) -> None:
    from . import cases

    manifest = tmp_path / "m.yaml"
    case: Case
    for case in cases.PATHS[:40]:
        manifest.write_text(case.manifest)
        request = str(case.request)
        out = answer(capsys, "route", str(manifest), request, "--random-value", str(case.random_value), "--json")
        assert json.loads(out)["answers"][0]["decision"]["cluster"] == case.cluster
