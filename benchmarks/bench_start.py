"""What it costs to begin: importing the package, and the command line. Part of: python -m pytest benchmarks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.conftest import Goal

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.conftest import Compare

ROOT = Path(__file__).parent.parent
#: A process with its bytecode cached, as an installed package has it.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}


def process(*arguments: str) -> Callable[[], object]:
    def run() -> None:
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT, env=ENVIRONMENT)

    return run


def test_import(compare: Compare) -> None:
    compare(
        "import canarysim",
        process("-c", "import canarysim"),
        {"an empty Python": process("-c", "pass")},
        (Goal("an empty Python", more_seconds=0.010),),
        repeat=3,
    )


def test_command_line(compare: Compare) -> None:
    manifest = "notebooks/manifests/coalmine.yaml"
    compare(
        "canarysim preview of a small file",
        process("-m", "canarysim", "preview", manifest, "GET /findPetWithId/1"),
        {"import yaml, attrs, argparse": process("-c", "import yaml, attrs, argparse")},
        (Goal("import yaml, attrs, argparse", more_seconds=0.080),),
        repeat=3,
    )
