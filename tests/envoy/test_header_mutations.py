"""Format strings and header mutations against Envoy itself, on requests and on its own responses."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from canarysim.errors import InvalidValue
from canarysim.request import Request
from canarysim.table.behaviour import behaviour_of
from canarysim.table.formats import FormatString
from canarysim.table.http import HttpSettings, Invented, Seen, see
from canarysim.table.mutations import (
    HeaderMutations,
    HeaderToAdd,
    Mutated,
    apply_all,
    direct_response_headers,
    in_order,
    sent_upstream,
)

from ..test_mutations_of_headers import ACCEPTED, CASES, REFUSED, RENDERED, RENDERED_FROM, Stand
from .judge import Judge, Raw, Table, Version, refuses

Pair = tuple[str, str]
Levels = tuple[HeaderMutations, HeaderMutations, HeaderMutations, HeaderMutations]  # entry, route, host, table

ACTIONS = [
    "APPEND_IF_EXISTS_OR_ADD",
    "ADD_IF_ABSENT",
    "OVERWRITE_IF_EXISTS_OR_ADD",
    "OVERWRITE_IF_EXISTS",
]
NAMES = ["x-a", "X-B", "x-c", "user-agent", "cookie", "via", "x-request-id", "x-forwarded-proto", "cdn-loop"]
ODD_NAMES = ["x-envoy-retry-on", "x-envoy-original-path", "x-forwarded-for"]
RESPONSE_NAMES = [
    *("x-a", "X-B", "etag", "set-cookie", "location", "content-type", "server", "date"),
    *("content-length", "via", "connection", "keep-alive", "user-agent", "vary", "x-request-id", "upgrade"),
]
VALUES = [
    *("", "1", "two", " sp ", "é", "%%", "%REQ(x-a)%", "[%REQ(x-b?x-c)%]", "%REQ(x-c):2%", "%REQ(:path)%-"),
    *("%REQ(HOST)%", "%REQ(cookie)%", "%PATH(NQ)%", "%PATH%", "[%PATH(WQ:ORIG):3%]", "%QUERY_PARAM(k)%"),
    *("%REQ(:method)%%REQ(:scheme)%", "%RESP(etag)%", "[%RESP(x-a?location)%]", "%TRAILER(x-a)%", "%REQ(none?)%"),
    *("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "%REQ(x-forwarded-proto)%", "%STREAM_INFO_REQ(user-agent)%"),
    *("%RESP(:status)%", "%REQ(via)%"),
]
#: Values that a request does not tell, two of them empty in fact.
OPEN_VALUES = [
    "%STREAM_ID%",
    "%START_TIME(%s)%",
    "[%REQ(x-request-id)%]",
    "%UPSTREAM_HOST%",
    "%VIRTUAL_CLUSTER_NAME%",
]


def random_level(random: Random, names: Sequence[str], values: Sequence[str] = VALUES) -> HeaderMutations:
    added = [
        HeaderToAdd(
            random.choice(names),
            FormatString(random.choice(values) + random.choice(["", "", "x", random.choice(values)])),
            random.choice(ACTIONS),  # type: ignore[arg-type]
            random.random() < 0.3,
        )
        for _ in range(random.choice([0, 1, 1, 2, 3, 5]))
    ]
    return HeaderMutations(added, random.choices(names, k=random.choice([0, 0, 0, 1, 2])))


def random_levels(random: Random, names: Sequence[str], values: Sequence[str] = VALUES) -> Levels:
    one, two, three, four = (
        random_level(random, names, values) if random.random() < 0.7 else HeaderMutations() for _ in range(4)
    )
    return one, two, three, four


def random_request(random: Random, host: str) -> Raw:
    pool = [*NAMES[:6], "cdn-loop", "x-envoy-original-path"]
    headers = [
        (random.choice(pool), random.choice(["", "1", "a  b", "\xc3\xa9", "long value", "k=v"]))
        for _ in range(random.choice([0, 1, 3, 5]))
    ]
    return Raw(random.choice(["/", "/p/q", "/p?k=v", "/?k=&z", "/p??k=1"]), host=host, headers=headers)


def stand(raw: Raw, version: Version) -> Stand:
    """What the router sees of a request, and the headers in Envoy's map."""
    text = [(n, v.encode("latin-1").decode("utf-8", "surrogateescape")) for n, v in raw.headers]
    request = Request(raw.target, method=raw.method, authority=raw.host or "", headers=text)
    seen = see(request, HttpSettings(), envoy=behaviour_of(version), scheme="http")
    return Stand(seen.path, seen.authority, with_envoys_own(seen, raw), method=seen.method, address="127.0.0.1")


