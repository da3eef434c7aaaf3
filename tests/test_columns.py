"""Columns by law: a row is decided as its request is, whatever stands beside it and however it was given."""

from __future__ import annotations

import pickle
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from itertools import pairwise
from multiprocessing import get_context
from random import Random
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pytest
from scipy import stats

import canarysim as cs
from canarysim.answers.simulate import Simulation
from canarysim.engine import choose, classify, joint
from canarysim.engine.book import Book, identity
from canarysim.engine.columns import Raw
from canarysim.engine.deal import Deal
from canarysim.engine.joint import Decider, Joint
from canarysim.engine.plan import plan_of
from canarysim.engine.rows import Columns
from canarysim.engine.streams import Streams
from canarysim.table.faults import FaultAbort, Faults
from canarysim.table.runtime import Runtime
from canarysim.testing.strategies import _random_request, _random_table, _random_value
from canarysim.testing.strategies.aims import edges_of

from . import generate
from .cases import CASES
from .test_simulate import fits, looks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.table.chance import Chance

ROWS = 20


def of_columns(request: cs.Request) -> cs.Request:
    """What columns can say of a request."""
    return cs.Request(
        request.path,
        method=request.method,
        authority=request.authority,
        scheme=request.scheme,
        headers=request.headers,
    )


def as_columns(requests: list[cs.Request], random: Random) -> dict[str, Any]:
    """Columns that say the same: a header that is repeated stands in several, in its order."""
    names: list[str] = []
    for request in requests:
        times = Counter(name for name, _ in request.headers)
        for name, count in times.items():
            names += [name] * (count - names.count(name))
    headers: list[tuple[str, list[str | None]]] = [(name, []) for name in names]
    for request in requests:
        left = list(request.headers)
        for name, column in headers:
            at = next((at for at, (other, _) in enumerate(left) if other == name), None)
            column.append(None if at is None else left.pop(at)[1])
        assert not left
    return {
        "path": given([r.path for r in requests], random),
        "method": given([r.method for r in requests], random),
        "authority": given([r.authority for r in requests], random),
        "scheme": given([r.scheme for r in requests], random),
        "headers": [(name, given(column, random)) for name, column in headers],
    }


def given(texts: list[Any], random: Random) -> Any:
    """A column in one of the forms that it may have."""
    if len(set(texts)) == 1 and random.random() < 0.5:
        return texts[0]
    if random.random() < 0.5:
        return texts
    known = [*dict.fromkeys(texts), *random.choices(texts, k=2)]  # a category may stand twice, and be no row's
    return cs.Column([known.index(text) for text in texts], known)


def cases(seeds: range) -> Iterator[tuple[int, Random, cs.RouteTable, list[cs.Request], cs.Traffic]]:
    """Tables of both Envoys, of Gloo and not, each with requests aimed at it."""
    for seed in seeds:
        random = Random(f"columns {seed}")
        table = _random_table(random, gloo=seed % 4 == 0)
        requests = [of_columns(_random_request(random, table)) for _ in range(ROWS)]
        yield seed, random, table, requests, cs.Traffic.from_columns(**as_columns(requests, random))


def chances_of(table: cs.RouteTable, part: Columns) -> list[list[tuple[Any, Chance]]]:
    """What the columnar path says may become of each row."""
    book = Book(table)
    lot = Joint(part, plan_of(table), Decider(plan_of(table), book))
    found = []
    for number in lot.fates(slice(0, part.size)).tolist():
        fate = book.fates[number]
        outcomes = [identity(book.outcomes[outcome]) for outcome in fate.outcomes]
        found.append(list(zip(outcomes, book.laws[fate.law][1], strict=True)))
    return found


def check_chances(seeds: range) -> int:
    checked = 0
    for seed, _, table, requests, traffic in cases(seeds):
        (part,) = traffic.parts
        assert isinstance(part, Columns)
        for request, found in zip(requests, chances_of(table, part), strict=True):
            expected = [(identity(decision), chance) for decision, chance in table.chances(request)]
            assert found == expected, (seed, request)
            checked += 1
    return checked


def check_replay(seeds: range) -> int:
    checked = 0
    for seed, random, table, requests, traffic in cases(seeds):
        edges = edges_of(table)
        values = [_random_value(random, edges) for _ in requests]
        (part,) = traffic.parts
        assert isinstance(part, Columns)
        columns = Columns(part.names, part.columns, part.size, None, np.array(values, np.uint64))
        s = cs.simulate(table, cs.Traffic((columns,)))
        assert s.rows is not None
        for request, value, row in zip(requests, values, s.rows.tolist(), strict=True):
            decision = table.route(request, value)
            assert looks(s.outcomes[row]) == looks(decision), (seed, request, value)
            assert s.outcomes[row].mirrors == decision.mirrors
            checked += 1
    return checked


