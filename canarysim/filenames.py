"""Which files are manifests and which are tests of routes, by their names. It costs nothing to import."""

from __future__ import annotations

__all__ = ["is_manifest", "is_named_as_tests", "is_test_file"]

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
