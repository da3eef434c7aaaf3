"""The hypothesis strategies: what they make, that Envoy takes it, and that tables keep their laws on it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

import canarysim as cs
from canarysim.errors import RandomValueNeeded
from canarysim.table.actions import Destination, RouteAction
from canarysim.table.conditions import TlsContextMatcher, UnsimulatedMatcher, WeightsUnderRuntime
from canarysim.table.formats import FormatString
from canarysim.table.hash_policies import ConnectionHash, CookieHash, HashPolicy, HeaderHash, QueryParameterHash
from canarysim.table.hosts import VirtualHost
from canarysim.table.http import HttpSettings
from canarysim.table.matchers import HeaderMatcher, Matcher, PathPrefix, PathRegex, QueryParameterMatcher, Range
from canarysim.table.metadata import MetadataMatcher, ValueMatcher
from canarysim.table.mutations import HeaderMutations, HeaderToAdd, Mutations
from canarysim.table.redirects import RedirectAction
from canarysim.table.rewrites import PrefixRewrite
from canarysim.table.route_table import RouteTable
from canarysim.table.routes import Route, RouteMatch, verdict
from canarysim.table.strings import StringMatcher
from canarysim.table.templates import FormatRewrite, PathTemplate, TemplateRewrite
from canarysim.testing.strategies import (
    _random_request,
    _random_table,
    _random_value,
    random_values,
    requests_for,
    route_tables,
)
from canarysim.testing.strategies.aims import edges_of, make_aimed
from canarysim.testing.strategies.choices import Dice

from .envoy.judge import Judge, Version, require_envoy

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


def tables(count: int, seed: int = 1, **asked: Any) -> list[RouteTable]:
    random = Random(seed)
    return [_random_table(random, **asked) for _ in range(count)]


# What there is in tables


def said(table: RouteTable) -> Iterator[str]:
    """What a table says, a word each."""
    yield f"envoy {table.envoy}"
    yield f"scheme {table.scheme}"
    yield f"{len(table.virtual_hosts)} hosts"
    for field in attrs.fields(RouteTable):
        if field.init and field.default is not attrs.NOTHING and field.name not in ("envoy", "name", "scheme"):
            yield from [field.name] if getattr(table, field.name) != field.default else []
    for field in attrs.fields(HttpSettings):
        yield f"{field.name} {getattr(table.http, field.name)}"
    for key, value in table.runtime.items:
        yield f"runtime {key} {value}" if "features" in key else f"runtime {key.partition('.')[0]}"
    for host in table.virtual_hosts:
        kinds = {"*": "default"}
        for domain in host.domains:
            yield kinds.get(domain) or (
                "suffix" if domain[:1] == "*" else "prefix" if domain[-1:] == "*" else "exact"
            )
            yield from [
                name
                for name, is_so in (
                    ("upper-case domain", domain != domain.lower()),
                    ("port in domain", ":80" in domain),
                    ("odd star", "*" in domain[1:-1]),
                )
                if is_so
            ]
        yield f"require_tls {host.require_tls}"
        yield from ["virtual_clusters"] if host.virtual_clusters else []
        yield from ["mirrors of host"] if host.mirrors else []
        yield from said_of_mutations("host", host.mutations)
        for route in host.routes:
            yield from said_of_match(route.match)
            yield from said_of_action(route.action)
            yield from said_of_mutations("route", route.mutations)
            if isinstance(route.match.path, PathTemplate) and isinstance(route.action, RouteAction):
                yield f"template with {type(route.action.path_rewrite).__name__}"
    yield from said_of_mutations("table", table.mutations)


def said_of_mutations(owner: str, mutations: Mutations | None) -> Iterator[str]:
    if mutations is None:
        return
    yield f"mutations of {owner}"
    for kind, changes in (("request", mutations.request), ("response", mutations.response)):
        yield from [f"removed from {kind}"] if changes.remove else []
        for header in changes.add:
            yield f"{kind} {header.action}"
            yield "value that no request tells" if header.value.why_unknown else "value of a request"
            yield from [f"%{command.name}%" for command in header.value.commands]
            yield from [name for name in ("%%",) if name in header.value.text]
            yield from ["keep_empty_value"] if header.keep_empty_value else []


def said_of_match(match: RouteMatch) -> Iterator[str]:
    matcher: Any
    for matcher in match:
        kind = type(matcher).__name__
        yield kind
        for field in attrs.fields(type(matcher)):
            value = getattr(matcher, field.name, None)
            if isinstance(value, bool) or value is None:
                yield f"{kind} {field.name} {value}"
        value = getattr(matcher, "value", None)
        if isinstance(value, StringMatcher):
            yield f"{kind} {value.kind}"
            yield f"{kind} ignore_case {value.ignore_case}"
        elif isinstance(value, Range):
            yield "Range"
        if isinstance(matcher, HeaderMatcher):
            yield f"header {matcher.name}"
    fraction = match.runtime_fraction
    if fraction is not None:
        yield f"fraction of {fraction.denominator}"
        yield from ["fraction with key"] if fraction.runtime_key else []
        yield from ["fraction 0"] if not fraction.numerator else []
        yield from ["fraction above 1"] if fraction.numerator > fraction.denominator else []


def said_of_action(action: Any) -> Iterator[str]:
    yield type(action).__name__
    if isinstance(action, RedirectAction):
        yield f"redirect {action.status}"
        yield f"path of redirect {type(action.path).__name__}"
        yield from [name for name in ("https", "scheme", "host", "port", "strip_query") if getattr(action, name)]
    if isinstance(action, RouteAction):
        names = (
            *("weighted", "cluster_header", "header_name", "runtime_key_prefix", "mirrors", "upgrades"),
            *("use_hash_policy", "hash_policies"),
        )
        yield from [name for name in names if getattr(action, name)]
        yield f"not found {action.cluster_not_found_status}"
        yield f"path {type(action.path_rewrite).__name__}"
        if action.host_rewrite is not None:
            told = attrs.asdict(action.host_rewrite, recurse=False)
            yield from [f"host by {name}" for name, value in told.items() if value not in (None, False)]
        yield from ["big total"] if action.total > 2**31 else []
        yield from ["mirror fraction"] if any(mirror.fraction is not None for mirror in action.mirrors) else []
        for policy in action.hash_policies:
            yield f"{type(policy.source).__name__}{' terminal' if policy.terminal else ''}"
            yield from ["hash of rewritten header"] if getattr(policy.source, "regex_rewrite", None) else []
        for destination in action.destinations:
            yield from said_of_mutations("entry", destination.mutations)
            yield from ["weight 0"] if action.weighted and not destination.weight else []
            yield from ["entry cluster_header"] if destination.cluster_header else []
            yield from ["entry host_rewrite"] if destination.host_rewrite else []


WANTED = """
    default; exact; suffix; prefix; upper-case domain; port in domain; odd star; 1 hosts; 2 hosts; 3 hosts
    require_tls ALL; require_tls EXTERNAL_ONLY; virtual_clusters; mirrors of host; mirrors; vhost_header; clusters
    ignore_port_in_host_matching; ignore_path_parameters_in_path_matching; internal_only_headers; runtime
    normalize_path True; merge_slashes True; strip_any_host_port True; strip_matching_host_port True; port 80
    strip_trailing_host_dot True; use_remote_address True; path_with_escaped_slashes_action REJECT_REQUEST
    path_with_escaped_slashes_action UNESCAPE_AND_REDIRECT; path_with_escaped_slashes_action UNESCAPE_AND_FORWARD
    envoy 1.36; envoy 1.40; scheme http; scheme https; runtime canary; runtime rollout; runtime weights
    runtime envoy.reloadable_features.match_headers_individually False
    PathPrefix case_sensitive False; PathExact case_sensitive False; PathSeparatedPrefix case_sensitive False
    PathRegex case_sensitive False; PathPrefix case_sensitive True
    HeaderMatcher exact; HeaderMatcher prefix; HeaderMatcher suffix; HeaderMatcher contains
    HeaderMatcher safe_regex; HeaderMatcher ignore_case True; Range; HeaderMatcher present False
    HeaderMatcher invert True; HeaderMatcher missing_as_empty True; HeaderMatcher any_value True
    HeaderMatcher value None; header :method; header :path; header :authority; header host; header :scheme
    header x-forwarded-proto; header cookie; header x-a; header user-agent
    QueryParameterMatcher present False; QueryParameterMatcher exact; QueryParameterMatcher safe_regex
    QueryParameterMatcher ignore_case True; QueryParameterMatcher value None
    CookieMatcher exact; CookieMatcher safe_regex; CookieMatcher invert True
    TlsContextMatcher presented True; TlsContextMatcher presented False; TlsContextMatcher presented None
    TlsContextMatcher validated True; TlsContextMatcher validated False; TlsContextMatcher validated None
    fraction of 100; fraction of 10000; fraction of 1000000; fraction with key; fraction 0; fraction above 1
    weighted; weight 0; big total; cluster_header; entry cluster_header; entry host_rewrite; header_name
    runtime_key_prefix; mirror fraction; upgrades; not found 404; not found 500; not found 503
    RedirectAction; DirectResponseAction; RouteAction; https; scheme; host; port; strip_query
    redirect 301; redirect 302; redirect 303; redirect 307; redirect 308; path of redirect str
    path of redirect PrefixRewrite; path of redirect RegexRewrite; path PrefixRewrite; path RegexRewrite
    host by literal; host by header; host by path_regex; host by append_x_forwarded_host; host by format
    path FormatRewrite; template with TemplateRewrite; template with RegexRewrite; template with NoneType
    mutations of table; mutations of host; mutations of route; mutations of entry; removed from request
    removed from response; keep_empty_value; value that no request tells; %REQ%; %PATH%; %QUERY_PARAM%; %%
    request APPEND_IF_EXISTS_OR_ADD; request ADD_IF_ABSENT; request OVERWRITE_IF_EXISTS_OR_ADD
    request OVERWRITE_IF_EXISTS; response ADD_IF_ABSENT; most_specific_header_mutations_wins; NonForwardingAction
    use_hash_policy; HeaderHash; CookieHash; QueryParameterHash; HeaderHash terminal; CookieHash terminal
    ConnectionHash; hash of rewritten header; runtime envoy.reloadable_features.re2_use_latin1_mode False
    runtime envoy.reloadable_features.strip_path_parameters_per_segment False
    runtime envoy.reloadable_features.enable_new_query_param_present_match_behavior False
    runtime envoy.reloadable_features.http_reject_path_with_fragment False
