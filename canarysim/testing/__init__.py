"""Assertions about routes, for unit tests and notebooks."""

from canarysim.testing.assertions import assert_routes_to, assert_split

__all__ = ["assert_routes_to", "assert_split"]
