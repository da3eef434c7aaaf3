"""What one Envoy does differently from another: its version, and the guards that its runtime sets.

Facts (observed on 1.36.4 and 1.40.0, see tests/envoy/test_versions.py). 1.40 does these unless the guard of
that name (``envoy.reloadable_features.<name>``) is off; 1.36 never does the first three:

1. ``match_headers_individually``: the values of a repeated header are tried one by one, not joined by a comma.
2. ``re2_use_latin1_mode``: regular expressions read bytes, not UTF-8.
3. ``strip_path_parameters_per_segment``: where path parameters are ignored, they are cut from each segment,
   not from the first ``;`` to the end of the path.
4. ``enable_new_query_param_present_match_behavior``: ``present_match: false`` asks for absence.
5. ``http_reject_path_with_fragment``: a path with ``#`` is refused; else it is cut there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from canarysim.errors import InvalidValue

if TYPE_CHECKING:
    from canarysim.table.runtime import Runtime

__all__ = ["ENVOY_VERSIONS", "Behaviour", "behaviour_of"]

ENVOY_VERSIONS = ("1.36", "1.40")


class Behaviour(NamedTuple):
    """How one Envoy behaves, where Envoys differ; the names are those of its guards."""

    version: str
    match_headers_individually: bool
    re2_use_latin1_mode: bool
    strip_path_parameters_per_segment: bool
    enable_new_query_param_present_match_behavior: bool = True
    http_reject_path_with_fragment: bool = True

    @property
    def regex_encoding(self) -> Literal["utf-8", "latin-1"]:
        """How regular expressions and what they are matched against are read."""
        return "latin-1" if self.re2_use_latin1_mode else "utf-8"


_PLAIN = {version: Behaviour(version, *[version != "1.36"] * 3) for version in ENVOY_VERSIONS}


def behaviour_of(version: str, runtime: Runtime | None = None) -> Behaviour:
    """The behaviour of a version under a runtime. Raises InvalidValue for a version that is not known."""
    if version not in _PLAIN:
        raise InvalidValue("unknown_envoy", f"envoy={version!r}: known are {' and '.join(ENVOY_VERSIONS)}")
    plain = _PLAIN[version]
    if runtime is None or not runtime.items:
        return plain
    names = [name for name in Behaviour._fields if name != "version"]
    return Behaviour(
        version, *[runtime.guard(name, getattr(plain, name)) and getattr(plain, name) for name in names]
    )