def with_envoys_own(seen: Seen, raw: Raw) -> tuple[Pair, ...]:
    """All headers in Envoy's map, in the order of the wire, which Seen does not keep."""
    values: dict[str, list[str]] = {}
    for name, value in seen.fields:
        values.setdefault(name, []).append(value)
    if "cdn-loop" in values:  # it can stand only once, too
        values["cdn-loop"] = [",".join(filter(None, values["cdn-loop"]))]
    names = [name.lower() for name, _ in raw.headers if name.lower() in values]
    fields = [(name, values[name].pop(0)) for name in names if values[name]]
    own = [("x-forwarded-proto", "http"), ("x-request-id", Invented("<uuid>"))]
    return (*fields, *(pair for pair in own if pair[0] not in names))


def fields_of(levels: HeaderMutations, of: str) -> dict[str, Any]:
    return levels.to_envoy(of)  # type: ignore[arg-type]


def agree(ours: Mutated, theirs: Sequence[Pair], *, ordered: bool = True) -> bool:
    """Whether all known headers are there, what Envoy makes up being a wild card.

    ``ordered`` if so are their names; each name's values are.
    """
    mine = list(ours.fields)
    theirs = [pair for pair in theirs if pair[0] not in ours.open]
    if not ordered:
        mine, theirs = (sorted(pairs, key=lambda pair: pair[0]) for pairs in (mine, theirs))
    return [name for name, _ in mine] == [name for name, _ in theirs] and all(
        value == got or isinstance(value, Invented) for (_, value), (_, got) in zip(mine, theirs, strict=True)
    )


def request_differences(
    version: Version, seed: int, tables: int, hosts: int, each: int, values: Sequence[str] = VALUES
) -> tuple[int, int, list[Any]]:
    """How many were asked, how many of them had headers left open, and on which Envoy sends something else."""
    random = Random(seed)
    names = [*NAMES, *ODD_NAMES]
    plans = []
    for _ in range(tables):
        table, most_specific = random_level(random, names, values), random.random() < 0.5
        plans.append((table, most_specific, [random_levels(random, names, values) for _ in range(hosts)]))

    def virtual_host(number: int, levels: Levels) -> dict[str, Any]:
        entry, route, host, _ = levels
        weighted = {"clusters": [{"name": "c", "weight": 1, **fields_of(entry, "request")}]}
        action = {"match": {"prefix": ""}, "route": {"weighted_clusters": weighted}, **fields_of(route, "request")}
        return {
            "name": f"v{number}",
            "domains": [f"h{number}"],
            "routes": [action],
            **fields_of(host, "request"),
        }

    listeners: list[Table] = [
        (
            {
                "virtual_hosts": [virtual_host(n, levels) for n, levels in enumerate(hosts_of)],
                "most_specific_header_mutations_wins": most_specific,
                **fields_of(table, "request"),
            },
            {},
        )
        for table, most_specific, hosts_of in plans
    ]
    asked, left_open = 0, 0
    found: list[Any] = []
    with Judge(version, listeners) as judge:
        for index, (table, most_specific, hosts_of) in enumerate(plans):
            raws = [random_request(random, f"h{n}") for n in range(hosts) for _ in range(each)]
            for raw, verdict in zip(raws, judge.ask(index, raws), strict=True):
                entry, route, host, _ = hosts_of[int((raw.host or "")[1:])]
                seen = stand(raw, version)
                levels = in_order(entry, route, host, table, most_specific_wins=most_specific)
                ours = sent_upstream(apply_all(levels, seen.fields, seen), version)
                asked += 1
                left_open += bool(ours.open)
                if verdict.headers is None or not agree(ours, verdict.headers, ordered=values is VALUES):
                    found.append((raw, levels, ours, verdict))
    return asked, left_open, found


def test_generated_mutations_of_requests_are_what_envoy_sends(envoy: Version) -> None:
    asked, left_open, found = request_differences(envoy, 1, tables=3, hosts=60, each=3)
    assert asked == 540
    assert found == []
    assert left_open < 150  # only those with x-request-id and its like


