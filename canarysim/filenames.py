"""Which files are manifests and which are tests of routes, by their names, and which are the same file.

It costs nothing to import.
"""

from __future__ import annotations

import os.path

__all__ = ["is_manifest", "is_named_as_tests", "is_test_file", "real_path"]

_MANIFESTS = (".yaml", ".yml", ".json")
_TESTS = (".canary.yaml", ".canary.yml", ".canary.json")


def is_named_as_tests(name: str) -> bool:
    """Whether the name of a file ends as those of tests do."""
    return name.lower().endswith(_TESTS)


def is_test_file(name: str) -> bool:
    """Whether a file of that name, without its folder, is found as one of tests: ``test_*.canary.yaml``."""
    return name.startswith("test_") and is_named_as_tests(name)


def is_manifest(name: str) -> bool:
    """Whether a file of that name is read where a folder is: YAML and JSON, but for tests."""
    return name.lower().endswith(_MANIFESTS) and not is_named_as_tests(name)


def real_path(name: str) -> str:
    """The path of a file without links and detours: one for each file; the name itself where it can be none."""
    try:
        return os.path.realpath(name)
    except ValueError:  # a NUL in the name
        return name
