"""The command line, run as people run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from canarysim.cli import main

from .cases import routes, weighted
from .test_gloo import TEN_MISTAKES, one_route

COALMINE = str(Path(__file__).parent.parent / "notebooks" / "manifests" / "coalmine.yaml")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "canarysim", *arguments], capture_output=True, text=True, check=False
    )


def test_a_request_is_previewed() -> None:
    done = run("preview", COALMINE, "GET /findPetWithId/1")
    assert (done.returncode, done.stderr) == (0, "")
    words = " ".join(done.stdout.split())
    assert "10 % default-petstore-v2-8080_gloo-system findPetById" in words
    assert "0 to 5 in 98.9 % of runs, none at all in 12.2 %" in words
    assert "make 29 calls" in words
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout


def test_without_a_request_the_whole_table_is_shown() -> None:
    done = run("preview", COALMINE)
    assert done.returncode == 0
    assert "1 virtual host, 4 routes" in done.stdout
    assert "-> /api/pets" in done.stdout


def test_previewing_loads_no_numpy() -> None:
    code = (
        "import sys; from canarysim.cli import main; "
        f"main(['preview', {COALMINE!r}, 'GET /findPetWithId/1']); sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


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
        (["preview", "GET /x"], "no manifest"),
        (["preview", COALMINE, "GET /x header"], "write name:value"),
        (["preview", COALMINE, "-n", "0"], "number of calls"),
        (["preview", COALMINE, "--table", "gatway-proxy"], "did you mean 'gateway-proxy'"),
        (["preview"], "required"),
        (["previw"], "invalid choice"),
        ([], "required"),
    ],
)
def test_wrong_arguments_are_exit_code_2_with_the_reason(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(arguments)
    except SystemExit as stop:  # argparse's own
        code = int(str(stop.code))
    assert code == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""


def test_an_unknown_answer_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = tmp_path / "m.yaml"
    manifest.write_text(
        one_route(
            "- matchers: [{prefix: /r}]\n  delegateAction: {ref: {name: rt}}\n- routeAction: {single: {upstream: {name: r0}}}\n"
        )
    )
    assert main(["preview", str(manifest), "GET /r"]) == 1
    assert "unknown" in capsys.readouterr().out
    assert main(["preview", str(manifest), "GET /x"]) == 0
    captured = capsys.readouterr()
    assert "delegateAction is not simulated" in captured.err
    assert main(["preview", str(manifest)]) == 1


def test_two_tables_are_both_shown_and_a_scheme_chooses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = routes("{prefix: /}")
    ssl = weighted(1, 1).replace("name: t", "name: s").replace("spec:\n", "spec:\n  sslConfig: {}\n")
    manifest = tmp_path / "m.yaml"
    manifest.write_text(plain + "---\n" + ssl)
    assert main(["preview", str(tmp_path), "GET /"]) == 0
    out = capsys.readouterr().out
    assert "gateway-proxy: GET /" in out
    assert "gateway-proxy-ssl: GET /" in out
    assert main(["preview", str(manifest), "GET https://h/"]) == 0
    out = capsys.readouterr().out
    assert "gateway-proxy-ssl: GET https://h/" in out
    assert "gateway-proxy: " not in out


def test_a_reader_that_stops_early_is_no_error() -> None:
    requests = " ".join([repr("GET /findPetWithId/1")] * 500)
    command = f"{sys.executable} -m canarysim preview {COALMINE} {requests} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # noqa: S602
    assert done.stdout == "GET /findPetWithId/1\n"
    assert done.stderr == ""


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for option, says in [("--version", "canarysim 0."), ("--help", "exit codes:")]:
        with pytest.raises(SystemExit) as stop:
            main([option])
        assert stop.value.code == 0
        assert says in capsys.readouterr().out