"""


def matcher_classes(of: type = Matcher) -> set[type]:
    found: set[type] = set()
    inner: type
    for inner in of.__subclasses__():
        found |= matcher_classes(inner) or {inner}
    return {kind for kind in found if kind.__module__.startswith("canarysim.")}


def test_tables_say_everything_there_is_to_say() -> None:
    known = {word for table in tables(800) for word in said(table)}
    wanted = {word.strip() for line in WANTED.strip().splitlines() for word in line.split(";")}
    # Metadata is made by filters, which are no part of a table; the others stand for what is not simulated.
    without = {MetadataMatcher, UnsimulatedMatcher, WeightsUnderRuntime}
    wanted |= {kind.__name__ for kind in matcher_classes() - without} - {"RuntimeFraction"}
    assert wanted - known == set()


def test_hypothesis_draws_the_same_tables() -> None:
    """One definition, two sources of choices: what chance finds in 100 tables hypothesis finds in 200."""
    drawn: Counter[str] = Counter()

    @settings(max_examples=200, database=None, derandomize=True, parent=FEW)
    @given(route_tables())
    def collect(table: RouteTable) -> None:
        drawn.update(set(said(table)))

    collect()
    often = Counter(word for table in tables(100) for word in set(said(table)))
    assert {word for word, count in often.items() if count >= 25} - set(drawn) == set()


def test_a_table_keeps_to_its_version() -> None:
    for table in tables(300, envoy="1.36"):
        words = set(said(table))
        assert table.envoy == "1.36"
        assert not words & {"CookieMatcher", "vhost_header", "not found 500", "path FormatRewrite"}
        assert not words & {"host by format"}
        assert not any(word.startswith("runtime envoy.") for word in words)
    assert {table.envoy for table in tables(20, envoy="1.40")} == {"1.40"}


def test_a_guard_is_set_seldom_and_alone() -> None:
    guards = [
        [key for key, _ in table.runtime.items if key.startswith("envoy.")] for table in tables(600, envoy="1.40")
    ]
    assert max(map(len, guards)) == 1
    assert 10 < sum(map(len, guards)) < 45


def test_rewrites_beside_templates_are_those_that_envoy_takes() -> None:
    for table in tables(400):
        for route in table.routes:
            path = getattr(route.action, "path_rewrite", None) or getattr(route.action, "path", None)
            if isinstance(route.match.path, PathTemplate):
                assert not isinstance(path, PrefixRewrite)
            if isinstance(path, TemplateRewrite):
                assert isinstance(route.match.path, PathTemplate)
                path.rewrite.check(route.match.path.template)


def test_a_table_of_gloo_says_what_virtual_services_can_say() -> None:
    plain = {"RouteAction", "RedirectAction", "DirectResponseAction"}
    for table in tables(200, gloo=True):
        assert table.http == HttpSettings(normalize_path=True, upgrades=("websocket",))
        for route in table.routes:
            assert all(type(m).__name__.startswith(("Path", "Header", "Query")) for m in route.match)
            assert not set(said_of_match(route.match)) & {
                "PathSeparatedPrefix",
                "Range",
                "HeaderMatcher contains",
                "HeaderMatcher missing_as_empty True",
                "HeaderMatcher present False",
                "QueryParameterMatcher present False",
            }
            assert type(route.action).__name__ in plain
            assert route.mutations is None
            assert not any(destination.mutations for destination in table.destinations)
            assert not set(said_of_action(route.action)) & {
                "use_hash_policy",
                "path FormatRewrite",
                "host by format",
            }
            assert not set(said_of_action(route.action)) & {"mirrors", "header_name", "scheme", "upgrades"}
    assert any(
        d.upstream == "ns.v1" and d.cluster == "v1_ns" for t in tables(20, gloo=True) for d in t.destinations
    )


def test_an_index_counts_within_its_host_and_sizes_are_kept() -> None:
    for table in tables(200):
        assert len(table.virtual_hosts) <= 3
        for host in table.virtual_hosts:
            assert [route.index for route in host.routes] == list(range(len(host.routes)))
            assert len(host.routes) <= 6
    small = find(route_tables(hosts=1, routes=0), lambda table: True, settings=FEW)
    assert len(small.virtual_hosts) == 1
    assert small.routes == ()


def test_tables_travel() -> None:
    for table in tables(150):
        assert pickle.loads(pickle.dumps(table)) == table


# Whether Envoy takes them


def configuration(table: RouteTable) -> tuple[dict[str, Any], dict[str, Any]]:
    """All that a table says, as a RouteConfiguration and the fields of a connection manager."""
    routes = cs.to_envoy(table)
    for written, host in zip(routes["virtual_hosts"], table.virtual_hosts, strict=True):
        written["virtual_clusters"] = [cluster.to_envoy() for cluster in host.virtual_clusters]
        written["request_mirror_policies"] = [mirror.to_envoy() for mirror in host.mirrors]
    flags = ("vhost_header", "ignore_port_in_host_matching", "ignore_path_parameters_in_path_matching")
    routes |= {name: getattr(table, name) for name in flags if getattr(table, name)}
    routes |= {
        "validate_clusters": False,
        "internal_only_headers": list(table.internal_only_headers),
        "request_mirror_policies": [mirror.to_envoy() for mirror in table.mirrors],
    }
    settings = attrs.asdict(
        table.http, filter=lambda field, value: field.name not in ("upgrades", "port") and value
    )
    settings["upgrade_configs"] = [{"upgrade_type": kind} for kind in table.http.upgrades]
    return routes, settings


@pytest.mark.parametrize("gloo", [False, True])
@pytest.mark.parametrize("version", ["1.36", "1.40"])
def test_envoy_accepts_every_table(version: Version, gloo: bool) -> None:
    require_envoy(version)
    made = tables(60, seed=7, envoy=version, gloo=gloo)
    with Judge(version, [configuration(table) for table in made], missing={"gone"}):
        pass  # it would refuse to start


@pytest.mark.parametrize("version", ["1.36", "1.40"])
def test_envoy_accepts_weights_under_a_runtime(version: Version) -> None:
    require_envoy(version)
    made = [table for table in tables(400, seed=8, envoy=version) if table.runtime.items]
    weighted = [
        t for t in made if any(isinstance(r.action, RouteAction) and r.action.runtime_key_prefix for r in t.routes)
    ]
    assert len(weighted) > 5
    for table in weighted[:4]:
        with Judge(version, [configuration(table)], missing={"gone"}, runtime=dict(table.runtime.items)):
            pass


# Requests


def test_requests_can_be_sent_with_http1() -> None:
    random = Random(3)
    for table in tables(150, seed=3):
        for _ in range(20):
            request = _random_request(random, table)
            assert not [note for note in table.see(request).notes if note.startswith("HTTP/1 refuses")]
            assert request.path.isascii()
            assert request.path
            assert not request.metadata
            assert request.certificate is None
            assert not request.internal or ("x-forwarded-for", "10.0.0.1") in request.headers
            assert request.scheme is None or request.authority


def _kind(matcher: Matcher) -> str:
    value = getattr(matcher, "value", None)
    name = type(matcher).__name__
    if isinstance(matcher, HeaderMatcher):
        asks = "presence" if value is None else value.kind if isinstance(value, StringMatcher) else "range"
        return f"{name} {asks}{' inverted' if matcher.invert else ''}"
    if isinstance(matcher, QueryParameterMatcher) and value is None:
        return f"{name} presence"
    return name


def test_every_kind_of_condition_decides_in_both_directions() -> None:
    """Among the requests aimed at a route with it: all conditions hold and no earlier route takes the request, or
    it alone refuses, where again no earlier route takes it.
    """
    random, made = Random(5), tables(1500, seed=5)
    accepts: Counter[str] = Counter()
    refuses: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    taken = aimed = 0
    for table in made:
        for number in range(24):
            request, host, route = make_aimed(Dice(random), table, spoilt=0 if number < 8 else 100)
            found = table.find(request)
            if route is None or found.host is not host or found.needs_tls:
                continue
            indexes = [branch.route.index for branch in found.branches if branch.route is not None]
            certain = found.branches[-1].route
            if number < 8:
                aimed += 1
                taken += route.index in indexes or (certain is not None and certain.index < route.index)
            kinds = {_kind(matcher) for matcher in route.match}
            asked.update(kinds)
            if certain is not None and certain.index < route.index:
                continue
            refused = [m for m in route.match if not verdict(m, found.seen, table.behaviour)]
            if not refused:
                accepts.update(kinds)
            elif len(refused) == 1:
                refuses[_kind(refused[0])] += 1
    lines = [
        f"{kind}: {accepts[kind] / n:.1%} accept, {refuses[kind] / n:.1%} refuse, of {n}"
        for kind, n in asked.items()
    ]
    print(
        f"\n{taken / aimed:.1%} of {aimed} requests reach what they are aimed at, or before\n"
        + "\n".join(sorted(lines))
    )
    assert taken / aimed > 0.7
    assert len(asked) > 20
    for kind, count in asked.items():
        assert accepts[kind] > 0.1 * count, (kind, accepts[kind], count)
        assert refuses[kind] > 0.03 * count, (kind, refuses[kind], count)


def test_conditions_that_need_more_than_http1_are_aimed_at() -> None:
    """Of a table of one's own: certificates, metadata, and a regex that is not simulated."""
    match = RouteMatch(
        PathRegex("/(a*)*b(x|y)*z?"),
        [HeaderMatcher("x-a", StringMatcher("safe_regex", "(a|aa)*c"))],
        tls_context=TlsContextMatcher(presented=True, validated=True),
        dynamic_metadata=[
            MetadataMatcher("f", ("a", "b"), ValueMatcher(StringMatcher("prefix", "v"))),
            MetadataMatcher("f", ("c",), ValueMatcher(True)),
        ],
    )
    host = VirtualHost("h", ["*"], [Route(match, RouteAction([Destination("v1")]))])
    table = RouteTable([host], scheme="https")
    random = Random(0)
    asked = [_random_request(random, table) for _ in range(200)]
    assert {request.certificate for request in asked} == {None, "presented", "validated"}
    assert any(request.metadata == {"f": {"a": {"b": "v"}, "c": True}} for request in asked)
    simulated = attrs.evolve(
        table,
        virtual_hosts=[
            attrs.evolve(
                host,
                routes=[attrs.evolve(host.routes[0], match=attrs.evolve(match, path=PathPrefix("/"), headers=[]))],
            )
        ],
    )
    kinds = Counter(simulated.route(_random_request(random, simulated)).kind for _ in range(200))
    assert kinds["forward"] > 60
    assert kinds["not_found"] > 10


