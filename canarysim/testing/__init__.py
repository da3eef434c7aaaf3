"""Assertions about routes, for unit tests and notebooks."""

from canarysim.testing.assertions import assert_routes_to, assert_split
from canarysim.testing.observed import assert_split_observed

__all__ = ["assert_routes_to", "assert_split", "assert_split_observed"]
