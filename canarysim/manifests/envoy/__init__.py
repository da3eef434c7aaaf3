"""Envoy's own configuration: text and mappings to records of declared fields, and a route table back to a mapping.

- ``scalars`` says what a piece of text means where a field of a certain type stands, as Envoy's loader has it.
- ``types`` and ``reader`` drive the declarations; ``match_fields``, ``action_fields``, ``fields`` and
  ``server_fields`` are the declarations; ``filters`` says what HTTP filters do to answers.
- ``find`` finds the route configurations of a document, and the settings that they run with.
- ``export`` writes a route table as a RouteConfiguration.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from canarysim.manifests.envoy.export import to_envoy as to_envoy

__all__ = ["to_envoy"]


def __getattr__(name: str) -> object:
    """Imports the export when it is asked for: reading a configuration does not need it."""
    if name != "to_envoy":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from canarysim.manifests.envoy import export

    return export.to_envoy
