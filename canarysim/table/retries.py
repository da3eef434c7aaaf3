"""Second tries: kept and shown, but no decision asks them.

Facts (Envoy documentation of RetryPolicy):

1. A retry picks another endpoint of the same cluster; the route and the cluster stay.
2. The policy of a route takes the place of its virtual host's.
"""

from __future__ import annotations

from typing import Any

import attrs

from canarysim.errors import InvalidValue

__all__ = ["RetryPolicy"]


@attrs.frozen
class RetryPolicy:
    """When a request is tried again (conditions of Envoy's, with commas), how often, and seconds for each try."""

    retry_on: str
    num_retries: int = 1
    per_try_timeout: float | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.num_retries < 2**32:
            raise InvalidValue("bad_retries", f"a number of retries is 0 to 2^32 - 1, not {self.num_retries}")

    def __str__(self) -> str:
        times = "1 retry" if self.num_retries == 1 else f"{self.num_retries} retries"
        each = "" if self.per_try_timeout is None else f", {self.per_try_timeout:g} s each"
        return f"{times} on {self.retry_on or 'nothing'}{each}"

    def to_envoy(self) -> dict[str, Any]:
        """As Envoy's RetryPolicy."""
        seconds = f"{self.per_try_timeout or 0:.9f}".rstrip("0").rstrip(".")
        each = {} if self.per_try_timeout is None else {"per_try_timeout": f"{seconds}s"}
        return {"retry_policy": {"retry_on": self.retry_on, "num_retries": self.num_retries, **each}}
