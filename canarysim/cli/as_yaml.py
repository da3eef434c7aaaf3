"""Plain values as YAML that means the same to PyYAML and to Envoy."""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["yaml_text"]

# PyYAML may lack its C part, which is several times as fast.
_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_Base):  # type: ignore[misc]
    """Quotes the texts that Envoy's reader takes for booleans and PyYAML's does not."""


def _text(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if text in _BOOLEANS else None)


_BOOLEANS = frozenset(["y", "Y", "n", "N"])
_Dumper.add_representer(str, _text)


def yaml_text(value: Any) -> str:
    """The value in block style, keys in their order."""
    # No line is folded: a long regex stays on one line, and can be searched.
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31 - 1)
    return text.rstrip("\n")
