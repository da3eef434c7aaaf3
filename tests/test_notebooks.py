"""The notebooks run from top to bottom and print what they were committed with."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def printed(cell: Any) -> list[str]:
    """The text outputs of a cell; of a picture only that there is one."""
    found: list[str] = []
    streaming = False
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            # The kernel cuts what a cell prints into messages as it likes.
            found[len(found) - streaming :] = ["".join(found[len(found) - streaming :]) + output.text]
            streaming = True
            continue
        streaming = False
        if "text/html" in output.get("data", {}):
            found.append(output.data["text/html"])
        elif "image/png" in output.get("data", {}):
            found.append("<picture>")
        else:
            found.append(output.data["text/plain"])
    return found


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS


@pytest.mark.filterwarnings("default")  # the kernel's machinery has warnings of its own
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_prints_what_it_was_committed_with(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    read: Any = nbformat.read
    committed, running = read(path, as_version=4), read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(running, timeout=120, kernel_name="python3", resources=resources)
    client.km = client.create_kernel_manager()
    assert client.km.kernel_spec is not None
    client.km.kernel_spec.argv[0] = sys.executable  # this environment, whatever kernels are registered
    client.execute()
    for number, (before, after) in enumerate(zip(committed.cells, running.cells, strict=True)):
        assert printed(after) == printed(before), f"cell {number} of {path.name}"
