"""Witnesses and near misses: true, plain, and found wherever brute force over a closed alphabet finds one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from math import ceil, lcm, log
from pathlib import Path
from random import Random
from typing import Any

import attrs
import pytest

import canarysim as cs
from canarysim.errors import InvalidValue
from canarysim.table import http
from canarysim.table.actions import Destination, RouteAction
from canarysim.table.chance import Chance, Residues
from canarysim.table.conditions import CookieMatcher, GrpcMatcher, RuntimeFraction, TlsContextMatcher
from canarysim.table.hash_policies import CookieHash, HashPolicy, HeaderHash
from canarysim.table.hosts import VirtualHost
from canarysim.table.matchers import (
    ConnectMatcher,
    HeaderMatcher,
    Matcher,
    PathExact,
    PathPrefix,
    PathRegex,
    QueryParameterMatcher,
)
from canarysim.table.metadata import MetadataMatcher, ValueMatcher
from canarysim.table.route_table import RouteTable
from canarysim.table.routes import Route, RouteMatch
from canarysim.table.strings import StringMatcher
from canarysim.testing.seeking.picks import least
from canarysim.testing.seeking.pieces import KNOWN_METHODS, is_sendable
from canarysim.testing.strategies import _random_request, _random_table
from canarysim.testing.witness import near_miss, reach, takes_everything, witness

from .alphabet import all_of, misses, takes

MANIFESTS = Path(__file__).parent.parent / "notebooks" / "manifests"
TO_V1 = RouteAction([Destination("v1")])


def table_of(*matches: RouteMatch, domains: tuple[str, ...] = ("*",), **more: Any) -> RouteTable:
    routes = [Route(match, TO_V1, index=index) for index, match in enumerate(matches)]
    return RouteTable([VirtualHost("h", domains, routes)], **more)


def asked(table: RouteTable, number: int = -1) -> str | None:
    """The witness of a route of the first host, as text."""
    [host] = table.virtual_hosts
    found = witness(table, host, host.routes[number])
    return None if found is None else str(found)


def missed(table: RouteTable, condition: int, number: int = -1) -> str | None:
    [host] = table.virtual_hosts
    found = near_miss(table, host, host.routes[number], condition)
    return None if found is None else str(found)


# Taste: what a reader of the manifests sees

READ = {
    ("coalmine.yaml", "gloo-system_coalmine", 0): (
        "GET /findPets x-canary:true",
        ["GET /findPet x-canary:true", "GET /findPets"],
    ),
    ("coalmine.yaml", "gloo-system_coalmine", 1): ("GET /findPetWithId", ["GET /findPetWithI"]),
    ("coalmine.yaml", "gloo-system_coalmine", 2): ("GET /findPets", ["GET /findPet"]),
    ("coalmine.yaml", "gloo-system_coalmine", 3): ("GET /petstore", ["GET /petstor"]),
    ("routes", "gloo-system_api", 0): (
        "POST http://api.shop.example/v2/orders",
        ["POST http://api.shop.example/v2/order", "GET http://api.shop.example/v2/orders"],
    ),
    ("routes", "gloo-system_api", 1): (
        "GET http://api.shop.example/v2/orders",
        ["GET http://api.shop.example/v2/order"],
    ),
    ("routes", "gloo-system_images", 0): (
        "GET http://www.img.shop.example/",
        [None, "POST http://www.img.shop.example/"],
    ),
    ("routes", "gloo-system_shop", 0): (
        "GET http://shop.example/healthz",
        ["GET http://shop.example/healthz/"],
    ),
    ("routes", "gloo-system_shop", 4): (
        "GET http://shop.example/products/1",
        ["GET http://shop.example/products/1x"],
    ),
    ("routes", "gloo-system_shop", 5): (
        "GET http://shop.example/search?q=1",
        ["GET http://shop.example/searc?q=1", "GET http://shop.example/search"],
    ),
    ("routes", "gloo-system_shop", 6): ("GET http://shop.example/store/", ["GET http://shop.example/store"]),
    ("routes", "gloo-system_shop", 8): ("GET http://shop.example/", [None]),
    ("routes", "gloo-system_account", 0): (
        "POST https://account.shop.example/login",
        ["POST https://account.shop.example/login/", "GET https://account.shop.example/login"],
    ),
    ("teams upstreams", "gloo-system_coalmine", 0): ("GET /findPetWithId", ["GET /findPetWithI"]),
}
#: A route of the manifests that no request reaches: one prefix before it takes all that it would.
SHADOWED = ("routes", "gloo-system_shop", 3)


def hosts_of(files: str) -> dict[str, tuple[RouteTable, VirtualHost]]:
    tables = cs.load_all(*(MANIFESTS / name for name in files.split())).values()
    return {host.name: (table, host) for table in tables for host in table.virtual_hosts}


@pytest.mark.parametrize("read", READ, ids=lambda read: f"{read[1]} {read[2]}")
def test_a_reader_of_the_manifest_nods(read: tuple[str, str, int]) -> None:
    files, name, number = read
    table, host = hosts_of(files)[name]
    route = host.routes[number]
    of_conditions = [near_miss(table, host, route, at) for at in range(len(route.match.conditions))]
    assert (
        str(witness(table, host, route)),
        [None if request is None else str(request) for request in of_conditions],
    ) == READ[read]


@pytest.mark.parametrize(
    "files",
    [
        *("coalmine.yaml", "routes", "routes partners", "teams upstreams", "rehearsal upstreams"),
        *sorted(f"{path.parent.name}/{path.name}" for path in MANIFESTS.glob("2019/*.yaml")),
        *sorted(f"{path.parent.name}/{path.name}" for path in MANIFESTS.glob("today/*.yaml")),
    ],
)
def test_every_route_of_the_manifests_has_a_witness(files: str) -> None:
    found = 0
    for name, (table, host) in hosts_of(files).items():
        for number, route in enumerate(host.routes):
            request = witness(table, host, route)
            if (files.split(maxsplit=1)[0], name, number) == SHADOWED:
                assert request is None
                continue
            assert request is not None, route
            assert number in takes(table, host, request)
            assert len(str(request)) < 60, request
            found += 1
    assert found


# Around what stands before

PREFIX, EXACT = RouteMatch(PathPrefix("/a")), RouteMatch(PathExact("/a"))
TRUE = StringMatcher("exact", "true")
POST = HeaderMatcher(":method", StringMatcher("exact", "POST"))
CANARY = HeaderMatcher("x-canary", TRUE)


@pytest.mark.parametrize(
    ("matches", "wanted"),
    [
        ([EXACT, PREFIX], "GET /a/1"),
        ([RouteMatch(PathPrefix("/a/")), EXACT, PREFIX], "GET /a1"),
        ([RouteMatch(PathRegex("/a[/0-9]*")), PREFIX], "GET /a/a"),
        ([RouteMatch(PathPrefix("/"), [HeaderMatcher("x-a")]), PREFIX], "GET /a"),
        ([RouteMatch(PathPrefix("/"), [HeaderMatcher("x-a", invert=True)]), PREFIX], "GET /a x-a:1"),
        (
            [RouteMatch(PathPrefix("/"), [HeaderMatcher(":method", StringMatcher("exact", "GET"))]), PREFIX],
            "POST /a",
        ),
        ([RouteMatch(PathPrefix("/"), [], [QueryParameterMatcher("q", present=False)]), PREFIX], "GET /a?q=1"),
        ([RouteMatch(PathPrefix("/"), runtime_fraction=RuntimeFraction(99)), PREFIX], "GET /a"),
        ([RouteMatch(PathPrefix("/"), runtime_fraction=RuntimeFraction(100)), PREFIX], None),
        ([RouteMatch(PathPrefix("/")), PREFIX], None),
        ([PREFIX, RouteMatch(PathPrefix("/a/b"), [CANARY])], None),
        (
            [
                RouteMatch(PathPrefix("/"), runtime_fraction=RuntimeFraction(50)),
                RouteMatch(PathPrefix("/a"), runtime_fraction=RuntimeFraction(50)),
            ],
            None,  # both ask the same random value
        ),
        ([RouteMatch(PathPrefix("/A", case_sensitive=False))], "GET /A"),
        ([PREFIX, RouteMatch(PathPrefix("/a", case_sensitive=False))], "GET /A"),
        ([RouteMatch(PathPrefix("/"), cookies=[CookieMatcher("c", TRUE)])], "GET / cookie:c=true"),
        ([RouteMatch(PathPrefix("/"), grpc=GrpcMatcher())], "GET / content-type:application/grpc"),
        ([RouteMatch(PathRegex("/v[12]/(cats|dogs)"))], "GET /v1/cats"),
        ([RouteMatch(PathRegex("/v[12]/cats")), RouteMatch(PathRegex("/v[12]/(cats|dogs)"))], "GET /v1/dogs"),
        ([RouteMatch(PathRegex(".*[.]png"))], "GET /.png"),
        ([RouteMatch(ConnectMatcher())], "CONNECT shop.example:443 host:shop.example:443"),
    ],
)
def test_a_witness_gets_around_the_routes_before(matches: list[RouteMatch], wanted: str | None) -> None:
    assert asked(table_of(*matches)) == wanted


def test_a_host_is_one_that_no_other_domain_takes() -> None:
    route = Route(RouteMatch(PathPrefix("/")), TO_V1)
    names = {"any": "*", "below": "*.shop.example", "one": "www.shop.example", "begins": "shop.*"}
    table = RouteTable([VirtualHost(name, [domain], [route]) for name, domain in names.items()])
    found = {host.name: str(witness(table, host, route)) for host in table.virtual_hosts}
    assert found == {
        "any": "GET /",
        "below": "GET http://a.shop.example/",
        "one": "GET http://www.shop.example/",
        "begins": "GET http://shop.example/",
    }


def test_what_the_listener_and_other_filters_tell_is_asked_for() -> None:
    match = RouteMatch(
        PathPrefix("/"),
        tls_context=TlsContextMatcher(validated=True),
        dynamic_metadata=[MetadataMatcher("f", ("a", "b"), ValueMatcher(TRUE))],
    )
    table = table_of(match, scheme="https")
    [host] = table.virtual_hosts
    request = witness(table, host, host.routes[0])
    assert request is not None
    assert (request.certificate, request.metadata) == ("validated", {"f": {"a": {"b": "true"}}})
    without_tls = table_of(match)
    assert asked(without_tls) is None
    external = attrs.evolve(host, require_tls="ALL", routes=[Route(PREFIX, TO_V1)])
    assert asked(RouteTable([external])) == "GET /a x-forwarded-proto:https"


@pytest.mark.parametrize(
    ("match", "condition", "wanted"),
    [
        (RouteMatch(PathPrefix("/a"), [CANARY]), 1, "GET /a"),
        (RouteMatch(PathPrefix("/a"), [POST, CANARY]), 1, "GET /a x-canary:true"),
        (RouteMatch(PathPrefix("/a"), [POST, CANARY]), 2, "POST /a"),
        (RouteMatch(PathPrefix("/a"), [HeaderMatcher("x-a", TRUE, invert=True)]), 1, "GET /a"),
        (
            RouteMatch(PathPrefix("/a"), [HeaderMatcher("x-a", TRUE, True, missing_as_empty=True)]),
            1,
            "GET /a x-a:true",
        ),
        (RouteMatch(PathPrefix("/a"), [HeaderMatcher("x-a", invert=True)]), 1, "GET /a x-a:1"),
        (RouteMatch(PathExact("/a")), 0, "GET /a/"),
        (RouteMatch(PathRegex("/[^;]*")), 0, "GET /;v=1"),
        (RouteMatch(PathPrefix("/"), [CANARY, HeaderMatcher("x-canary")]), 1, "GET / x-canary:1"),
        (RouteMatch(PathPrefix("/"), [CANARY, HeaderMatcher("x-canary")]), 2, None),  # the first says it as well
        (RouteMatch(PathPrefix("/"), [CANARY]), 0, None),
        (RouteMatch(PathPrefix("/"), runtime_fraction=RuntimeFraction(50)), 1, None),
    ],
)
def test_a_near_miss_is_missed_by_one_condition(match: RouteMatch, condition: int, wanted: str | None) -> None:
    assert missed(table_of(match), condition) == wanted
    assert missed(table_of(RouteMatch(PathExact("/other/one")), match), condition) == wanted


def test_what_is_not_there_is_an_error() -> None:
    table = table_of(RouteMatch(PathPrefix("/a"), [CANARY]))
    [host] = table.virtual_hosts
    [route] = host.routes
    stranger = Route(PREFIX, TO_V1)
    with pytest.raises(InvalidValue, match="is no route of virtual host h"):
        witness(table, host, stranger)
    with pytest.raises(InvalidValue, match="is no condition of"):
        near_miss(table, host, route, 2)
    with pytest.raises(InvalidValue, match="is no condition of"):
        near_miss(table, host, route, POST)
    with pytest.raises(InvalidValue, match="is no destination of the route"):
        reach(table, host, route, 1)
    assert near_miss(table, host, route, HeaderMatcher("x-canary", TRUE)) == near_miss(table, host, route, 1)


# What takes everything

EVERYTHING: list[Matcher] = [
    *(PathPrefix("/"), PathPrefix(""), PathRegex(".*"), PathRegex("/.*"), PathRegex(".+"), PathRegex("^/.*$")),
    *(PathRegex("/?.*"), PathRegex("(/.*)?"), PathRegex("/a|/.*"), PathRegex("/(.*)"), PathRegex(r"[\s\S]*")),
    *(PathRegex("(?s:/.*)"), PathRegex("/a?.*b*"), PathRegex("(.)*")),
    *(HeaderMatcher(":method"), HeaderMatcher(":method", StringMatcher("safe_regex", "[A-Z]+"))),
    *(HeaderMatcher(":path"), HeaderMatcher(":path", StringMatcher("safe_regex", "/.*"))),
    *(HeaderMatcher("host"), HeaderMatcher(":scheme", StringMatcher("prefix", "http"))),
    *(
        HeaderMatcher("x-a", StringMatcher("safe_regex", ".*"), missing_as_empty=True),
        HeaderMatcher("x-request-id"),
    ),
    *(HeaderMatcher("x-a", missing_as_empty=True), TlsContextMatcher(), TlsContextMatcher(presented=False)),
    *(
        RuntimeFraction(100),
        RuntimeFraction(250),
        MetadataMatcher("f", ("a",), ValueMatcher("never"), invert=True),
    ),
]
SOMETHING: list[Matcher] = [
    *(
        PathPrefix("/a"),
        PathExact("/"),
        PathRegex("/[^;]*"),
        PathRegex("/.+"),
        PathRegex("/[ -~]?"),
        PathRegex("/.{2,}"),
    ),
    *(PathRegex("a?/.*b"), PathRegex("/\\w*"), PathRegex("/.*\\b"), ConnectMatcher()),
    *(HeaderMatcher("x-a"), HeaderMatcher("x-a", StringMatcher("safe_regex", ".*"))),
    *(
        HeaderMatcher("x-a", StringMatcher("safe_regex", ".+"), missing_as_empty=True),
        HeaderMatcher("x-a", invert=True),
    ),
    *(
        HeaderMatcher(":method", StringMatcher("safe_regex", "GET|POST")),
        QueryParameterMatcher("q"),
        GrpcMatcher(),
    ),
    *(TlsContextMatcher(presented=True), RuntimeFraction(99), CookieMatcher("c", TRUE, invert=True)),
    *(HeaderMatcher(":path", StringMatcher("contains", "/")),),
]


@pytest.mark.parametrize("condition", EVERYTHING, ids=str)
@pytest.mark.parametrize("envoy", ["1.36", "1.40"])
def test_a_catch_all_is_known_as_one(condition: Matcher, envoy: str) -> None:
    assert takes_everything(RouteTable([], envoy=envoy), condition)


@pytest.mark.parametrize("condition", SOMETHING, ids=str)
def test_what_can_be_missed_is_no_catch_all(condition: Matcher) -> None:
    assert not takes_everything(RouteTable([]), condition)


def test_the_methods_are_those_of_the_connection_manager() -> None:
    assert set(KNOWN_METHODS) == http._METHODS


# Destinations


def split(*weights: int, **more: Any) -> RouteAction:
    return RouteAction([Destination(f"v{n}", weight=w) for n, w in enumerate(weights)], weighted=True, **more)


def reached(action: RouteAction, match: RouteMatch = PREFIX, **more: Any) -> list[tuple[str, int | None] | None]:
    table = RouteTable([VirtualHost("h", ["*"], [Route(match, action)])], **more)
    [host] = table.virtual_hosts
    found = [reach(table, host, host.routes[0], number) for number in range(max(1, len(action.destinations)))]
    for number, one in enumerate(found):
        if one is not None:
            decision = table.route(one[0], one[1])
            assert decision.kind == "forward"
            if action.destinations and not action.destinations[number].cluster_header:
                assert decision.cluster == action.destinations[number].cluster
    return [None if one is None else (str(one[0]), one[1]) for one in found]


def test_every_destination_with_a_weight_is_reached() -> None:
    assert reached(split(10, 0, 90)) == [("GET /a", 0), None, ("GET /a", 10)]
    assert reached(split(0, 90)) == [None, ("GET /a", None)]
    assert reached(TO_V1) == [("GET /a", None)]


def test_a_fraction_and_a_pick_agree_on_one_random_value() -> None:
    half = RouteMatch(PathPrefix("/a"), runtime_fraction=RuntimeFraction(50))
    assert reached(split(50, 50), half) == [("GET /a", 0), None]  # the others never come here
    assert reached(split(1, 1), half) == [("GET /a", 0), ("GET /a", 1)]
    assert reached(TO_V1, half) == [("GET /a", 0)]


def test_headers_that_pick_and_name_are_in_the_request() -> None:
    assert reached(split(10, 90, header_name="x-pick")) == [("GET /a x-pick:0", None), ("GET /a x-pick:10", None)]
    assert reached(RouteAction(cluster_header="x-cluster")) == [("GET /a x-cluster:some-cluster", None)]
    by_header = RouteAction(cluster_header="x-cluster")
    assert reached(by_header, clusters={"v2", "v1"}) == [("GET /a x-cluster:v1", None)]
    assert reached(TO_V1, clusters={"v2"}) == [None]
    digits = RouteMatch(PathPrefix("/a"), [HeaderMatcher("x-pick", StringMatcher("prefix", "2"))])
    assert reached(split(10, 90, header_name="x-pick"), digits)[1] == ("GET /a x-pick:20", None)


def test_what_is_hashed_is_found_by_trial() -> None:
    cookie = split(1, 1, 1, use_hash_policy=True, hash_policies=[HashPolicy(CookieHash("session"))])
    match = RouteMatch(PathPrefix("/a"), cookies=[CookieMatcher("session", StringMatcher("prefix", "a"))])
    free = reached(cookie)
    assert [one and one[0] for one in free] == ["GET /a"] * 3  # nothing is hashed, and chance picks
    asks_for_one = reached(split(1, 9, use_hash_policy=True, hash_policies=[HashPolicy(HeaderHash(":path"))]))
    assert all(one is not None and one[1] is None for one in asks_for_one)
    assert len({one and one[0] for one in asks_for_one}) == 2
    assert [one is not None for one in reached(cookie, match)].count(True) >= 1


def test_a_random_value_is_the_least_of_its_set_or_a_member() -> None:
    random = Random(1)
    for _ in range(600):
        parts = []
        for modulus in random.sample((4, 6, 10, 12, 15, 100), random.choice((1, 2, 2))):
            edges = sorted(random.sample(range(modulus + 1), 2 * random.choice((1, 1, 2))))
            parts.append(Residues(modulus, tuple(zip(edges[::2], edges[1::2], strict=True))))
        chance = Chance.of(*parts)
        members = [value for value in range(lcm(*(part.modulus for part in parts))) if value in chance]
        value = least(chance)
        assert (value is None) == (not members)
        assert value is None or value in members
        if len(chance.conditions) == 1:
            assert value == (members[0] if members else None)
    assert least(Chance()) == 0
    nested = Chance.of(Residues(100, ((7, 8),)), Residues(10_000, ((207, 300),)), Residues(7, ((3, 4),)))
    value = least(nested)
    assert value is not None
    assert value in nested


# Brute force


def tables(random: Random, count: int) -> Iterator[RouteTable]:
    kinds: list[dict[str, Any]] = [{"gloo": True}, {"envoy": "1.36"}, {"envoy": "1.40"}]
    for number in range(count):
        yield _random_table(random, **kinds[number % 3])


def held_to_the_alphabet(count: int, seed: int) -> Counter[str]:
    """Counts; fails where the alphabet finds something that the search does not, or where the search errs."""
    random = Random(seed)
    counts: Counter[str] = Counter()
    for table in tables(random, count):
        for host in table.virtual_hosts:
            of_alphabet, missed_by_alphabet = all_of(table, host, random, sample=100)
            for place, route in enumerate(host.routes):
                request = witness(table, host, route)
                counts["routes"] += 1
                counts["routes reached by the alphabet"] += place in of_alphabet
                counts["routes with a witness"] += request is not None
                if request is not None:
                    assert place in takes(table, host, request), (route, request)
                    counts["witnesses that HTTP/1 does not carry"] += not is_sendable(request)
                assert request is not None or place not in of_alphabet, (host, route, of_alphabet[place])
                for number, condition in enumerate(route.match):
                    near = near_miss(table, host, route, number)
                    counts["conditions"] += 1
                    counts["conditions missed by the alphabet"] += (place, number) in missed_by_alphabet
                    counts["conditions with a near miss"] += near is not None
                    if near is not None:
                        assert (place, number) in misses(table, host, near), (route, condition, near)
                    elif (place, number) in missed_by_alphabet:
                        pytest.fail(f"{route}: {condition} is missed by {missed_by_alphabet[place, number]}")
                    if takes_everything(table, condition) and not isinstance(route.match.path, ConnectMatcher):
                        counts["conditions that take everything"] += 1
                        assert (place, number) not in missed_by_alphabet, (condition, missed_by_alphabet)
    return counts


def test_what_the_alphabet_finds_is_found() -> None:
    counts = held_to_the_alphabet(60, seed=1)
    assert counts["routes reached by the alphabet"] > 150
    assert counts["conditions missed by the alphabet"] > 300


@pytest.mark.soak
def test_what_the_alphabet_finds_is_found_in_1000_tables() -> None:
    print(dict(held_to_the_alphabet(1000, seed=2026)))


def drawn_to_the_alphabet(count: int, seed: int, false_alarm: float) -> Counter[str]:
    """How many requests of ``requests_for`` it takes to reach and to miss what the alphabet does.

    By what it promises, one of T things with probability p a request is overlooked in log(T / f) / p of them with
    probability f / T; so f is the probability that this fails though the promise holds.
    """
    random = Random(seed)
    counts: Counter[str] = Counter()
    each = log(12 * count / false_alarm)  # a table has about five routes, each to be reached and to be missed
    for table in tables(random, count):
        hosts = table.virtual_hosts
        wanted: set[tuple[int, int, str]] = set()
        most = 0
        for at, host in enumerate(hosts):
            of_alphabet, missed_by_alphabet = all_of(table, host, random, sample=100)
            near = {place for place, _ in missed_by_alphabet}
            wanted |= {(at, place, "reach") for place in of_alphabet} | {(at, place, "miss") for place in near}
            conditions = max((len(list(route.match)) for route in host.routes), default=1)
            most = max(most, ceil(each * len(hosts) * len(host.routes) * max(1 / 0.0675, conditions / 0.0825)))
        counts["things"] += len(wanted)
        drawn = 0
        while wanted and drawn < most:
            drawn += 1
            request = _random_request(random, table)
            for at in {at for at, _, _ in wanted}:
                wanted -= {(at, place, "reach") for place in takes(table, hosts[at], request)}
                wanted -= {(at, place, "miss") for place, _ in misses(table, hosts[at], request)}
        counts["requests"] += drawn
        counts["most requests for a table"] = max(counts["most requests for a table"], drawn)
        counts["most requests allowed"] = max(counts["most requests allowed"], most)
        assert not wanted, [(hosts[at].routes[place], kind) for at, place, kind in wanted]
    return counts


def test_requests_for_reaches_and_misses_what_the_alphabet_does() -> None:
    """Fails one time in a million without a fault."""
    assert drawn_to_the_alphabet(45, seed=3, false_alarm=1e-6)["things"] > 250


@pytest.mark.soak
def test_requests_for_reaches_and_misses_what_the_alphabet_does_in_1000_tables() -> None:
    """Fails one time in a million without a fault."""
    print(dict(drawn_to_the_alphabet(1000, seed=2026, false_alarm=1e-6)))


def test_destinations_of_random_tables_are_reached_where_their_share_is_not_zero() -> None:
    """Of those that need no header and no hash: what the witness may lead to, it is shown to lead to."""
    counts: Counter[bool] = Counter()
    for table in tables(Random(4), 90):
        for host in table.virtual_hosts:
            for route in host.routes:
                action = route.action
                request = witness(table, host, route)
                if not isinstance(action, RouteAction) or request is None or action.cluster_header:
                    continue
                shares = dict.fromkeys(range(len(action.destinations)), Fraction(0))
                branch = next(branch for branch in table.find(request).branches if branch.route is route)
                assert isinstance(branch.action, RouteAction)
                for number, (_, chance) in enumerate(branch.action.chances()):
                    shares[number] += (branch.chance & chance).share
                for number, share in shares.items():
                    found = reach(table, host, route, number)
                    if found is not None:
                        decisions = [d for d, c in table.chances(found[0]) if found[1] is None or found[1] in c]
                        assert any(d.kind == "forward" and d.matched is route for d in decisions)
                    destination = action.destinations[number]
                    known = table.clusters is None or destination.cluster in table.clusters
                    plain = known and not (
                        destination.cluster_header or action.header_name or action.use_hash_policy
                    )
                    if plain and not table.see(request).asks_upgrade:
                        assert (found is not None) == (share > 0), (route, destination, found)
                        counts[found is not None] += 1
    assert min(counts[True], counts[False]) > 30, counts