# The law


def test_a_row_has_the_chances_of_its_request() -> None:
    assert check_chances(range(150)) == 150 * ROWS


def test_a_row_with_a_random_value_goes_where_its_request_goes() -> None:
    assert check_replay(range(150)) == 150 * ROWS


@pytest.mark.soak
def test_a_hundred_thousand_rows_are_decided_as_their_requests_are() -> None:
    assert check_chances(range(1000, 6000)) + check_replay(range(6000, 11_000)) == 200_000


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        (joint, "RAW", 1),
        (joint, "DENSE", 1),
        (classify, "PIECE", 1),
        (classify, "MANY_INTERVALS", 1),
        (choose, "SAMPLED", (1, 1)),
    ],
)
def test_where_a_table_of_all_combinations_is_too_large_nothing_else_changes(
    module: Any, name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joint, "RAW", 0)
    monkeypatch.setattr(module, name, value)
    check_chances(range(200, 230))
    check_replay(range(230, 245))


def test_combinations_beyond_64_bits_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"x-{number}" for number in range(24)]
    routes = [
        {
            "match": {"prefix": "/", "headers": [{"name": name, "string_match": {"exact": str(k)}}]},
            "route": {"cluster": f"{name}-{k}"},
        }
        for name in names
        for k in range(9)
    ]
    table = table_of(*routes)
    random = Random(3)
    columns = {name: [str(random.choice([*range(9), 77])) for _ in range(300)] for name in names}
    traffic = cs.Traffic.from_columns(path="/", headers=columns)
    s = cs.simulate(table, traffic)
    assert s.rows is not None
    requests = [cs.Request("/", headers={name: columns[name][row] for name in names}) for row in range(300)]
    assert [s.outcomes[row].cluster for row in s.rows.tolist()] == [table.route(r).cluster for r in requests]


def check_columns_of(table: cs.RouteTable, requests: list[cs.Request], random: Random) -> None:
    (part,) = cs.Traffic.from_columns(**as_columns(requests, random)).parts
    assert isinstance(part, Columns)
    for request, found in zip(requests, chances_of(table, part), strict=True):
        assert found == [(identity(decision), chance) for decision, chance in table.chances(request)], request


@pytest.mark.parametrize("seed", range(25))
def test_manifests_with_what_is_unknown_are_decided_alike(seed: int) -> None:
    random = Random(f"manifests {seed}")
    document = generate.manifest(random)
    table = cs.loads(document)
    check_columns_of(table, [of_columns(generate.request(random, document)) for _ in range(60)], random)


def test_the_cases_are_decided_alike() -> None:
    by_manifest: dict[str, list[cs.Request]] = {}
    for case in CASES:
        by_manifest.setdefault(case.manifest, []).append(of_columns(case.request))
    for manifest, requests in by_manifest.items():
        check_columns_of(cs.loads(manifest), [*requests, cs.Request("/else")], Random(1))


def test_faults_under_a_runtime_are_decided_alike() -> None:
    random = Random(9)
    keys = (
        "fault.http.abort.abort_percent",
        "fault.http.a.abort.abort_percent",
        "fault.http.a,b.abort.http_status",
    )
    for _, _, table, requests, _ in cases(range(400, 440)):
        runtime = Runtime.of({**dict(table.runtime.items), **{key: random.choice([0, 30, 200]) for key in keys}})
        abort = FaultAbort(status=503, numerator=random.choice([0, 20, 100]))
        faulty = attrs.evolve(table, faults=Faults(abort), runtime=runtime)
        names = [("x-envoy-downstream-service-cluster", value) for value in ("a", "b", "")]
        more = [
            cs.Request(
                r.path, authority=r.authority, headers=[*r.headers, *random.sample(names, random.randint(0, 2))]
            )
            for r in requests
        ]
        check_columns_of(faulty, more, random)


# Tables that random ones rarely are


def table_of(*routes: dict[str, Any], **more: Any) -> cs.RouteTable:
    return cs.from_envoy({"virtual_hosts": [{"name": "h", "domains": ["*"], "routes": list(routes), **more}]})


def decided_alike(table: cs.RouteTable, **columns: Any) -> None:
    """The rows of these columns and their requests, by their chances."""
    traffic = cs.Traffic.from_columns(**columns)
    (part,) = traffic.parts
    assert isinstance(part, Columns)
    requests = [part.requests[code] for code in part.codes.tolist()]
    expected = [[(identity(d), chance) for d, chance in table.chances(request)] for request in requests]
    assert chances_of(table, part) == expected


PATHS = [
    "/",
    "",
    "/a",
    "/ab",
    "/a/",
    "/a?x=/b",
    "/A",
    "/é",
    "/a%2Fb",
    "/a//b",
    "/a/../b",
    "/a#x",
    "*",
    "a",
    "/a;v=1/b",
]


