"""The same table of cases as cases.py, of what Gloo's manifests cannot say: Envoy's own configuration.

The expectations were observed on Envoy, and each row is asked of it again in tests/envoy/test_cases.py.
"""

from __future__ import annotations

from typing import Any

import attrs

import canarysim as cs

BOTH = ("1.36", "1.40")


@attrs.frozen
class EnvoyCase:
    """``route`` is the number of the route that wins, None for 404."""

    configuration: dict[str, Any]
    request: cs.Request
    route: int | None
    versions: tuple[str, ...] = BOTH
    http: cs.HttpSettings = attrs.field(factory=cs.HttpSettings)

    def __str__(self) -> str:
        return f"{self.request!r} -> {self.route}"


def table(*matches: dict[str, Any], domains: tuple[str, ...] = ("*",), **fields: Any) -> dict[str, Any]:
    """A route configuration with a route for each match, to the clusters r0, r1, ..., and ``fields`` besides."""
    routes = [{"name": f"r{i}", "match": match, "route": {"cluster": f"r{i}"}} for i, match in enumerate(matches)]
    return {"name": "t", "virtual_hosts": [{"name": "h", "domains": list(domains), "routes": routes}], **fields}


def rows(
    configuration: dict[str, Any],
    *pairs: tuple[cs.Request | str, int | None],
    versions: tuple[str, ...] = BOTH,
    http: cs.HttpSettings | None = None,
) -> list[EnvoyCase]:
    return [
        EnvoyCase(
            configuration,
            cs.Request(request, authority="h") if isinstance(request, str) else request,
            route,
            versions,
            http or cs.HttpSettings(),
        )
        for request, route in pairs
    ]


def first(matcher: dict[str, Any], *, more: Any = None, **match: Any) -> dict[str, Any]:
    """A table whose first route asks one thing, and whose second takes the rest."""
    return table({"prefix": "/", **match, **matcher}, {"prefix": "/"}, **(more or {}))


def header(*values: str, name: str = "x-a") -> cs.Request:
    return cs.Request("/", authority="h", headers=[(name, value) for value in values])


def asks_header(**matcher: Any) -> dict[str, Any]:
    return first({"headers": [{"name": "x-a", **matcher}]})


def yes_no(
    configuration: dict[str, Any],
    yes: list[Any],
    no: list[Any],
    make: Any = lambda asked: asked,
    versions: tuple[str, ...] = BOTH,
) -> list[EnvoyCase]:
    pairs = [(make(asked), 0) for asked in yes] + [(make(asked), 1) for asked in no]
    return rows(configuration, *pairs, versions=versions)


def cookies(*values: str) -> cs.Request:
    return header(*values, name="cookie")


RANGE = asks_header(range_match={"start": -10, "end": 5})
COOKIE = first({"cookies": [{"name": "a", "string_match": {"exact": "1"}}]})


def path(**specifier: Any) -> dict[str, Any]:
    return table(specifier, {"prefix": "/"})


def without_parameters(**specifier: Any) -> dict[str, Any]:
    return table(specifier, {"prefix": "/"}, ignore_path_parameters_in_path_matching=True)


PRESENCE = [
    # present, invert, missing as empty; then: has a value, an empty one, is missing
    (True, False, False, 0, 0, 1),
    (True, True, False, 1, 1, 0),
    (False, False, False, 1, 1, 0),
    (False, True, False, 0, 0, 1),
    (True, False, True, 0, 0, 0),
    (True, True, True, 1, 1, 1),
    (False, False, True, 1, 1, 1),
    (False, True, True, 0, 0, 0),
]

#: What is asked of the values abc and def of one header, and the route that wins on 1.36 and on 1.40.
ASKED_OF_BOTH: list[tuple[dict[str, Any], int, int]] = [
    ({"string_match": {"exact": "abc"}}, 1, 0),
    ({"string_match": {"exact": "def"}}, 1, 0),
    ({"string_match": {"exact": "abc,def"}}, 0, 1),
    ({"string_match": {"exact": "abc"}, "invert_match": True}, 0, 1),
    ({"string_match": {"contains": "c,d"}}, 0, 1),
    ({"string_match": {"suffix": "ef"}}, 0, 0),
]
REPEATED = [
    case
    for matcher, old, new in ASKED_OF_BOTH
    for version, route in [("1.36", old), ("1.40", new)]
    for case in rows(asks_header(**matcher), (header("abc", "def"), route), versions=(version,))
]

