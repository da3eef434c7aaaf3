"""Which Envoys the tests in this folder ask."""

import pytest

from .judge import VERSIONS, Version, require_envoy


@pytest.fixture(scope="session", params=VERSIONS)
def envoy(request: pytest.FixtureRequest) -> Version:
    """Each version in turn; the test is skipped, or fails in CI, where it cannot be had."""
    version: Version = request.param
    require_envoy(version)
    return version
