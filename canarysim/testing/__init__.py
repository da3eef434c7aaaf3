"""Routes under test: assertions for unit tests, test files, coverage, and a plugin for pytest."""

from __future__ import annotations

TYPE_CHECKING = False  # as typing.TYPE_CHECKING: pytest imports this package at every start

_HOMES = {
    "assert_not_found": "canarysim.testing.assertions",
    "assert_redirects": "canarysim.testing.assertions",
    "assert_responds": "canarysim.testing.assertions",
    "assert_routes_to": "canarysim.testing.assertions",
    "assert_split": "canarysim.testing.assertions",
    "assert_split_observed": "canarysim.testing.observed",
    "check": "canarysim.testing.checking",
}

__all__ = list(_HOMES)

if TYPE_CHECKING:
    from canarysim.testing.assertions import assert_not_found as assert_not_found
    from canarysim.testing.assertions import assert_redirects as assert_redirects
    from canarysim.testing.assertions import assert_responds as assert_responds
    from canarysim.testing.assertions import assert_routes_to as assert_routes_to
    from canarysim.testing.assertions import assert_split as assert_split
    from canarysim.testing.checking import check as check
    from canarysim.testing.observed import assert_split_observed as assert_split_observed


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