def test_what_formats_and_hashes_read_is_sent_and_missed() -> None:
    """Headers, cookies and query parameters, none of which a condition asks for."""
    policies = [HashPolicy(CookieHash("c")), HashPolicy(QueryParameterHash("q")), HashPolicy(HeaderHash("X-H"))]
    action = RouteAction(
        [Destination("v1", weight=1), Destination("v2", weight=1)],
        weighted=True,
        use_hash_policy=True,
        hash_policies=policies,
        path_rewrite=FormatRewrite("/%REQ(x-path?x-other)%"),
    )
    added = HeaderToAdd("x-new", FormatString("%QUERY_PARAM(v)%"), "ADD_IF_ABSENT")
    mutations = Mutations(HeaderMutations([added], ["x-gone"]))
    route = Route(RouteMatch(PathPrefix("/")), action, mutations=mutations)
    table = RouteTable([VirtualHost("h", ["*"], [route])])
    random = Random(0)
    read: Counter[str] = Counter()
    for _ in range(400):
        request = _random_request(random, table)
        headers = dict(request.headers)
        query = {piece.partition("=")[0] for piece in request.path.partition("?")[2].split("&")}
        read.update(name for name in ("x-h", "x-path", "x-other", "x-new", "x-gone") if name in headers)
        read.update({"q", "v"} & query)
        read.update(["c"] if "c=" in headers.get("cookie", "") else [])
    assert set(read) == {"x-h", "x-path", "x-other", "x-new", "x-gone", "q", "v", "c"}
    assert all(160 < count < 350 for count in read.values()), read


