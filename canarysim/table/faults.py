"""Faults: requests that the fault filter answers in place of the upstream, or holds back for a while.

Facts (Envoy documentation of HTTPFault; run on 1.36.4 and 1.40.0, see tests/envoy/test_faults.py):

1. The fault filter runs once a route is chosen, and before anything is sent: what it aborts reaches no cluster
   and makes no copies. A redirect, a direct response and a cluster that is not there are aborted as well; what
   finds no route, must come by TLS, or is refused before or as an upgrade is not.
2. Of the settings for the filter at a weighted cluster, its route, the virtual host and the table the most
   specific hold alone: nothing is merged. Empty ones, and FilterConfig with ``disabled``, put an end to faults.
3. Abort and delay draw a random value each, which has nothing to do with that of the request nor with each other.
   The value modulo the denominator must be below the numerator; a numerator above it takes every request.
4. The runtime may replace the fraction of an abort, under ``fault.http.abort.abort_percent`` or the key that the
   settings name, and its status likewise. Where the request has a header x-envoy-downstream-service-cluster, its
   value, even an empty one, stands in the keys (``fault.http.<value>.abort.abort_percent``), and those alone are
   asked. Several are joined with a comma.
5. A request is delayed first, then aborted. A delay moves no decision.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import attrs

from canarysim.errors import InvalidValue
from canarysim.request import readable
from canarysim.table.chance import Residues
from canarysim.table.runtime import check_fraction, fraction_to_envoy
from canarysim.table.values import as_tuple

if TYPE_CHECKING:
    from canarysim.problems import Where
    from canarysim.table.actions import Unknown
    from canarysim.table.http import Seen
    from canarysim.table.runtime import Runtime

__all__ = ["FAULT_FILTER", "FAULT_TYPE", "FaultAbort", "FaultDelay", "Faults", "effective"]

#: The usual name of the filter, and the type of its settings.
FAULT_FILTER = "envoy.filters.http.fault"
FAULT_TYPE = "envoy.extensions.filters.http.fault.v3.HTTPFault"

_ABORT_PERCENT = "fault.http.abort.abort_percent"
_ABORT_STATUS = "fault.http.abort.http_status"
_DOWNSTREAM = "x-envoy-downstream-service-cluster"


@attrs.frozen
class _Percentage:
    """A share of all requests: ``numerator`` of a ``denominator`` that is 100, 10^4 or 10^6."""

    numerator: int = attrs.field(kw_only=True)
    denominator: int = attrs.field(default=100, kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_fraction(self.numerator, self.denominator)

    @property
    def share(self) -> Fraction:
        """The share of requests that it takes, at most 1 (fact 3)."""
        return min(Fraction(1), Fraction(self.numerator, self.denominator))

    @property
    def residues(self) -> Residues:
        """The values of the fault's own that it takes (fact 3)."""
        return Residues(self.denominator, ((0, min(self.numerator, self.denominator)),))

    def _percentage_to_envoy(self) -> dict[str, Any]:
        return {"percentage": fraction_to_envoy(self.numerator, self.denominator)}


@attrs.frozen
class FaultAbort(_Percentage):
    """Answers a share of requests with ``status`` (200 to 599).

    ``percent_key`` and ``status_key`` are keys of the runtime in place of Envoy's own (fact 4).
    """

    status: int = attrs.field(kw_only=True)
    percent_key: str = attrs.field(default="", kw_only=True)
    status_key: str = attrs.field(default="", kw_only=True)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not 200 <= self.status < 600:
            raise InvalidValue("bad_status", f"a fault aborts with a status from 200 to 599, not {self.status}")

    def under(self, seen: Seen, runtime: Runtime) -> FaultAbort:
        """The abort as a runtime has it for a request (fact 4)."""
        if not runtime.items:
            return self
        percent, status = self.percent_key or _ABORT_PERCENT, self.status_key or _ABORT_STATUS
        if names := seen.values(_DOWNSTREAM):
            prefix = f"fault.http.{readable(','.join(names))}.abort"
            percent, status = f"{prefix}.abort_percent", f"{prefix}.http_status"
        numerator, denominator = runtime.fraction(percent, self.numerator, self.denominator)
        found = attrs.evolve(self, numerator=min(numerator, 2**32 - 1), denominator=denominator)
        # Whatever number the runtime holds is sent, though the settings themselves could not say it.
        object.__setattr__(found, "status", runtime.integer(status, self.status))
        return found

    def to_envoy(self) -> dict[str, Any]:
        return {"http_status": self.status, **self._percentage_to_envoy()}


