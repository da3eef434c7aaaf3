"""README prints what the code prints."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from canarysim.cli.arguments import COMMANDS

from . import modelled

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_what_is_modelled_is_what_the_fields_declare() -> None:
    for word, section in modelled.SECTIONS.items():
        shown = re.search(rf"<!-- {word} -->\n(.*)\n<!-- /{word} -->", README, re.DOTALL)
        assert shown is not None
        assert shown[1] == section, "write it anew with: python -m tests.modelled"


def test_the_examples_print_what_follows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    space: dict[str, object] = {}
    for source, expected in zip(blocks("python"), blocks("text"), strict=False):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(source, space)  # noqa: S102 - our own README
        assert printed.getvalue() == expected


def commands_and_outputs() -> list[tuple[str, str]]:
    """Of each ```console block: the lines after "$ ", with those that continue them, and what they print."""
    found = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, line, lines = "", "", part.splitlines(keepends=True)
            while not command or line.rstrip().endswith(("|", "\\")):
                line = lines.pop(0)
                command += line
            found.append((command, "".join(lines)))
    return found


@pytest.mark.parametrize(("command", "output"), commands_and_outputs())
def test_the_commands_print_what_follows_them(command: str, output: str) -> None:
    installed = re.sub(r"(?<![\w/])canarysim (?=[a-z])", f"{shlex.quote(sys.executable)} -m canarysim ", command)
    assert installed != command
    colourless = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    done = subprocess.run(  # noqa: S602 - our own README
        installed,
        shell=True,
        cwd=ROOT,
        env=colourless,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.stdout == output


def test_every_command_is_shown() -> None:
    shown = " ".join(command for command, _ in commands_and_outputs()) + " ".join(blocks("bash"))
    assert all(f"canarysim {command} " in shown for command in COMMANDS)


def test_the_commands_of_readme_are_the_ones_of_ci() -> None:
    commands = [line for block in blocks("bash") for line in block.splitlines()]
    assert all(command.startswith("python3 -m venv .venv && ") for command in commands)
    assert any("-m pytest" in command for command in commands)
    assert any("canarysim preview notebooks/manifests/coalmine.yaml" in command for command in commands)