HEADERS = [
    *yes_no(
        RANGE,
        ["-10", "4", "0", "+3", "-0", " 3 ", "003"],
        ["-11", "5", "3.0", "0x1", "1e0", "", "- 3", "+-3", "--3", "9223372036854775808"],
        header,
    ),
    *[
        case
        for present, invert, empty, value, blank, missing in PRESENCE
        for case in rows(
            asks_header(present_match=present, invert_match=invert, treat_missing_header_as_empty=empty),
            (header("v"), value),
            (header(""), blank),
            (header(), missing),
        )
    ],
    *yes_no(asks_header(exact_match=""), [header("v"), header("")], [header()]),
    *yes_no(asks_header(exact_match="", invert_match=True), [], [header("v"), header(""), header()]),
    *yes_no(asks_header(string_match={"exact": ""}), [header("")], [header("v"), header()]),
    *yes_no(
        asks_header(string_match={"exact": ""}, treat_missing_header_as_empty=True),
        [header(""), header()],
        [header("v")],
    ),
    *yes_no(
        asks_header(string_match={"exact": "v"}, treat_missing_header_as_empty=True, invert_match=True),
        [header(""), header()],
        [header("v")],
    ),
    *yes_no(asks_header(string_match={"prefix": "ab"}), ["ab", "abc"], ["a", "ABc", "xab"], header),
    *yes_no(asks_header(string_match={"suffix": "ab"}), ["ab", "cab"], ["b", "AB", "abx"], header),
    *yes_no(asks_header(string_match={"contains": "ab"}), ["ab", "xabx"], ["axb", "xAB"], header),
    *yes_no(asks_header(string_match={"contains": "aB", "ignore_case": True}), ["ab", "xAbx"], ["axb"], header),
    *yes_no(asks_header(string_match={"exact": "É", "ignore_case": True}), ["É"], ["é"], header),
    *yes_no(asks_header(prefix_match="ab"), ["ab", "abc"], ["a"], header),
    *yes_no(asks_header(contains_match="ab"), ["xabx"], ["a"], header),
    *yes_no(asks_header(safe_regex_match={"regex": "a.*"}), ["ab"], ["ba"], header),
    # repeated headers: 1.40 tries each value, 1.36 their join
    *REPEATED,
    *rows(RANGE, (header("3", "4"), 1), versions=("1.36",)),
    *rows(RANGE, (header("3", "4"), 0), versions=("1.40",)),
]

COOKIES = yes_no(
    COOKIE,
    [
        *(["a=1"], ["b=1; a=1"], ["b=1;a=1"], ["a=1; a=2"], ['a="1"'], [" a=1"], ["a=1 "], ["a=1;"], [";a=1"]),
        *(["a;a=1"], ["a=1", "a=2"]),
    ],
    [
        *([], ["a"], ["a="], ["a=2; a=1"], ["A=1"], ["a= 1"], ["a =1"], ["a=1=2"], ['a="1'], ["a=%31"]),
        ["a=1, b=2"],
    ],
    lambda values: cookies(*values),
    versions=("1.40",),
) + yes_no(
    first({"cookies": [{"name": "a", "string_match": {"exact": "1"}, "invert_match": True}]}),
    [[], ["a=2"]],
    [["a=1"]],
    lambda values: cookies(*values),
    versions=("1.40",),
)