def test_no_header_is_sent_that_cannot_be() -> None:
    names = (":status", "a b", "content-length", "transfer-encoding", "é")
    routes = [
        Route(RouteMatch(PathPrefix("/"), [HeaderMatcher(name)]), RouteAction([Destination("v1")]), index=index)
        for index, name in enumerate(names)
    ]
    table = RouteTable([VirtualHost("h", ["é", "a:65535"], routes)])
    random = Random(0)
    for _ in range(100):
        request = _random_request(random, table)
        assert not {name for name, _ in request.headers} & set(names)
        assert request.authority.isascii()


def test_a_table_without_hosts_is_asked_too() -> None:
    assert RouteTable([]).route(_random_request(Random(0), RouteTable([]))).kind in ("not_found", "rejected")


# Random values


def test_random_values_have_the_edges() -> None:
    random = Random(1)
    split = cs.Split({"v2": 10, "off": 0, "v1": 90})
    values = [_random_value(random, split) for _ in range(600)]
    assert all(0 <= value < 2**64 for value in values)
    assert {0, 9, 10, 99, 100, 2**64 - 1} <= set(values)
    assert {0, 9, 10, 99} <= {value % 100 for value in values if value > 2**63}
    action = RouteAction([Destination("a", weight=3), Destination("b", weight=4)], weighted=True)
    assert {2, 3, 6, 7} <= {_random_value(random, action) for _ in range(300)}
    single = RouteAction([Destination("a")])
    assert {0, 2**64 - 1} <= {_random_value(random, single) for _ in range(100)}