@attrs.frozen
class FaultDelay(_Percentage):
    """Holds a share of requests back for ``seconds``."""

    seconds: float = attrs.field(kw_only=True)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not 1e-9 <= self.seconds <= 315_576_000_000:
            raise InvalidValue("bad_delay", f"a fault delays for a nanosecond or more, not for {self.seconds} s")

    def to_envoy(self) -> dict[str, Any]:
        text = f"{self.seconds:.9f}".rstrip("0").rstrip(".")
        return {"fixed_delay": f"{text}s", **self._percentage_to_envoy()}


@attrs.frozen
class Faults:
    """The fault filter's settings at a destination, a route, a virtual host or a table.

    Those of a single cluster are its route's. Without ``abort`` and ``delay`` they put an end to those of a less
    specific place (fact 2). ``unknowns`` are what of them is not simulated; they leave open what becomes of the
    requests that may be aborted.

    >>> Faults(FaultAbort(status=503, numerator=10), FaultDelay(seconds=2, numerator=5)).abort.share
    Fraction(1, 10)
    """

    abort: FaultAbort | None = None
    delay: FaultDelay | None = None
    unknowns: tuple[Unknown, ...] = attrs.field(default=(), kw_only=True, eq=False, converter=as_tuple)
    source: Where | None = attrs.field(default=None, kw_only=True, eq=False)

    @property
    def aborts(self) -> FaultAbort | None:
        """The abort, if it takes any request."""
        return self.abort if self.abort is not None and self.abort.numerator else None

    @property
    def delays(self) -> FaultDelay | None:
        """The delay, if it holds any request back."""
        return self.delay if self.delay is not None and self.delay.numerator else None

    def under(self, seen: Seen, runtime: Runtime) -> Faults:
        """The faults as a runtime has them for a request (fact 4)."""
        if self.abort is None or not runtime.items:
            return self
        return attrs.evolve(self, abort=self.abort.under(seen, runtime))

    def to_envoy(self) -> dict[str, Any]:
        """As ``typed_per_filter_config`` with the settings for the fault filter."""
        told: dict[str, Any] = {"@type": f"type.googleapis.com/{FAULT_TYPE}"}
        if self.delay is not None:
            told["delay"] = self.delay.to_envoy()
        if self.abort is not None:
            told["abort"] = self.abort.to_envoy()
            keys = {
                "abort_percent_runtime": self.abort.percent_key,
                "abort_http_status_runtime": self.abort.status_key,
            }
            told |= {name: key for name, key in keys.items() if key}
        return {"typed_per_filter_config": {FAULT_FILTER: told}}

    def __str__(self) -> str:
        from canarysim.faces.text import percent

        told = []
        if self.aborts is not None:
            abort = self.aborts
            known = f"aborts {percent(abort.share)} with {abort.status}"
            told.append(f"may abort {percent(abort.share)}" if self.unknowns else known)
        if self.delays is not None:
            told.append(f"delays {percent(self.delays.share)} by {self.delays.seconds:g} s")
        return " and ".join(told) or "no faults"


def effective(*levels: Faults | None) -> Faults | None:
    """Those that hold, of the settings from the most specific to the least (fact 2)."""
    return next((faults for faults in levels if faults is not None), None)
