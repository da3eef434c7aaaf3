"""README prints what the code prints."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from . import modelled

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_what_is_modelled_is_what_the_fields_declare() -> None:
    shown = re.search(r"<!-- modelled -->\n(.*)\n<!-- /modelled -->", README, re.DOTALL)
    assert shown is not None
    assert shown[1] == modelled.section(), "write it anew with: python -m tests.modelled"


def test_the_examples_print_what_follows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    space: dict[str, object] = {}
    for source, expected in zip(blocks("python"), blocks("text"), strict=False):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(source, space)  # noqa: S102 - our own README
        assert printed.getvalue() == expected


def test_the_commands_of_readme_are_the_ones_of_ci() -> None:
    commands = [line for block in blocks("bash") for line in block.splitlines()]
    assert all(command.startswith("python3 -m venv .venv && ") for command in commands)
    assert any("-m pytest" in command for command in commands)
    assert any("canarysim preview notebooks/manifests/coalmine.yaml" in command for command in commands)