def test_random_values_of_a_table_have_the_edges_of_its_fractions_and_weights() -> None:
    for table in tables(200, seed=4):
        edges = dict(edges_of(table))
        for route in table.routes:
            fraction = route.match.runtime_fraction
            if fraction is not None and not table.runtime.items:
                edge = min(fraction.numerator, fraction.denominator) % fraction.denominator
                assert edge in edges[fraction.denominator]
            action = route.action
            if isinstance(action, RouteAction) and action.weighted and not table.runtime.items:
                assert action.destinations[0].weight % action.total in edges[action.total]


# The laws of a table


def hold_to_the_laws(table: RouteTable, request: cs.Request, value: int) -> None:
    found = table.find(request)
    chances = table.chances(request)
    assert sum((chance.share for _, chance in chances), Fraction(0)) == 1
    holding = [decision for decision, chance in chances if value in chance]
    assert len(holding) == 1
    assert table.route(request, value) == holding[0]
    assert found.under(value).branch is not None
    possible = [decision for decision, chance in chances if chance.share]
    try:
        assert table.route(request) == possible[0]
        assert len({decision.outcome for decision in possible}) == 1
    except RandomValueNeeded as error:
        assert list(error.shares) == [(decision, chance.share) for decision, chance in chances]
    for decision in possible:
        action = None if decision.matched is None else decision.matched.action
        hashes = isinstance(action, RouteAction) and any(
            policy.source == ConnectionHash(source_ip=True) for policy in action.hash_policies
        )
        assert decision.kind != "unknown" or hashes
        assert (decision.kind == "forward") == (decision.cluster is not None)
        for part in ("path", "authority", "request_headers"):
            told = getattr(decision, part) is not None or part in decision.open_parts
            assert told == (decision.kind == "forward")
        assert decision.notes is not None


