"""Hash policies against Envoy itself: which of 61 clusters with weight 1 gets a request."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from canarysim.errors import InvalidValue
from canarysim.table.hash_policies import (
    ConnectionHash,
    CookieHash,
    FilterStateHash,
    HashPolicy,
    HashSource,
    HeaderHash,
    QueryParameterHash,
    hash_of,
)
from canarysim.table.rewrites import RegexRewrite
from canarysim.table.values import Undetermined

from ..test_hash_policies import Stand
from ..test_hash_policies import Version as EnvoyVersion
from .judge import Judge, Raw, Version, refuses

CLUSTERS = 61
#: How often a request is asked: without a hash one of 61^4 stays with one cluster by chance.
TIMES = 5


def virtual_host(number: int, policies: Sequence[HashPolicy]) -> dict[str, Any]:
    clusters = [{"name": f"c{n}", "weight": 1} for n in range(CLUSTERS)]
    route = {
        "weighted_clusters": {"use_hash_policy": True, "clusters": clusters},
        "hash_policy": [policy.to_envoy() for policy in policies],
    }
    return {"name": f"v{number}", "domains": [f"h{number}"], "routes": [{"match": {"prefix": ""}, "route": route}]}


def random_source(random: Random) -> HashSource:
    kind = random.randrange(8)
    if kind == 0:
        return CookieHash(random.choice(["k", "j"]), ttl=random.choice([None, "0s", "5s"]), path="/")
    if kind == 1:
        return QueryParameterHash(random.choice(["k", "é", "%6B"]))
    if kind == 2:
        return ConnectionHash(source_ip=random.random() < 0.5)
    if kind == 3:
        return HeaderHash(random.choice([":path", ":method", "Host", ":authority", ":scheme", "none", "x-é"]))
    rewrite = random.choice(
        [None, None, RegexRewrite(".", "-"), RegexRewrite("(b+)|$", "<\\1>"), RegexRewrite("é")]
    )
    return HeaderHash(random.choice(["x-a", "X-B", "user-agent", "cookie"]), rewrite)


def random_request(random: Random, host: str) -> Raw:
    pool = {
        "cookie": ["k=b", 'k="b"', 'k=""', "k=; k=b", "j=1;k=b", "k =b", "k= b", 'k="b', "j=1,k=b", " k=\xe9; j"],
        "x-a": ["", "a", "b", "\xc3\xa9", "\xe9\xff", "abba", "a user with a rather long name, 40 bytes"],
    }
    pool |= {"X-B": pool["x-a"], "user-agent": pool["x-a"]}
    names = random.choices(list(pool), k=random.choice([0, 1, 2, 4]))
    target = random.choice(["/", "/?k=b", "/p?k", "/?k=%61&k=a", "/?j&k==a", "/?&&k=b+c", "/??k=b", "/?%6B=1"])
    return Raw(target, host=host, headers=[(name, random.choice(pool[name])) for name in names])


def stand(raw: Raw) -> Stand:
    fields = [(name.lower(), value.strip(" ")) for name, value in raw.headers]
    agents = [value for name, value in fields if name == "user-agent"]
    fields = [field for field in fields if field[0] != "user-agent"]
    if agents:  # it can stand only once
        fields.append(("user-agent", agents[0] if len(agents) == 1 else ",".join(filter(None, agents))))
    return Stand(raw.target, [(":authority", raw.host or ""), *fields], "127.0.0.1")


def differences(version: Version, seed: int, hosts: int, each: int) -> tuple[int, int, list[Any]]:
    """How many requests have a hash, how many none, and those that Envoy sends elsewhere."""
    random = Random(seed)
    lists = [
        [
            HashPolicy(random_source(random), terminal=random.random() < 0.3)
            for _ in range(random.choice([1, 1, 2, 3]))
        ]
        for _ in range(hosts)
    ]
    table = {"virtual_hosts": [virtual_host(n, policies) for n, policies in enumerate(lists)]}
    raws = [random_request(random, f"h{n}") for n in range(hosts) for _ in range(each)]
    with Judge(version, [(table, {})]) as judge:
        verdicts = judge.ask(0, [raw for raw in raws for _ in range(TIMES)])
    envoy = EnvoyVersion(version, "utf-8" if version == "1.36" else "latin-1")
    hashed, unhashed, found = 0, 0, []
    for n, raw in enumerate(raws):
        policies = lists[int((raw.host or "")[1:])]
        clusters = {verdict.cluster for verdict in verdicts[n * TIMES : (n + 1) * TIMES]}
        ours = hash_of(policies, stand(raw), envoy)
        assert not isinstance(ours, Undetermined)
        hashed += ours is not None
        unhashed += ours is None
        agree = len(clusters) > 1 if ours is None else clusters == {f"c{ours % CLUSTERS}"}
        if not agree:
            found.append((raw, policies, ours, clusters))
    return hashed, unhashed, found


def test_generated_policies_pick_the_cluster_that_envoy_picks(envoy: Version) -> None:
    hashed, unhashed, found = differences(envoy, 1, hosts=80, each=5)
    assert found == []
    assert hashed > 150
    assert unhashed > 100


def test_policies_are_refused_where_envoy_refuses_them(envoy: Version) -> None:
    made: list[tuple[Any, dict[str, Any]]] = [
        (lambda: HeaderHash(""), {"header": {"header_name": ""}}),
        (lambda: HeaderHash("a\n"), {"header": {"header_name": "a\n"}}),
        (lambda: HeaderHash("a b:é"), {"header": {"header_name": "a b:é"}}),
        (lambda: CookieHash(""), {"cookie": {"name": ""}}),
        (lambda: CookieHash("a;="), {"cookie": {"name": "a;="}}),
        (lambda: CookieHash("a", ttl="-5s"), {"cookie": {"name": "a", "ttl": "-5s"}}),
        (lambda: CookieHash("a", attributes=[("", "")]), {"cookie": {"name": "a", "attributes": [{"name": ""}]}}),
        (lambda: QueryParameterHash(""), {"query_parameter": {"name": ""}}),
        (lambda: FilterStateHash(""), {"filter_state": {"key": ""}}),
        (lambda: FilterStateHash("k"), {"filter_state": {"key": "k"}}),
        (
            lambda: HeaderHash("a", RegexRewrite("a", "\n")),
            {"header": {"header_name": "a", "regex_rewrite": {"pattern": {"regex": "a"}, "substitution": "\n"}}},
        ),
    ]
    for make, policy in made:
        route = {"match": {"prefix": ""}, "route": {"cluster": "c", "hash_policy": [policy]}}
        config = {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [route]}]}
        if refuses(envoy, config) is None:
            assert HashPolicy(make()).to_envoy() == policy
        else:
            with pytest.raises(InvalidValue):
                make()
