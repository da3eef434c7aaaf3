"""xxHash64 and hash policies; the policies are run on Envoy by tests/envoy/test_hash_policies.py."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Literal

import attrs
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
from canarysim.table.http import Invented
from canarysim.table.rewrites import RegexRewrite
from canarysim.table.values import Undetermined
from canarysim.table.xxhash import xxh64

#: Bytes to hash, of which xxHash 0.8's own answers below are the hashes of beginnings.
BYTES = bytes((7 * place + 3) % 256 for place in range(101))
LENGTHS = (0, 1, 3, 4, 5, 7, 8, 9, 12, 15, 16, 31, 32, 33, 36, 39, 40, 63, 64, 65, 99, 100)
SEED_1 = """
    d5afba1336a3be4b 610f93f8c89889fe 2d80e074130d0176 5ec9fdd10fcbcb0e 89c1d7fbeb0222bf d8b4a941715fee31
    f119f5b26c0020ab c35609e49aadbb91 37851f0d89d23966 7a94ee016f09b732 c9681422ce33496d aaca4e41ffcae21c
    7421b79a02b42132 17b3df313de9a40e 2e6895034c467c0b 099749b276e493a2 8c15d7af4fd7bc9f b1abb4a5ad0e2943
    2d0457940c5a93f4 6153dc23fc8bebd8 8fb3263b431ac6db 8d8957e68f02c7ce
    """.split()


def test_hashes_are_those_of_xxhash() -> None:
    assert [f"{xxh64(BYTES[:length], 1):016x}" for length in LENGTHS] == SEED_1


@pytest.mark.parametrize(
    "seed, digest",
    [
        (0, "44ac87ce085e116ad190709b0c1feb22387a47e2a22291e4651810b6a464a3d2"),
        (1, "3b3ea6f6f85f60ca4ddfb82e5b089e6090d0d083162769d9d8c0a9a050ad486a"),
        (2654435761, "f8a7302ca56c79fa1498159af1673b8f2a39b7196162f1047b21a6b6ef6dcc51"),
        (2**64 - 1, "da94a61acc6df7baf5ea431f5c0cd9d3cd191c25dee3a7979b834ddbbe806f13"),
    ],
)
def test_all_lengths_up_to_100(seed: int, digest: str) -> None:
    """The SHA-256 of xxHash's answers for the first 0, 1, ... 100 bytes."""
    hashes = b"".join(xxh64(BYTES[:length], seed).to_bytes(8, "big") for length in range(101))
    assert hashlib.sha256(hashes).hexdigest() == digest


@attrs.frozen
class Version:
    version: str = "1.40"
    regex_encoding: Literal["utf-8", "latin-1"] = "latin-1"