@pytest.mark.parametrize("case_sensitive", [True, False])
@pytest.mark.parametrize("kind", ["prefix", "path", "path_separated_prefix"])
@pytest.mark.parametrize("settings", [{}, {"normalize_path": True, "merge_slashes": True}])
def test_every_kind_of_path_condition_cuts_where_it_holds(
    kind: str, case_sensitive: bool, settings: dict[str, Any]
) -> None:
    texts = ["/", "/a", "/A", "/ab", "/a/b", "/b", "/\u00e9", "/a~", "/\u00ff"]
    matches = [
        {kind: text, "case_sensitive": case_sensitive}
        for text in texts
        if kind != "path_separated_prefix" or len(text) > 1
    ]
    routes = [{"match": match, "route": {"cluster": f"c{n}"}} for n, match in reversed([*enumerate(matches)])]
    table = cs.from_envoy(
        {"virtual_hosts": [{"name": "h", "domains": ["*"], "routes": routes}]},
        http=cs.HttpSettings(**settings),
    )
    more = [text + end for text in texts for end in ("", "\x00", "/", "a", "~", "\u00ff", "?q")]
    folded = [text.swapcase() for text in more]
    plain = [path for path in (*more, *folded) if path.isascii() and path.isprintable()]
    for paths in ([*PATHS, *more, *folded], plain):
        decided_alike(table, path=paths)


def test_very_many_routes_and_paths_are_decided_alike() -> None:
    random = Random(5)
    texts = ["/" + "".join(random.choices("ab/", k=random.randint(0, 6))) for _ in range(3000)]
    kinds = [
        random.choice([{"prefix": t}, {"path": t}, {"safe_regex": {"regex": f"{t}b*"}}]) for t in texts[:1500]
    ]
    table = table_of(*({"match": match, "route": {"cluster": f"c{n}"}} for n, match in enumerate(kinds)))
    decided_alike(table, path=texts[1400:1700])
    decided_alike(table, path=["/?x", *texts[2900:]], method="POST")


def test_what_connects_columns_is_seen_together() -> None:
    table = cs.from_envoy(
        {
            "virtual_hosts": [
                {"name": "h", "domains": ["*"], "require_tls": "EXTERNAL_ONLY", "routes": [
                    {"match": {"prefix": "/", "headers": [{"name": "x-a", "present_match": True}]},
                     "route": {"cluster": "a", "upgrade_configs": [{"upgrade_type": "websocket"}]}},
                    {"match": {"connect_matcher": {}}, "route": {"cluster": "connect"}},
                    {"match": {"prefix": "/", "headers": [{"name": "te", "present_match": True}]},
                     "route": {"cluster": "te"}},
                    {"match": {"prefix": "/", "headers": [{"name": ":scheme", "exact_match": "https"}]},
                     "route": {"cluster": "https"}},
                ]},
                {"name": "g", "domains": ["g.example"], "routes": [
                    {"match": {"prefix": "/"}, "route": {"cluster": "g"}}]},
            ]
        }
    )  # fmt: skip
    random = Random(7)
    choices: dict[str, list[Any]] = {
        "path": ["/", "/x", "*", "/#"],
        "method": ["GET", "CONNECT", "OPTIONS", "get"],
        "authority": ["", "g.example", "h"],
        "scheme": [None, "http", "https", "ftp"],
    }
    headers: dict[str, list[Any]] = {
        "x-a": [None, "", "1"],
        "connection": [None, "x-a", "upgrade", "close, te", "host", "upgrade, x-a", ",".join("abcdefghij")],
        "upgrade": [None, "websocket", "h2c", "x"],
        "te": [None, "trailers", "gzip", "TRAILERS"],
        "x-forwarded-proto": [None, "https", "http", "", "HTTPS"],
    }
    rows = 3000
    decided_alike(
        table,
        **{name: random.choices(texts, k=rows) for name, texts in choices.items()},
        headers={name: random.choices(texts, k=rows) for name, texts in headers.items()},
    )


def test_columns_without_rows_may_have_categories() -> None:
    empty: list[str] = []
    none = cs.Column(empty, [str(number) for number in range(300)])
    table = table_of({"match": {"prefix": "/", "headers": [{"name": "x", "present_match": True}]}, "redirect": {}})
    for path in (empty, none):
        s = cs.simulate(table, cs.Traffic.from_columns(path=path, headers={"x": none}))
        assert (s.n, s.outcomes, s.counts()) == (0, (), {})
    assert cs.simulate(table, [cs.Traffic.from_columns(path=none)]).counts() == {}


