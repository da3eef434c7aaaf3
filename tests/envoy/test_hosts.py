"""The search for a virtual host, asked of a real Envoy."""

from __future__ import annotations

import pytest

from ..test_hosts import DOMAINS, FOUND
from .judge import Judge, Raw, Version


@pytest.mark.parametrize("more", [[], ["*"]])
def test_envoy_finds_the_same_domains(envoy: Version, more: list[str]) -> None:
    hosts = [
        {
            "name": domain,
            "domains": [domain],
            "routes": [{"name": domain, "match": {"prefix": "/"}, "direct_response": {"status": 200}}],
        }
        for domain in [*DOMAINS, *more]
    ]
    with Judge(envoy, [({"name": "r", "virtual_hosts": hosts}, {})]) as judge:
        verdicts = judge.ask(0, [Raw("/", host=host) for host in FOUND])
    default = more[0] if more else None
    assert {host: v.route for host, v in zip(FOUND, verdicts, strict=True)} == {
        host: domain or default for host, domain in FOUND.items()
    }