class Stand:
    """A request as the router sees it, as far as hashes look at it."""

    def __init__(self, path: str = "/", fields: Iterable[tuple[str, str]] = (), address: str = "") -> None:
        self.address = address
        self.fields = [(":path", path), (":method", "GET"), (":scheme", "http"), *fields]

    def values(self, name: str) -> tuple[str, ...]:
        return tuple(value for field, value in self.fields if field == name)

    @property
    def cookies(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for header in self.values("cookie"):
            for crumb in header.split(";"):
                name, equals, value = crumb.strip(" ").partition("=")
                if len(value) >= 2 and value[0] == value[-1] == '"':
                    value = value[1:-1]
                if equals:
                    found.setdefault(name, value)
        return found

    @property
    def query(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for piece in filter(None, self.values(":path")[0].partition("?")[2].split("&")):
            name, _, value = piece.partition("=")
            found.setdefault(name, value)
        return found


def hashed(*policies: HashPolicy, seen: Stand) -> int | Undetermined | None:
    return hash_of(policies, seen, Version())


def policy(source: HashSource, *, terminal: bool = False) -> HashPolicy:
    return HashPolicy(source, terminal=terminal)


H, I = policy(HeaderHash("h")), policy(HeaderHash("I"))
# Seen on Envoy 1.40.0: the cluster, of ten with weight 1, to which a request went.
GOLDEN: list[tuple[list[HashPolicy], Stand, int]] = [
    *(
        ([H], Stand(fields=[("h", value)]), cluster)
        for value, cluster in [
            *(("a", 5), ("b", 5), ("c", 9), ("d", 0), ("user-1", 6), ("user-2", 9), ("0", 8), ("", 1))
        ]
    ),
    ([H], Stand(fields=[("h", "a"), ("h", "b")]), 8),
    ([H], Stand(fields=[("h", "b"), ("h", "a")]), 8),
    ([H, I], Stand(fields=[("h", "a"), ("i", "b")]), 4),
    ([policy(HeaderHash("H"), terminal=True), I], Stand(fields=[("h", "a"), ("i", "b")]), 5),
    ([policy(QueryParameterHash("k"))], Stand("/?k=%61"), 8),
    ([policy(QueryParameterHash("k"))], Stand("/?k=b&k=a"), 5),
    ([policy(QueryParameterHash("k"))], Stand("/?k"), 1),
    ([policy(CookieHash("k"))], Stand(fields=[("cookie", 'k="b"')]), 5),
    ([policy(ConnectionHash(source_ip=True))], Stand(address="127.0.0.1"), 1),
]


@pytest.mark.parametrize("policies, seen, cluster", GOLDEN)
def test_the_hash_is_envoys(policies: list[HashPolicy], seen: Stand, cluster: int) -> None:
    found = hashed(*policies, seen=seen)
    assert isinstance(found, int)
    assert found % 10 == cluster


@pytest.mark.parametrize(
    "source",
    [
        HeaderHash("h"),
        CookieHash("k"),
        CookieHash("e", ttl="5s"),
        CookieHash("none", ttl="0s", path="/"),
        QueryParameterHash("q"),
        ConnectionHash(source_ip=False),
    ],
)
def test_where_there_is_nothing_to_hash_there_is_no_hash(source: HashSource) -> None:
    seen = Stand("/?qq=1", fields=[("cookie", "e=")])
    assert hashed(policy(source), seen=seen) is None
    assert hashed(policy(source, terminal=True), seen=seen) is None


UNKNOWN = policy(FilterStateHash("key"))


@pytest.mark.parametrize(
    "source, named",
    [
        (FilterStateHash("key"), "'key'"),
        (ConnectionHash(source_ip=True), "address"),
        (HeaderHash("X-Request-ID"), "X-Request-ID"),
    ],
)
def test_what_a_request_does_not_tell(source: HashSource, named: str) -> None:
    seen = Stand(fields=[("h", "a"), ("x-request-id", Invented("<uuid>"))])
    for policies in (
        [policy(source)],
        [H, policy(source), I],
        [policy(source), policy(HeaderHash("h"), terminal=True)],
    ):
        found = hashed(*policies, seen=seen)
        assert isinstance(found, Undetermined)
        assert named in found.reason


def test_what_stands_behind_the_end_is_not_asked() -> None:
    seen = Stand(fields=[("h", "a")])
    alone = hashed(H, seen=seen)
    assert hashed(policy(HeaderHash("h"), terminal=True), UNKNOWN, seen=seen) == alone
    assert hashed(H, policy(HeaderHash("none"), terminal=True), UNKNOWN, seen=seen) == alone
    assert isinstance(hashed(policy(HeaderHash("none"), terminal=True), UNKNOWN, seen=seen), Undetermined)
    assert isinstance(
        hashed(H, policy(ConnectionHash(source_ip=False), terminal=True), UNKNOWN, seen=seen), Undetermined
    )


def test_a_rewrite_that_is_not_simulated_is_told() -> None:
    source = HeaderHash("h", RegexRewrite("a{1000}", ""))
    assert hashed(policy(source), seen=Stand()) is None
    found = hashed(policy(source), seen=Stand(fields=[("h", "a")]))
    assert isinstance(found, Undetermined)
    assert source.regex_rewrite is not None
    assert repr(source.regex_rewrite.regex) in found.reason


@pytest.mark.parametrize(
    "code, make",
    [
        ("empty_name", lambda: HeaderHash("")),
        ("empty_name", lambda: CookieHash("")),
        ("empty_name", lambda: QueryParameterHash("")),
        ("empty_name", lambda: FilterStateHash("")),
        ("empty_name", lambda: CookieHash("a", attributes=[("", "x")])),
        ("bad_character", lambda: HeaderHash("a\n")),
        ("bad_character", lambda: HeaderHash("a", RegexRewrite("a", "\r"))),
        ("bad_character", lambda: CookieHash("a", attributes=[("b", "\0")])),
        ("bad_duration", lambda: CookieHash("a", ttl="-5s")),
        ("bad_duration", lambda: CookieHash("a", ttl="5")),
    ],
)
def test_what_envoy_refuses_cannot_be_made(code: str, make: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        make()
    assert caught.value.code == code


def test_to_envoy() -> None:
    rewrite = RegexRewrite("a", "b")
    cookie = CookieHash("c", ttl="0s", path="/p", attributes=[("n", "v")])
    assert policy(HeaderHash("H", rewrite), terminal=True).to_envoy() == {
        "header": {"header_name": "H", "regex_rewrite": {"pattern": {"regex": "a"}, "substitution": "b"}},
        "terminal": True,
    }
    assert policy(cookie).to_envoy() == {
        "cookie": {"name": "c", "ttl": "0s", "path": "/p", "attributes": [{"name": "n", "value": "v"}]}
    }
    assert policy(QueryParameterHash("q")).to_envoy() == {"query_parameter": {"name": "q"}}
    assert policy(ConnectionHash(source_ip=True)).to_envoy() == {"connection_properties": {"source_ip": True}}
    assert policy(ConnectionHash(source_ip=False)).to_envoy() == {"connection_properties": {}}
    assert UNKNOWN.to_envoy() == {"filter_state": {"key": "key"}}