def test_more_rows_than_are_counted_at_a_time_are_counted_wherever_they_begin() -> None:
    table = split_table()
    one = cs.Traffic.from_columns(path=["/y"])
    s = cs.simulate(table, cs.Traffic.concat(one, split_traffic(2_100_001), one), rng=1)
    assert s.rows is not None
    counts = np.bincount(s.rows, minlength=len(s.outcomes)).tolist()
    assert counts == [outcome["count"] for outcome in s.to_dict()["outcomes"]]
    few = cs.simulate(
        faulty_table(), cs.Traffic.concat(one, cs.Traffic.from_columns(path=["/x"] * 2_100_001)), rng=1
    )
    assert few.rows is not None
    assert few.rows.dtype == np.uint8
    counts = np.bincount(few.rows, minlength=len(few.outcomes)).tolist()
    assert counts == [outcome["count"] for outcome in few.to_dict()["outcomes"]]


def test_a_host_header_is_the_authority_of_its_row() -> None:
    table = cs.from_envoy(
        {
            "virtual_hosts": [
                {"name": name, "domains": [f"{name}.example"], "routes": [
                    {"match": {"prefix": "/"}, "route": {"cluster": name}}]}
                for name in "ab"
            ]
        }
    )  # fmt: skip
    s = cs.simulate(table, cs.Traffic.from_columns(path="/", headers={"Host": ["a.example", "b.example", None]}))
    assert s.rows is not None
    assert [s.outcomes[row].cluster for row in s.rows.tolist()] == ["a", "b", None]
    with pytest.raises(cs.InvalidValue, match="give the host once"):
        cs.Traffic.from_columns(path="/", authority=["a", "b"], headers={"host": ["a", "c"]})


def faulty_table() -> cs.RouteTable:
    table = table_of(
        {"match": {"prefix": "/x"}, "route": {"weighted_clusters": {"clusters": [
            {"name": "a", "weight": 10}, {"name": "b", "weight": 90}]}}},
        {"match": {"prefix": "/"}, "route": {"cluster": "c"}},
    )  # fmt: skip
    return attrs.evolve(table, faults=Faults(FaultAbort(status=503, numerator=25)))


def test_faults_of_columns_have_their_shares_drawn_and_replayed() -> None:
    """Three tests of Pearson at the rate 10^-6 each."""
    table = faulty_table()
    decided_alike(table, path=["/x", "/y", "/x/1"])
    n = 40_000
    shares = [Fraction(3, 4) / 10, Fraction(3, 4) * 9 / 10, Fraction(1, 4)]
    values = np.random.default_rng(1).integers(0, 2**64 - 1, n, np.uint64, endpoint=True)
    for more in ({}, {"random_values": values}, {"counts": np.ones(n, np.int64)}):
        s = cs.simulate(table, cs.Traffic.from_columns(path=["/x"] * n, **more), rng=4)
        counts = s.counts("outcome")
        assert fits([counts["a"], counts["b"], counts["aborted with 503 by a fault"]], shares)
        assert s.rows is not None
        if "random_values" in more:
            picked = np.where(values % np.uint64(100) < 10, "a", "b")
            forwarded = s.rows < 2
            assert (picked[forwarded] == np.array(["a", "b", ""])[s.rows[forwarded]]).all()


# What is never looked at


def test_a_column_that_no_route_asks_for_is_never_numbered() -> None:
    table = table_of(
        {
            "match": {"prefix": "/", "headers": [{"name": "X-Canary", "present_match": True}]},
            "route": {"cluster": "c"},
        }
    )
    traffic = cs.Traffic.from_columns(
        path=["/a", "/b"],
        authority=["x", "y"],
        headers=[("x-canary", ["1", None]), ("user-agent", ["u", "v"])],
    )
    cs.simulate(table, traffic)
    (part,) = traffic.parts
    assert isinstance(part, Columns)
    told = dict(zip(part.names, part.columns, strict=True))
    numbered = {name for name, column in told.items() if isinstance(column, Raw) and column._column is not None}
    assert numbered == {"path", "x-canary"}
    assert {"path", "header x-canary"} <= table.columns_needed
    assert not {"authority", "header user-agent"} & table.columns_needed


def test_what_is_no_column_that_is_needed_changes_nothing() -> None:
    for _, random, table, requests, _ in cases(range(300, 340)):
        kept = [
            cs.Request(
                request.path if "path" in table.columns_needed else "/",
                method=request.method if "method" in table.columns_needed else "GET",
                authority=request.authority if "authority" in table.columns_needed else random.choice(["", "z"]),
                scheme=request.scheme if "scheme" in table.columns_needed else None,
                headers=[pair for pair in request.headers if f"header {pair[0]}" in table.columns_needed],
            )
            for request in requests
        ]
        for request, other in zip(requests, kept, strict=True):
            asked = [(identity(d), chance) for d, chance in table.chances(request)]
            assert asked == [(identity(d), chance) for d, chance in table.chances(other)], (request, other)