PATHS = [
    *yes_no(
        path(path_separated_prefix="/foo/bar"),
        ["/foo/bar", "/foo/bar/", "/foo/bar/x", "/foo/bar?x"],
        ["/foo/barx", "/foo/bar;x", "/foo/bar%2f", "/foo/ba", "/FOO/bar"],
    ),
    *yes_no(
        path(path_separated_prefix="/foo/bar", case_sensitive=False), ["/FOO/Bar", "/foo/BAR/x"], ["/foo/barx"]
    ),
    *yes_no(
        without_parameters(path="/a/b/c"),
        ["/a;x/b;y/c;z", "/a/b/c;?x"],
        ["/a/b;/", "/a%3Bx/b/c"],
        versions=("1.40",),
    ),
    *yes_no(
        without_parameters(path="/a"),
        ["/a;x", "/a;", "/a;x?y;z", "/a;x=%2Fb"],
        ["/a;/", "/a%3Bx", "/a;x=/a/b"],
        versions=("1.40",),
    ),
    *yes_no(without_parameters(path="/a"), ["/a;x", "/a;/", "/a;x/b;y"], ["/a%3Bx"], versions=("1.36",)),
    *yes_no(without_parameters(prefix="/pre;y"), [], ["/pre;y", "/pre"]),
    *yes_no(path(connect_matcher={}), [], ["/"]),
    *yes_no(
        first({"grpc": {}}),
        ["application/grpc", "application/grpc+proto"],
        ["application/grpc;x", "application/grpc-web", "application/grpcx", "APPLICATION/grpc"],
        lambda value: header(value, name="content-type"),
    ),
    *rows(first({"tls_context": {"presented": False}}), ("/", 0)),
    *rows(first({"tls_context": {"presented": True}}), ("/", 1)),
    *rows(first({"tls_context": {"validated": False}}), ("/", 0)),
    *rows(first({"tls_context": {}}), ("/", 0)),
    *rows(
        first({"dynamic_metadata": [{"filter": "f", "path": [{"key": "k"}], "value": {"present_match": False}}]}),
        ("/", 1),
    ),
    *rows(
        first(
            {
                "dynamic_metadata": [
                    {"filter": "f", "path": [{"key": "k"}], "value": {"present_match": True}, "invert": True}
                ]
            }
        ),
        ("/", 0),
    ),
    *rows(first({"runtime_fraction": {"default_value": {"numerator": 0}}}), ("/", 1)),
    *rows(first({"runtime_fraction": {"default_value": {"numerator": 250}}}), ("/", 0)),
]

QUERIES = [
    *yes_no(first({"query_parameters": [{"name": "a", "present_match": False}]}), ["/", "/?b"], ["/?a", "/?a=1"]),
    *yes_no(first({"query_parameters": [{"name": "a", "present_match": True}]}), ["/?a", "/?b&a=1"], ["/", "/?b"]),
    *yes_no(
        first({"query_parameters": [{"name": "a", "string_match": {"prefix": "x", "ignore_case": True}}]}),
        ["/?a=xy", "/?a=Xy"],
        ["/?a=yx", "/?a"],
    ),
]

CASES = [*HEADERS, *COOKIES, *PATHS, *QUERIES]

#: Hosts under ``ignore_port_in_host_matching``, and the domain of test_hosts.py, or the default, that takes each.
HOSTS_WITHOUT_PORT = {
    "www.foo.com:80": "www.foo.com",
    "p.io:8080": "*",
    "foo.bar:99": "foo.*",
    "[::1]:7": "[::1]",
    "www.foo.com:abc": "www.foo.com",
    "www.foo.com:": "www.foo.com",
    "www.foo.com:80:90": "*",
    ":80": "*",
}


def domains_table(domains: list[str], **fields: Any) -> dict[str, Any]:
    hosts = [
        {
            "name": f"h{number}",
            "domains": [domain],
            "routes": [{"name": domain, "match": {"prefix": "/"}, "route": {"cluster": f"c{number}"}}],
        }
        for number, domain in enumerate(domains)
    ]
    return {"name": "t", "virtual_hosts": hosts, **fields}


#: The value of ``header_name``, and which of ten clusters of weight 1 it picks; None where chance does.
PICKS: dict[str, int | None] = {
    "0": 0,
    "9": 9,
    "10": 0,
    "18446744073709551615": 5,
    "18446744073709551609": 9,
    "+7": 7,
    " 7 ": 7,
    "7\t": 7,
    "007": 7,
    **dict.fromkeys(["18446744073709551616", "-1", "-0", "0x7", "7.0", "", "7,7", "1e3", "+", "7 7", "7_0"]),
}


def picked_by_header() -> dict[str, Any]:
    found = table({"prefix": "/"})
    clusters = [{"name": f"c{number}", "weight": 1} for number in range(10)]
    weighted = {"clusters": clusters, "header_name": "X-Pick"}
    found["virtual_hosts"][0]["routes"][0]["route"] = {"weighted_clusters": weighted}
    return found


def pick(*values: str) -> cs.Request:
    return header(*values, name="x-pick")
