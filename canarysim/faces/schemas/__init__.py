"""What the command line prints with --json, and test files, as JSON Schemas (2020-12): a file for each, and what
they share.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any, Final

__all__ = ["SCHEMAS", "schema"]

#: The names of the schemas: the commands, what ``compile -o envoy`` prints, and what stands in test files.
SCHEMAS: Final = ("preview", "route", "explain", "simulate", "compile", "check", "envoy", "tests")


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of that name, complete in itself. KeyError for a name not in SCHEMAS.

    >>> schema("route")["$schema"]
    'https://json-schema.org/draft/2020-12/schema'
    """
    if name not in SCHEMAS:
        raise KeyError(name)
    found = _file(name)
    shared = _file("definitions")["$defs"]
    used: dict[str, Any] = {}
    wanted = _references(found)
    while wanted:
        one = wanted.pop()
        if one not in used and one not in found.get("$defs", {}):
            used[one] = shared[one]
            wanted |= _references(shared[one])
    return {**found, "$defs": {**found.get("$defs", {}), **dict(sorted(used.items()))}}


def _file(name: str) -> dict[str, Any]:
    text = (resources.files("canarysim.faces.schemas") / f"{name}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _references(part: object) -> set[str]:
    """The names of the shared definitions that a piece of a schema refers to."""
    if isinstance(part, list):
        return set().union(*map(_references, part))
    if not isinstance(part, dict):
        return set()
    own = {part["$ref"].rpartition("/")[2]} if isinstance(part.get("$ref"), str) else set()
    return own.union(*map(_references, part.values()))