# Draws


WEIGHTS = [[1, 2], [10, 90], [1] * 300, [1, 2**32 - 2], [0, 7, 3], [3, 0, 1, 1]]


def split_table() -> cs.RouteTable:
    return table_of(
        *(
            {
                "match": {"prefix": f"/{n}/"},
                "route": {
                    "weighted_clusters": {
                        "clusters": [{"name": f"{n}-{k}", "weight": weight} for k, weight in enumerate(weights)]
                    }
                },
            }
            for n, weights in enumerate(WEIGHTS)
        ),
        {"match": {"prefix": "/"}, "route": {"cluster": "rest"}},
    )


def split_traffic(n: int, **more: Any) -> cs.Traffic:
    codes = np.random.default_rng(8).integers(0, len(WEIGHTS) + 1, n)
    paths = [*(f"/{number}/x" for number in range(len(WEIGHTS))), "/y"]
    return cs.Traffic.from_columns(path=cs.Column(codes, paths), **more)


def test_rows_of_columns_fit_their_shares_route_by_route() -> None:
    """A test of Pearson for each of five sets of weights, at the rate 10^-6 each."""
    n = 700_000
    s = cs.simulate(split_table(), split_traffic(n), rng=21)
    clusters = s.counts("cluster")
    for number, weights in enumerate(WEIGHTS):
        seen = [clusters[f"{number}-{k}"] for k in range(len(weights))]
        shares = [Fraction(weight, sum(weights)) for weight in weights]
        if weights == [1, 2**32 - 2]:
            assert seen[0] <= 1  # more has probability below 10^-9
            continue
        assert fits(seen, shares)
    assert sum(clusters.values()) == n