def test_headers_that_are_not_left_open_are_what_envoy_sends(envoy: Version) -> None:
    values = [*VALUES, *OPEN_VALUES, *OPEN_VALUES]
    asked, left_open, found = request_differences(envoy, 2, tables=2, hosts=60, each=2, values=values)
    assert asked == 240
    assert left_open > 100
    assert found == []


def config(*routes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": list(routes)}], **more}


def with_values(values: Sequence[str], of: str = "request") -> dict[str, Any]:
    added = [{"header": {"key": f"y-{n}", "value": value}} for n, value in enumerate(values)]
    return config({"match": {"prefix": ""}, "route": {"cluster": "c"}, f"{of}_headers_to_add": added})


def accepts(text: str, version: Version) -> bool:
    try:
        return FormatString(text).why_refused(version) is None
    except InvalidValue:
        return False


def test_formats_are_loaded_as_envoy_loads_them(envoy: Version) -> None:
    loaded = [text for text in ACCEPTED if accepts(text, envoy)]
    assert refuses(envoy, with_values(loaded)) is None
    refused = REFUSED[envoy == "1.36" :: 2]  # each takes a start of Envoy, and the versions do the same
    others = [text for text in ACCEPTED if text not in loaded] + refused
    assert [text for text in others if accepts(text, envoy)] == []
    assert [text for text in others if refuses(envoy, with_values([text])) is None] == []


def test_formats_render_as_envoy_does(envoy: Version) -> None:
    texts = [text for text in RENDERED if accepts(text, envoy)]
    with Judge(envoy, [(with_values(texts), {})]) as judge:
        (verdict,) = judge.ask(0, [RENDERED_FROM])
    seen = stand(RENDERED_FROM, envoy)
    ours = {text: FormatString(text).render(seen, seen.fields) for text in texts}
    theirs = {text: "".join(verdict.header(f"y-{n}")) for n, text in enumerate(texts)}
    assert len(texts) > 40
    assert ours == theirs


@pytest.mark.parametrize("field, missing", [("path_rewrite", ""), ("host_rewrite", "-")])
def test_formats_of_rewrites_print_a_missing_value_as_told(field: str, missing: str) -> None:
    texts = [f"/{text}" for text in RENDERED]

    def virtual_host(number: int, text: str) -> dict[str, Any]:
        route = {"match": {"prefix": ""}, "route": {"cluster": "c", field: text}}
        return {"name": f"v{number}", "domains": [f"h{number}"], "routes": [route]}

    table = {"virtual_hosts": [virtual_host(n, text) for n, text in enumerate(texts)]}
    raws = [Raw(RENDERED_FROM.target, host=f"h{n}", headers=RENDERED_FROM.headers) for n in range(len(texts))]
    with Judge("1.40", [(table, {})]) as judge:
        verdicts = judge.ask(0, raws)
    for text, raw, verdict in zip(texts, raws, verdicts, strict=True):
        seen = stand(raw, "1.40")
        ours = FormatString(text, in_header=False).render(seen, seen.fields, missing=missing)
        theirs = verdict.authority if field == "host_rewrite" else (verdict.path or "").removesuffix("?k=v1&z&e=")
        assert (text, ours) == (text, theirs)


def test_the_cases_are_what_envoy_sends(envoy: Version) -> None:
    def virtual_host(number: int, level: HeaderMutations) -> dict[str, Any]:
        route = {"match": {"prefix": ""}, "route": {"cluster": "c"}, **level.to_envoy("request")}
        return {"name": f"v{number}", "domains": [f"h{number}"], "routes": [route]}

    table = {"virtual_hosts": [virtual_host(n, level) for n, (level, _, _) in enumerate(CASES)]}
    with Judge(envoy, [(table, {})]) as judge:
        verdicts = judge.ask(0, [Raw(host=f"h{n}", headers=before) for n, (_, before, _) in enumerate(CASES)])
    own = ("x-forwarded-proto", "x-request-id")
    assert [[pair for pair in v.headers or () if pair[0] not in own] for v in verdicts] == [
        list(after) for _, _, after in CASES
    ]


@pytest.mark.parametrize("of", ["request", "response"])
def test_names_and_values_are_refused_where_envoy_refuses_them(envoy: Version, of: str) -> None:
    def adds(name: str) -> bool:
        try:
            HeaderToAdd(name, FormatString("x"))
        except InvalidValue:
            return False
        return True

    def removes(name: str) -> bool:
        try:
            HeaderMutations(remove=[name])
        except InvalidValue:
            return False
        return True

    names = ["", ":path", "HOST", "a b:é", "a\nb", "x" * 16384, "x" * 16385]
    base = {"match": {"prefix": ""}, "route": {"cluster": "c"}}
    for name in names:
        added = config({**base, f"{of}_headers_to_add": [{"header": {"key": name, "value": "x"}}]})
        assert (name, adds(name)) == (name, refuses(envoy, added) is None)
        removed = config({**base, f"{of}_headers_to_remove": [name]})
        assert (name, removes(name)) == (name, refuses(envoy, removed) is None)


def test_retry_and_timeout_headers_are_dropped(envoy: Version) -> None:
    names = """
        x-envoy-hedge-on-per-try-timeout x-envoy-max-retries x-envoy-retriable-header-names
        x-envoy-retriable-status-codes x-envoy-retry-grpc-on x-envoy-retry-on x-envoy-upstream-rq-timeout-ms
        x-envoy-upstream-rq-per-try-timeout-ms x-envoy-upstream-rq-timeout-alt-response x-envoy-internal
        x-envoy-upstream-stream-duration-ms x-envoy-upstream-alt-stat-name x-envoy-force-trace x-envoy-ip-tags
        """.split()
    level = HeaderMutations([HeaderToAdd(name, FormatString("30000")) for name in names])
    route = {"match": {"prefix": ""}, "route": {"cluster": "c"}, **level.to_envoy()}
    with Judge(envoy, [(config(route), {})]) as judge:
        (verdict,) = judge.ask(0, [Raw()])
    seen = stand(Raw(), envoy)
    ours = sent_upstream(apply_all([level], seen.fields, seen), envoy)
    assert agree(ours, verdict.headers or ())
    assert len(ours.fields) == (6 if envoy == "1.36" else 7)


def test_the_host_of_a_weighted_entry_is_seen_by_the_levels_behind_it(envoy: Version) -> None:
    host = FormatString("%REQ(:authority)%")
    entry, route = (HeaderMutations([HeaderToAdd(name, host)]) for name in ("by-entry", "by-route"))
    cluster = {"name": "c", "weight": 1, "host_rewrite_literal": "new", **entry.to_envoy()}
    action = {"match": {"prefix": ""}, "route": {"weighted_clusters": {"clusters": [cluster]}}, **route.to_envoy()}
    with Judge(envoy, [(config(action), {})]) as judge:
        (verdict,) = judge.ask(0, [Raw(host="old")])
    assert (verdict.header("by-entry"), verdict.header("by-route")) == (["old"], ["new"])
    seen, then = Stand("/", "old", ()), Stand("/", "new", ())
    found = apply_all([route], apply_all([entry], (), seen), then)
    assert found.fields == (("by-entry", "old"), ("by-route", "new"))


def answers(judge: Judge, table: int, requests: Sequence[Raw]) -> list[tuple[int, tuple[Pair, ...]]]:
    """Status and headers as a client gets them, which the judge does not tell."""
    found = []
    for request in requests:
        number = next(judge._connections)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(f"{judge._folder}/t{table}")
            sock.settimeout(0.01)
            own = f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            sock.sendall(f"PROXY TCP4 127.0.0.1 {own} 50000 80\r\n".encode() + request.wire)
            text = b""
            while b"\r\n\r\n" not in text:
                try:
                    text += sock.recv(1 << 16)
                except TimeoutError:
                    judge._turn(0.01)  # the answer may wait for ours
        line, *rest = text.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        pairs = tuple(
            (name, value.removeprefix(" ")) for name, _, value in (field.partition(":") for field in rest)
        )
        found.append((int(line.split(" ")[1]), pairs))
    return found


RESPONSES: list[tuple[int, str]] = [
    (200, ""),
    (200, "hé"),
    (204, ""),
    (205, ""),
    (304, ""),
    (404, "no"),
    (599, ""),
]
LOCATED = [(201, "x"), (301, ""), (303, "x"), (304, "x"), (399, "")]


def response_differences(version: Version, seed: int, hosts: int, each: int) -> tuple[int, list[Any]]:
    random = Random(seed)
    table = random_level(random, RESPONSE_NAMES)
    plans = [
        (random.choice([*RESPONSES, *LOCATED, (0, "")]), random_levels(random, RESPONSE_NAMES))
        for _ in range(hosts)
    ]

    def virtual_host(number: int, answer: tuple[int, str], levels: Levels) -> dict[str, Any]:
        _, route, host, _ = levels
        status, body = answer
        direct = {"status": status, **({"body": {"inline_string": body}} if body else {})}
        action = {"direct_response": direct} if status else {"redirect": {"path_redirect": "/new"}}
        return {
            "name": f"v{number}",
            "domains": [f"h{number}"],
            "routes": [{"match": {"prefix": ""}, **action, **fields_of(route, "response")}],
            **fields_of(host, "response"),
        }

    virtual_hosts = [virtual_host(n, *plan) for n, plan in enumerate(plans)]
    config = {"virtual_hosts": virtual_hosts, **fields_of(table, "response")}
    asked, found = 0, []
    with Judge(version, [(config, {})]) as judge:
        raws = [random_request(random, f"h{n}") for n in range(hosts) for _ in range(each)]
        raws = [
            Raw(r.target, method=random.choice(["GET", "GET", "HEAD"]), host=r.host, headers=r.headers)
            for r in raws
        ]
        for raw, (got, theirs) in zip(raws, answers(judge, 0, raws), strict=True):
            (status, body), (_, route, host, _) = plans[int((raw.host or "")[1:])]
            seen = stand(raw, version)
            location = None
            if not status:
                location = f"http://{raw.host}/new" + raw.target[raw.target.find("?") :] * ("?" in raw.target)
            elif (status, body) in LOCATED or status == 304:
                location = f"http://{raw.host}{raw.target}"
            levels = in_order(None, route, host, table)
            ours = direct_response_headers(
                status or 301, body, location, levels, seen, seen.fields, version, method=raw.method
            )
            asked += 1
            if got != (status or 301) or not agree(ours, theirs):
                found.append((raw, status, body, levels, ours, theirs))
    return asked, found


def test_generated_mutations_of_direct_responses_are_what_the_client_gets(envoy: Version) -> None:
    asked, found = response_differences(envoy, 1, hosts=150, each=2)
    assert asked == 300
    assert found == []


def test_generated_mutations_of_upstreams_responses_are_what_the_client_gets(envoy: Version) -> None:
    random = Random(3)
    names = ["x-a", "X-B", "etag", "set-cookie", "location", "content-type", "via", "vary", "x-judge-seen"]
    plans = [(random_level(random, NAMES[:6]), random_levels(random, names)) for _ in range(60)]

    def virtual_host(number: int, request: HeaderMutations, levels: Levels) -> dict[str, Any]:
        entry, route, host, _ = levels
        weighted = {"clusters": [{"name": "c", "weight": 1, **fields_of(entry, "response")}]}
        action = {
            "match": {"prefix": ""},
            "route": {"weighted_clusters": weighted},
            **fields_of(route, "response"),
        }
        return {
            "name": f"v{number}",
            "domains": [f"h{number}"],
            "routes": [{**action, **fields_of(request, "request")}],
            **fields_of(host, "response"),
        }

    table = {"virtual_hosts": [virtual_host(n, *plan) for n, plan in enumerate(plans)]}
    raws = [random_request(random, f"h{n}") for n in range(60)]
    with Judge(envoy, [(table, {})]) as judge:
        found = answers(judge, 0, raws)
    for number, (raw, (request, levels), (status, theirs)) in enumerate(zip(raws, plans, found, strict=True)):
        seen = stand(raw, envoy)
        sent = apply_all([request], seen.fields, seen)
        upstreams = [(":status", "200"), ("x-judge-seen", str(number)), ("content-length", "0")]
        start = [*upstreams, ("x-envoy-upstream-service-time", Invented("<milliseconds>"))]
        ours = apply_all(in_order(*levels[:3], None), start, seen, request=sent)
        expected = Mutated(ours.fields[1:], ours.open)
        assert status == 200
        assert agree(expected, theirs[:-2]), (raw, levels, ours, theirs)
        assert [name for name, _ in theirs[-2:]] == ["date", "server"]