@FEW
@given(st.data())
def test_generated_tables_keep_the_laws(data: st.DataObject) -> None:
    table = data.draw(route_tables())
    request = data.draw(requests_for(table))
    value = data.draw(random_values(table))
    hold_to_the_laws(table, request, value)
    assert str(cs.preview(table, request))
    assert sum(outcome.share for outcome in cs.preview(table, request)) == 1
    assert str(table)


def test_many_generated_tables_keep_the_laws() -> None:
    random = Random(2)
    for table in tables(150, seed=2):
        edges = edges_of(table)
        for _ in range(8):
            hold_to_the_laws(table, _random_request(random, table), _random_value(random, edges))


def test_every_request_to_a_generated_table_is_explained() -> None:
    random = Random(6)
    for table in tables(120, seed=6):
        for _ in range(3):
            assert str(cs.explain(table, _random_request(random, table)))


# As strategies


def test_what_fails_shrinks_to_small_tables() -> None:
    """From wherever hypothesis starts to a small table, and of two starts from one to the smallest.

    Hypothesis gives up after 500 successful steps, so that from a large table it may stop short of it.
    """

    def redirects(table: RouteTable) -> bool:
        return any(isinstance(route.action, RedirectAction) for route in table.routes)

    asked = settings(max_examples=2000, database=None, parent=FEW)
    found = [find(route_tables(), redirects, settings=asked, random=Random(seed)) for seed in range(2)]
    for table in found:
        assert len(table.virtual_hosts) <= 2
        assert len(table.routes) <= 3
    smallest = RouteMatch(PathPrefix("/"))
    assert any(
        [host.domains for host in table.virtual_hosts] == [("*",)]
        and [(route.match, route.action) for route in table.routes] == [(smallest, RedirectAction())]
        and table.http == HttpSettings()
        and not table.runtime.items
        for table in found
    )


