"""What stands in a message of Envoy's configuration and is not simulated, and what it leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.manifests.envoy.filters import override_uses
from canarysim.manifests.fields import Effect
from canarysim.problems import Problem, Severity
from canarysim.table.actions import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from canarysim.manifests.envoy.filters import FilterUse
    from canarysim.manifests.fields import Reader, Record

__all__ = ["filters_unknown", "open_fields"]


def open_fields(record: Record) -> Iterator[Unknown]:
    """What of a message itself is not simulated; the messages in it are asked by those who read them."""
    for field in record.message.fields:
        if field.effect is Effect.UNSIMULATED and record.get(field.name, False) is not False:
            problem = record.warn("not_simulated", f"{field.name} is not simulated: {field.note}", field.name)
            yield Unknown(problem, field.parts)
    for side in ("request", "response"):
        for added in record.get(f"{side}_headers_to_add", ()):
            if "header" in added:
                yield from open_fields(added["header"])
    if "typed_per_filter_config" in record:
        yield from filters_unknown(record.reader, override_uses(record["typed_per_filter_config"]))


def filters_unknown(reader: Reader, uses: Iterable[FilterUse]) -> Iterator[Unknown]:
    """What filters, or their settings, leave open."""
    for use in uses:
        if use.effect is Effect.UNSIMULATED:
            name = use.name or use.type
            message = f"the filter {name} is not simulated: it {use.note}"
            problem = Problem("not_simulated", Severity.WARNING, message, reader.where(use.node, use.path))
            reader.problems.append(problem)
            yield Unknown(problem, use.parts)
