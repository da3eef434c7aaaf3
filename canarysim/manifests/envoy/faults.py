"""From settings for the fault filter, as they were read, to the faults of the table.

Facts (run on 1.36.4 and 1.40.0, see tests/envoy/test_faults.py):

1. Settings have an effect where a fault filter of the connection manager bears the name they stand under, whatever
   that is; also where that filter is ``disabled`` unless a route asks for it.
2. FilterConfig wraps settings, or switches the filter off with ``disabled``.
3. Each of several fault filters, also of one name, makes its faults.
4. A delay is longer than 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.manifests.document import Mapping, Scalar
from canarysim.manifests.envoy.fault_fields import HTTP_FAULT
from canarysim.manifests.envoy.matches import refused
from canarysim.manifests.envoy.reader import EnvoyReader
from canarysim.manifests.envoy.unknowns import open_fields
from canarysim.problems import Problem, Severity
from canarysim.table.actions import Unknown
from canarysim.table.faults import FAULT_TYPE, FaultAbort, FaultDelay, Faults
from canarysim.table.runtime import DENOMINATORS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.manifests.envoy.types import Any
    from canarysim.manifests.fields import Record

__all__ = ["faults_of", "name_fault_filters"]


def name_fault_filters(configuration: Record, filters: tuple[str, ...] | None) -> Iterator[Unknown]:
    """Tells the reader of a RouteConfiguration which fault filters there are; what several leave open.

    ``filters`` are the names of those of the connection manager, None where that is not in the input: then there
    is one of each name that settings stand under.
    """
    reader = configuration.reader
    assert isinstance(reader, EnvoyReader)
    told = [pair for owner in _owners(configuration) for pair in _settings(owner)]
    if filters is None:
        filters = tuple(dict.fromkeys(name for name, packed in told if _config_type(packed) == FAULT_TYPE))
    reader.fault_filters = filters
    acting = [packed for name, packed in told if name in filters and _config_type(packed) == FAULT_TYPE]
    if len(filters) > 1 and acting:
        message = "several fault filters make faults each, which is not simulated"
        problem = Problem("not_simulated", Severity.WARNING, message, reader.where(acting[0].node, acting[0].path))
        reader.problems.append(problem)
        yield Unknown(problem, ())


def faults_of(record: Record) -> Faults | None:
    """The faults that a RouteConfiguration, a virtual host, a route or an entry of a weighted list sets."""
    reader = record.reader
    assert isinstance(reader, EnvoyReader)
    for name, packed in _settings(record):
        kind = _config_type(packed)
        if name not in reader.fault_filters:
            if kind == FAULT_TYPE:
                message = f"the faults have no effect: the connection manager has no fault filter called {name!r}"
                hint = "add envoy.filters.http.fault to http_filters" if not reader.fault_filters else ""
                where = reader.where(packed.node, packed.path)
                reader.problems.append(Problem("no_fault_filter", Severity.WARNING, message, where, hint))
            continue
        if _is_disabled(packed):
            return Faults(source=reader.where(packed.node, packed.path))
        if kind == FAULT_TYPE:
            settings = _fault_record(reader, packed)
            return None if settings is None else _faults(settings)
    return None


def _owners(configuration: Record) -> Iterator[Record]:
    """Whatever may set faults."""
    yield configuration
    for host in configuration.get("virtual_hosts", ()):
        yield host
        for route in host.get("routes", ()):
            yield route
            action: Record | None = route.get("route")
            weighted: Record | None = None if action is None else action.get("weighted_clusters")
            if weighted is not None:
                yield from weighted.get("clusters", ())


def _settings(record: Record) -> list[tuple[str, Any]]:
    return list(record.get("typed_per_filter_config", {}).items())


def _is_disabled(packed: Any) -> bool:
    return packed.type.endswith(".FilterConfig") and packed.record is not None and packed.record.get("disabled")


def _config_type(packed: Any) -> str:
    """The type of the settings themselves (fact 2)."""
    if packed.record is None or "config" not in packed.record:
        return packed.type
    config = packed.record["config"]
    named = config.get("@type") if isinstance(config, Mapping) else None
    return named.text.rpartition("/")[2] if isinstance(named, Scalar) else ""


def _fault_record(reader: EnvoyReader, packed: Any) -> Record | None:
    if packed.type == FAULT_TYPE or packed.record is None:
        return packed.record
    return reader.message(HTTP_FAULT, packed.record["config"], f"{packed.path}.config", packed=True)


def _faults(record: Record) -> Faults | None:
    told_abort: Record | None = record.get("abort")
    told_delay: Record | None = record.get("delay")
    if record.damaged or record.misspelt:
        return None
    unknowns: tuple[Unknown, ...] = ()
    abort = delay = None
    if told_abort is not None:
        unknowns = (*open_fields(record), *open_fields(told_abort))
        numerator, denominator = _percentage(told_abort)
        abort = FaultAbort(
            status=told_abort.get("http_status", 200),
            numerator=numerator,
            denominator=denominator,
            percent_key=record.get("abort_percent_runtime", ""),
            status_key=record.get("abort_http_status_runtime", ""),
        )
    if told_delay is not None and "fixed_delay" in told_delay:
        numerator, denominator = _percentage(told_delay)
        seconds = told_delay["fixed_delay"] / 1e9
        delay = refused(
            *(told_delay, "fixed_delay", FaultDelay),
            seconds=seconds,
            numerator=numerator,
            denominator=denominator,
        )
    return Faults(abort, delay, unknowns=unknowns, source=record.where())


def _percentage(record: Record) -> tuple[int, int]:
    told: Record | None = record.get("percentage")
    if told is None:
        return 0, 100
    return told.get("numerator", 0), DENOMINATORS[told.get("denominator", "HUNDRED")]