def test_what_fails_shrinks_to_small_requests() -> None:
    match = RouteMatch(PathPrefix("/a"), [HeaderMatcher("x-a", StringMatcher("prefix", "b"))])
    table = RouteTable([VirtualHost("h", ["*"], [Route(match, RouteAction([Destination("v1")]))])])
    request = find(requests_for(table), lambda request: table.route(request).cluster == "v1", settings=FEW)
    # made piece by piece, or found by search: each shrinks to a request of its own
    made = cs.Request("/a", authority="shop.example", headers={"x-a": "b"})
    assert request in (made, cs.Request("/a", headers={"x-a": "b"}))


def test_wrong_arguments_are_refused() -> None:
    wrong: dict[str, Any]
    for wrong in ({"envoy": "1.2"}, {"hosts": 0}, {"routes": -1}):
        with pytest.raises(cs.InvalidValue):
            route_tables(**wrong)


def test_without_hypothesis_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    table = tables(1)[0]
    for ask in (route_tables, lambda: requests_for(table), lambda: random_values(table)):
        with pytest.raises(cs.MissingExtra, match=r"hypothesis: pip install 'canarysim\[hypothesis\]'"):
            ask()


def test_nothing_loads_hypothesis_before_it_is_needed() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = None; import canarysim, canarysim.testing.strategies as s;"
        "import random; t = s._random_table(random.Random(0)); s._random_request(random.Random(0), t)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