def test_lanes_decide_exactly_whatever_the_cells() -> None:
    """Of every lane the outcome is the one that owns it, for coarse and fine cells; the rest is redrawn."""
    book = Book(split_table())
    table = split_table()
    fates = [book.fate(table.chances(cs.Request(f"/{n}/x"))) for n in range(len(WEIGHTS))]
    for more in (0, 700):  # more fates, coarser cells
        for number in range(more):
            book.fate(
                table_of({"match": {"prefix": "/"}, "direct_response": {"status": 200 + number % 400}}).chances(
                    "GET /"
                )
            )
        deal = Deal(book, Streams((1).to_bytes(32, "little")))
        deal.extend()
        lanes = np.arange(1 << 16).astype(np.uint16)
        for fate, weights in zip(fates, WEIGHTS, strict=True):
            total = sum(weights)
            out = np.empty(1 << 16, deal.dtype)
            cells = (np.int64(fate) << deal.bits) | (lanes >> (16 - deal.bits)).astype(np.int64)
            out[:] = deal.table.reshape(-1)[cells]
            left = out == deal.sentinel
            assert left.sum() <= len(weights) * 65536 >> deal.bits
            out[left] = deal.exact(np.full(left.sum(), fate), lanes[left])
            counts = np.bincount(out, minlength=len(book.outcomes))[list(book.fates[fate].outcomes)]
            owned = np.array([weight * 65536 // total for weight in weights])
            assert (counts >= owned).all()
            assert counts.sum() == 1 << 16
            assert (counts[np.array(weights) == 0] == 0).all()
            runs = np.repeat(np.arange(len(weights)), owned)
            assert (out[: len(runs)] == np.array(book.fates[fate].outcomes)[runs]).all()


def answers(s: Simulation) -> tuple[Any, ...]:
    return (None if s.rows is None else s.rows.tolist()), s.counts("route"), s.to_dict()


@pytest.mark.parametrize("keep", ["rows", "counts"])
def test_columns_in_pieces_blocks_and_chunks_give_the_answer_of_the_whole(
    keep: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = split_table()
    codes = np.random.default_rng(9).integers(0, 7, 5000)
    paths = [*(f"/{number}/x" for number in range(6)), "/y"]

    def piece(start: int, stop: int) -> cs.Traffic:
        return cs.Traffic.from_columns(path=cs.Column(codes[start:stop], paths))

    cuts = [0, 1, 1, 1003, 1010, 4990, 5000]
    whole = cs.simulate(table, piece(0, 5000), rng=3, keep=keep)
    pieces = [piece(start, stop) for start, stop in pairwise(cuts)]
    assert answers(cs.simulate(table, cs.Traffic.concat(*pieces), rng=3, keep=keep)) == answers(whole)
    chunked = cs.simulate(table, iter(pieces), rng=3, keep=keep)
    assert (chunked.rows, chunked.traffic, chunked.n) == (None, None, 5000)
    assert chunked.to_dict() == whole.to_dict()
    assert [looks(decision) for decision in chunked.outcomes] == [looks(decision) for decision in whole.outcomes]
    monkeypatch.setattr(choose, "BLOCK", 37)
    assert answers(cs.simulate(table, piece(0, 5000), rng=3, keep=keep)) == answers(whole)
    assert cs.simulate(table, pieces, rng=3, keep=keep).to_dict() == whole.to_dict()


def test_a_chunk_without_chance_passes_its_lanes_over() -> None:
    table = split_table()
    certain, chancy = (cs.Traffic.from_columns(path=[path] * 70_001) for path in ("/y", "/1/x"))
    whole = cs.simulate(table, cs.Traffic.concat(certain, chancy), rng=5)
    assert cs.simulate(table, [certain, chancy], rng=5).counts() == whole.counts()
    assert cs.simulate(table, cs.Traffic.repeat("GET /y", 70_001), rng=5).counts() == {"rest": 70_001}


def test_columns_and_requests_have_the_same_rows() -> None:
    table = split_table()
    traffic = split_traffic(3000)
    (part,) = traffic.parts
    assert isinstance(part, Columns)
    by_request = cs.Traffic.concat(*(cs.Traffic.repeat(part.requests[code], 1) for code in part.codes.tolist()))
    assert answers(cs.simulate(table, by_request, rng=6)) == answers(cs.simulate(table, traffic, rng=6))


def test_rows_with_counts_count() -> None:
    table = split_table()
    columns: dict[str, Any] = {"path": ["/1/x", "/y", "/1/y", "/4/x"], "counts": [30_000, 10, 20_000, 0]}
    for keep in ("rows", "counts"):
        s = cs.simulate(table, cs.Traffic.from_columns(**columns), rng=7, keep=keep)
        assert s.n == sum(s.counts().values()) == 50_010
        assert s.counts("route") == {"route 1 of h": 50_000, "route 4 of h": 0, "route 6 of h": 10}
        assert fits([s.counts()["1-0"], s.counts()["1-1"]], [Fraction(1, 10), Fraction(9, 10)])
        assert s.counts()["4-1"] == 0
        by_request = s.examples(cluster="1-0")
        assert sum(by_request.values()) == s.counts()["1-0"]
        assert fits(list(by_request.values()), [Fraction(3, 5), Fraction(2, 5)])
    many = cs.Traffic.from_columns(path=["/1/x", "/1/y"], counts=[2**60, 2**61])
    s = cs.simulate(table, many, rng=7, keep="counts")
    assert sum(s.counts().values()) == 2**60 + 2**61
    assert sum(s.examples(cluster="1-0").values()) == s.counts()["1-0"]


def test_examples_of_counted_columns_are_drawn_without_replacement() -> None:
    """Pearson's test at the rate 10^-6: how many of 3 hits among 8 requests fall on the 4 of one path."""
    table = split_table()
    seen: Counter[int] = Counter()
    for seed in range(4000):
        s = cs.simulate(table, cs.Traffic.from_columns(path=["/1/x"] * 4 + ["/1/y"] * 4), rng=seed, keep="counts")
        if s.counts()["1-0"] == 3:
            found = s.examples(cluster="1-0")
            assert sum(found.values()) == 3
            seen[found.get(cs.Request("/1/x"), 0)] += 1
    n = seen.total()
    expected = [stats.hypergeom.pmf(k, 8, 4, 3) * n for k in range(4)]
    statistic = sum((seen[k] - each) ** 2 / each for k, each in enumerate(expected))
    assert stats.chi2.sf(statistic, 3) > 1e-6


@pytest.mark.parametrize("times", [None, "counts"])
@pytest.mark.parametrize("most", [0, 1, 3, 1000])
def test_the_most_frequent_of_a_certain_outcome_are_those_of_a_loop(times: str | None, most: int) -> None:
    source = Random(most)
    paths = [source.choice(("/1/x", "/y", "no", "no/2", "no/3", "no/4")) for _ in range(500)]
    canaries = [source.choice((None, "", "true")) for _ in range(500)]
    counts = [source.choice((0, 1, 5)) if times else 1 for _ in range(500)]
    columns: dict[str, Any] = {"path": paths, "headers": {"x-canary": canaries}, "counts": counts}
    seen: Counter[cs.Request] = Counter()
    for path, canary, count in zip(paths, canaries, counts, strict=True):
        if path.startswith("no"):
            seen[cs.Request(path, headers={} if canary is None else {"x-canary": canary})] += count
    expected = [n for _, n in seen.most_common(most) if n]
    whole = cs.Traffic.from_columns(**columns)
    parts = cs.Traffic.concat(whole, cs.Traffic.repeat("GET /y", 1))
    for traffic in (whole, parts):
        for keep in ("counts", "rows"):
            s = cs.simulate(split_table(), traffic, rng=1, keep=keep)
            found = s.examples(most, kind="rejected")  # a path without its slash
            assert list(found.values()) == expected  # of equally frequent ones any may be told
            assert all(seen[request] == n for request, n in found.items())


# Rows and requests


def test_rows_of_an_outcome_lead_back_to_the_traffic() -> None:
    table = split_table()
    paths = ["/1/x", "/y", "nowhere", "/1/y", "/y"]
    s = cs.simulate(table, cs.Traffic.from_columns(path=paths), rng=1)
    assert s.rows_of(cluster="rest").tolist() == [1, 4]
    assert s.rows_of(kind="rejected").tolist() == [2]
    assert s.rows_of(route="route 1 of h").tolist() == [0, 3]
    assert s.rows_of().tolist() == [0, 1, 2, 3, 4]
    assert s.examples(cluster="rest") == {cs.Request("/y"): 2}
    assert s.examples(1) == {cs.Request("/y"): 2}
    with pytest.raises(cs.InvalidValue, match="no rows were kept"):
        cs.simulate(table, cs.Traffic.from_columns(path=paths), keep="counts").rows_of()
    chunked = cs.simulate(table, [cs.Traffic.from_columns(path=paths)])
    with pytest.raises(cs.InvalidValue, match="the traffic was not kept"):
        chunked.examples()
    assert chunked.requests == ()
    assert str(chunked).startswith("5 requests\n")


def test_outcomes_are_a_column_with_categories() -> None:
    table = split_table()
    s = cs.simulate(table, split_traffic(2000), rng=3)
    assert s.rows is not None
    for by in ("cluster", "route", "kind"):
        column = s.column(by)
        counts = np.bincount(column.codes, minlength=len(column.categories)).tolist()
        assert dict(zip(column.categories, counts, strict=True)) == s.counts(by)
        assert column.codes.dtype == (np.uint16 if len(column.categories) > 256 else np.uint8)
    names = [decision.cluster for decision in s.outcomes]
    column = s.column()
    assert [column.categories[code] for code in column.codes.tolist()] == [names[row] for row in s.rows.tolist()]
    assert len(cs.simulate(table, cs.Traffic.from_columns(path=[])).column()) == 0
    with pytest.raises(cs.InvalidValue, match="no rows were kept"):
        cs.simulate(table, split_traffic(20), keep="counts").column()


def test_requests_are_not_made_before_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from canarysim.engine import rows

    def refuse(*_: object) -> None:
        raise AssertionError("a request was made")

    monkeypatch.setattr(rows, "built", refuse)
    paths = [f"/1/{n}" for n in range(1000)]
    s = cs.simulate(split_table(), cs.Traffic.from_columns(path=paths), rng=2)
    assert s.counts()["1-0"] + s.counts()["1-1"] == 1000
    with pytest.raises(AssertionError, match="a request was made"):
        s.examples()


def test_rows_take_a_byte_and_little_else() -> None:
    table = split_table()
    traffic = split_traffic(1_000_000)
    cs.simulate(table, traffic, rng=1)
    s = cs.simulate(table, traffic, rng=1)
    assert s.rows is not None
    assert s.rows.dtype == np.uint16  # 311 outcomes
    assert s.rows.nbytes == 2_000_000


# Sums, and other processes


def test_simulations_add_up() -> None:
    table = split_table()
    traffics = [split_traffic(n) for n in (100, 3000, 7)]
    parts = [cs.simulate(table, traffic, rng=n) for n, traffic in enumerate(traffics)]
    total = sum(parts)
    assert isinstance(total, Simulation)
    assert total.n == 3107
    for by in ("outcome", "cluster", "route", "kind"):
        counts: Counter[str] = Counter()
        for part in parts:
            counts.update(part.counts(by))
        assert total.counts(by) == dict(counts)
    whole = cs.simulate(table, cs.Traffic.concat(*traffics), rng=0)
    expected = {(o.name, o.exact, o.low, o.high) for o in whole.ranges()}
    assert {(o.name, o.exact, o.low, o.high) for o in total.ranges()} == expected
    assert [looks(decision) for decision in total.outcomes] == [looks(decision) for decision in whole.outcomes]
    assert (total.rows, total.traffic) == (None, None)
    assert (parts[1] + parts[0]).to_dict() == (parts[0] + parts[1]).to_dict()
    with pytest.raises(cs.InvalidValue, match="different tables"):
        parts[0] + cs.simulate(faulty_table(), split_traffic(10))
    with pytest.raises(TypeError):
        parts[0] + 1  # type: ignore[operator]


def test_a_table_pickles_small_and_is_made_ready_once() -> None:
    routes = [
        {"match": {"prefix": f"/area{n}/"}, "route": {"cluster": f"cluster-{n}", "timeout": "15s"}}
        for n in range(1000)
    ]
    table = table_of(*routes)
    cs.simulate(table, cs.Traffic.from_columns(path=["/area7/"]))
    packed = pickle.dumps(table)
    assert len(packed) < 100_000
    copy = pickle.loads(packed)
    assert copy == table
    assert pickle.loads(packed) is copy
    assert pickle.loads(pickle.dumps(copy)) is copy  # sent back, or on to another worker
    assert plan_of(pickle.loads(packed)) is plan_of(copy)
    assert cs.simulate(copy, cs.Traffic.from_columns(path=["/area7/"])).counts() == {"cluster-7": 1}


def test_counts_of_a_chunk_travel_light() -> None:
    table = split_table()
    few, many = (cs.simulate(table, [split_traffic(n)], rng=3) for n in (5000, 500_000))
    assert len(pickle.dumps(many)) < 1.1 * len(pickle.dumps(few))
    assert pickle.loads(pickle.dumps(many)).to_dict() == many.to_dict()
    rows = pickle.loads(pickle.dumps(cs.simulate(table, split_traffic(500), rng=3)))
    assert answers(rows) == answers(cs.simulate(table, split_traffic(500), rng=3))
    assert rows.examples(cluster="rest") == cs.simulate(table, split_traffic(500), rng=3).examples(cluster="rest")


def in_worker(table: cs.RouteTable, number: int) -> tuple[int, Simulation]:
    traffic = cs.Traffic.from_columns(path=[f"/{number % 6}/x", "/y"])
    return id(table), cs.simulate(table, [traffic], rng=number)


def test_a_worker_makes_a_table_ready_once_and_its_counts_add_up() -> None:
    table = split_table()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(in_worker, [table] * 12, range(12)))
    assert len({number for number, _ in found}) == 1
    total = sum(simulation for _, simulation in found)
    assert isinstance(total, Simulation)
    assert total.n == sum(total.counts().values()) == 24
    assert total.counts()["rest"] == 12


# Chunks


def test_chunks_are_forgotten_one_after_the_other() -> None:
    import gc
    import weakref

    table = split_table()
    alive: list[weakref.ref[Any]] = []

    def chunks() -> Iterator[cs.Traffic]:
        for _ in range(5):
            gc.collect()
            assert sum(ref() is not None for ref in alive) <= 1
            traffic = split_traffic(10_000)
            codes = traffic.parts[0].columns[0].codes  # type: ignore[union-attr]
            alive.append(weakref.ref(codes))
            del codes
            yield traffic
            del traffic

    assert cs.simulate(table, chunks(), rng=1).n == 50_000


@pytest.mark.parametrize("chunks", [["GET /"], [cs.Request("/")], [3], iter([None])])
def test_what_is_no_chunk_is_refused(chunks: Any) -> None:
    with pytest.raises(TypeError, match="an iterable gives Traffics"):
        cs.simulate(split_table(), chunks)


def test_progress_is_shown_where_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tqdm")
    chunks = [split_traffic(1000), split_traffic(500)]
    cs.simulate(split_table(), chunks, progress=True)
    assert "1.50k requests" in capsys.readouterr().err
    for quiet in (None, False):  # nobody looks: this is no terminal
        cs.simulate(split_table(), chunks, progress=quiet)
        assert capsys.readouterr().err == ""
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    cs.simulate(split_table(), chunks)
    with pytest.raises(ImportError):
        cs.simulate(split_table(), chunks, progress=True)


# The oracle of another kind: a plain loop


def test_a_table_of_prefixes_and_headers_is_what_a_loop_says() -> None:
    random = Random(11)
    texts = ["/" + "".join(random.choices("ab", k=random.randint(0, 4))) for _ in range(60)]
    conditions = [(text, random.choice([None, "1", "2"])) for text in texts]
    table = table_of(
        *(
            {
                "match": {
                    "prefix": text,
                    **({"headers": [{"name": "x", "string_match": {"exact": value}}]} if value else {}),
                },
                "route": {"cluster": f"c{number}"},
            }
            for number, (text, value) in enumerate(conditions)
        )
    )

    def loop(path: str, header: str | None) -> str | None:
        for number, (text, value) in enumerate(conditions):
            if path.startswith(text) and value in (None, header):
                return f"c{number}"
        return None

    paths = ["/" + "".join(random.choices("abc", k=random.randint(0, 6))) for _ in range(5000)]
    headers = random.choices([None, "1", "2", "3"], k=5000)
    s = cs.simulate(table, cs.Traffic.from_columns(path=paths, headers={"x": headers}))
    assert s.rows is not None
    assert [s.outcomes[row].cluster for row in s.rows.tolist()] == list(map(loop, paths, headers))
