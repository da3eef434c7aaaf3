"""Which virtual host a host belongs to: observed on a real Envoy, and asked of it again in tests/envoy."""

from __future__ import annotations

import pytest

import canarysim as cs
from canarysim.table.hosts import DomainIndex, VirtualHost

DOMAINS = [
    *("www.foo.com", "Mixed.Case.COM", "p.io:8080", "a*b", "[::1]", "[::1]:99"),
    *("*.foo.com", "*-bar.foo.com", "*.com", "*a*", "*x"),
    *("foo.*", "foo.x.*", "foo-*"),
]

FOUND = {
    "WWW.FOO.com": "www.foo.com",
    "mixed.case.com": "Mixed.Case.COM",
    "a.foo.com": "*.foo.com",
    ".foo.com": "*.com",
    "foo.com": "*.com",
    "baz-bar.foo.com": "*-bar.foo.com",
    "-bar.foo.com": "*.foo.com",
    "a.b.foo.com": "*.foo.com",
    ".com": None,
    "com": None,
    "foo.": None,
    "foo.net": "foo.*",
    "foo.x.y": "foo.x.*",
    "foo.x.": "foo.*",
    "foo-": None,
    "foo-1": "foo-*",
    "FOO-Q": "foo-*",
    "foo.y.com": "*.com",
    "p.io": None,
    "p.io:8080": "p.io:8080",
    "p.io:80": None,
    "www.foo.com:80": None,
    "zz*": None,
    "zza*": "*a*",
    "a*b": "a*b",
    "aXb": None,
    "x": None,
    "qx": "*x",
    "x:1x": "*x",
    "[::1]": "[::1]",
    "[::1]:98": None,
    "www.foo.com.": None,
    "": None,
}


def table(*more: str) -> cs.RouteTable:
    return cs.RouteTable([VirtualHost(f"host {domain}", [domain]) for domain in [*DOMAINS, *more]])


@pytest.mark.parametrize(("host", "domain"), FOUND.items())
def test_the_domain_that_takes_a_host(host: str, domain: str | None) -> None:
    found = table().find(cs.Request("/", authority=host)).host
    assert (found and found.domains[0]) == domain


@pytest.mark.parametrize(("host", "domain"), FOUND.items())
def test_a_lone_star_takes_what_no_other_domain_takes(host: str, domain: str | None) -> None:
    found = table("*").find(cs.Request("/", authority=host)).host
    assert found is not None
    assert found.domains[0] == (domain or "*")


def test_the_order_of_virtual_hosts_changes_nothing() -> None:
    entries = [(domain, domain) for domain in DOMAINS]
    forward, backward = DomainIndex(entries), DomainIndex(entries[::-1])
    for host in FOUND:
        assert forward.find(host) == backward.find(host)


@pytest.mark.parametrize("twins", [("a.com", "A.com"), ("*.x", "*.X"), ("*", "*"), ("foo.*", "FOO.*")])
def test_a_domain_stands_once(twins: tuple[str, str]) -> None:
    with pytest.raises(cs.InvalidValue) as caught:
        cs.RouteTable([VirtualHost("one", [twins[0]]), VirtualHost("two", [twins[1]])])
    assert caught.value.code == "duplicate_domain"


def test_no_other_host_is_tried_when_no_route_of_the_first_matches() -> None:
    from .cases import routes

    text = (
        routes("{prefix: /only}", domains="[a.example]")
        + "---\n"
        + routes("{prefix: /}").replace("name: t", "name: u")
    )
    assert cs.loads(text).route(cs.Request("/x", authority="a.example")).kind == "not_found"
    assert cs.loads(text).route(cs.Request("/x", authority="b.example")).kind == "forward"
