"""The repository that shows tests for routes is green and covered; broken, it is red where it ought to be."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from canarysim.cli import main
from canarysim.cli.arguments import COMMANDS
from canarysim.testing.checking import check

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
REPOSITORY = ROOT / "notebooks" / "repository"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
CONFIGURATION = REPOSITORY / ".pre-commit-config.yaml"
WORKFLOW = REPOSITORY / ".github" / "workflows" / "routes.yaml"

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    folder = tmp_path / "copy"
    shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def in_pytest(copy: Path, pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Runs pytest in the copy of the repository."""
    pytester.chdir()
    shutil.copytree(copy, pytester.path, dirs_exist_ok=True)

    def run(*arguments: str) -> pytest.RunResult:
        shutil.copytree(copy / "manifests", pytester.path / "manifests", dirs_exist_ok=True)
        return pytester.runpytest("-p", "no:cacheprovider", *arguments)

    return run


def test_it_is_green_and_covered_on_the_command_line(copy: Path, capsys: Capture) -> None:
    assert main(["check", "tests", "--fail-under", "100"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^  in all +(\d+) +\1 +100 %$", out, re.MULTILINE)
    assert out.endswith(" passed, 0 failed\n")


def test_it_is_green_and_covered_in_pytest(in_pytest: Callable[..., pytest.RunResult]) -> None:
    result = in_pytest("--canary-fail-under=100")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["tests/test_catalog.canary.yaml *", "tests/test_routes.py *", "  in all *100 %"])


# Three ways to break it


def edited(path: Path, old: str, new: str) -> str:
    """Replaces what stands once in a file. The new text is returned."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return path.read_text()


def line(text: str, part: str) -> int:
    assert text.count(part) == 1
    return text[: text.index(part)].count("\n") + 1


def a_wrong_weight(manifests: Path) -> list[str]:
    text = edited(manifests / "checkout.yaml", "weight: 30", "weight: 50")
    return [
        f"look at checkout-v2_checkout has weight 50 of 120 manifests/checkout.yaml:{line(text, 'weight: 50')}",
        f"look at checkout-v1_checkout has weight 70 of 120 manifests/checkout.yaml:{line(text, 'weight: 70')}",
    ]


def a_route_moved_above_another(manifests: Path) -> list[str]:
    path = manifests / "checkout.yaml"
    routes, group = path.read_text().split("---\n")
    head, testers, everybody = re.split(r"^(?=  - name: )", routes, flags=re.MULTILINE)
    text = f"{head}{everybody}{testers}---\n{group}"
    path.write_text(text)
    below, above = (line(text, f"- name: {name}") + 2 for name in ("testers", "everybody"))  # their matchers
    there = f"header x-canary is 'true') would fulfil it, and matches; manifests/checkout.yaml:{below}"
    here = "but route 5 (path begins with '/checkout') stands above it and takes the request"
    return [f"{there} {here} manifests/checkout.yaml:{above}"]


def a_regex_that_forgets_the_query(manifests: Path) -> list[str]:
    text = edited(
        manifests / "catalog.yaml",
        "exact: /catalog/search\n      queryParameters:\n      - name: q\n",
        "regex: /catalog/search\\?q=.+\n",
    )
    place = f"manifests/catalog.yaml:{line(text, 'regex: /catalog/search')}"
    why = "'/catalog/search?q=maps' would match, but the query is no part of the path"
    return [f"leads there, but refuses: path is '/catalog/search' {place} {why}"]


@pytest.mark.parametrize(
    ("break_it", "red"),
    [
        (
            a_wrong_weight,
            {
                "of everybody else version 2 gets 30 %",
                "version 2 has room for a third of all",
                "the first that picks version 1",
            },
        ),
        (a_route_moved_above_another, {"testers always get version 2"}),
        (a_regex_that_forgets_the_query, {"a search has a question"}),
    ],
    ids=lambda value: value.__name__.replace("_", " ") if callable(value) else "",
)
def test_what_is_broken_is_red_where_it_ought_to_be_and_names_the_line(
    copy: Path,
    in_pytest: Callable[..., pytest.RunResult],
    capsys: Capture,
    break_it: Callable[[Path], list[str]],
    red: set[str],
) -> None:
    clues = break_it(copy / "manifests")
    with contextlib.chdir(copy):
        report = check("tests")
        assert main(["check", "tests"]) == 1
    on_the_command_line = capsys.readouterr().out
    assert {result.trial.case.name for result in report.results if result.status == "failed"} == red
    assert not report.errors
    result = in_pytest()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    summary = r"^FAILED tests/\w+\.canary\.yaml::([^\[\n]*?)(?:\[.*| - .*)?$"
    assert set(re.findall(summary, result.stdout.str(), re.MULTILINE)) == red
    for out in (on_the_command_line, result.stdout.str()):
        said = " ".join(out.split())
        for clue in clues:
            assert clue in said


# What runs the tests elsewhere


def documents(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def test_the_hook_runs_a_command_that_there_is_once_for_yaml_and_json(copy: Path) -> None:
    [hook] = documents(HOOKS)
    program, command = hook["entry"].split()
    assert program in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert command in COMMANDS
    assert (hook["language"], hook["pass_filenames"]) == ("python", False)
    assert set(hook["types_or"]) == {"yaml", "json"}
    assert main([command, *hook["args"]]) == 0


def test_the_configuration_of_pre_commit_names_the_hook_and_arguments_that_hold(copy: Path) -> None:
    [hook] = documents(HOOKS)
    [repository] = documents(CONFIGURATION)["repos"]
    [used] = repository["hooks"]
    assert used["id"] == hook["id"]
    assert main([hook["entry"].split()[1], *used["args"]]) == 0


def test_the_workflow_installs_what_the_hook_has_and_runs_pytest(
    in_pytest: Callable[..., pytest.RunResult],
) -> None:
    workflow = documents(WORKFLOW)
    assert set(workflow[True]) == {"pull_request", "push"}  # YAML 1.1 reads the key "on" as true
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    installs, [program, *arguments] = (shlex.split(step["run"]) for step in steps if "run" in step)
    [repository] = documents(CONFIGURATION)["repos"]
    assert installs[:2] == ["pip", "install"]
    assert f"canarysim @ git+{repository['repo']}@{repository['rev']}" in installs
    assert program == "pytest"
    assert in_pytest(*arguments).ret == pytest.ExitCode.OK
