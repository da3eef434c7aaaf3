"""Answers as HTML: escaped, well formed, small, and the same answers as in text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import canarysim as cs
from canarysim.faces.html import explanation_html, preview_html, simulation_html, table_html
from canarysim.faces.markup import Html, bar, el, join, short, visible
from canarysim.problems import Problem, Severity, Where
from canarysim.table.actions import Destination, RouteAction, Unknown
from canarysim.table.hosts import VirtualHost
from canarysim.table.matchers import HeaderMatcher, PathPrefix
from canarysim.table.redirects import DirectResponseAction, RedirectAction
from canarysim.table.rewrites import HostRewrite, PrefixRewrite
from canarysim.table.routes import Action, Route, RouteMatch
from canarysim.table.strings import StringMatcher

ROOT = Path(__file__).parent.parent
SHOP = cs.load(ROOT / "notebooks" / "manifests" / "routes", table="gateway-proxy")

TAGS = {
    "div",
    "span",
    "code",
    "strong",
    "mark",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "ol",
    "li",
    "details",
}
TAGS |= {"summary", "br"}
ATTRIBUTES = {"style", "title", "role", "aria-label", "scope", "colspan", "value", "open"}


class Page(HTMLParser):
    """Checks that tags are balanced and harmless, and keeps the text, the labels and the rows."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.text = ""
        self.labels: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        given = dict(attrs)
        assert set(given) <= ATTRIBUTES, tag
        assert "url(" not in (given.get("style") or "")
        self.tags.append((tag, given))
        if given.get("role") == "img":
            self.labels.append(given["aria-label"] or "")
        if tag != "br":
            self.stack.append(tag)
        if tag in ("td", "th", "li", "div", "br"):
            self.text += "\n"

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)


def table_of(*actions: Action, paths: tuple[str, ...] = (), unknowns: tuple[Unknown, ...] = ()) -> cs.RouteTable:
    names = paths or tuple(f"/{i}" for i in range(len(actions)))
    routes = [
        Route(RouteMatch(PathPrefix(path)), action, name=f"r{i}", index=i, unknowns=unknowns)
        for i, (path, action) in enumerate(zip(names, actions, strict=True))
    ]
    return cs.RouteTable([VirtualHost("h", ["*"], routes)])


def to(cluster: str, **more: str) -> RouteAction:
    return RouteAction([Destination(cluster, **more)])  # type: ignore[arg-type]


def every_answer(table: cs.RouteTable, request: cs.Request | str) -> list[Page]:
    return [
        Page(table_html(table)),
        Page(preview_html(cs.preview(table, request))),
        Page(explanation_html(cs.explain(table, request))),
        Page(explanation_html(cs.explain(table, request, random_value=7))),
        Page(simulation_html(cs.simulate(table, request, 100, rng=1))),
        Page(simulation_html(cs.simulate(table, request, 0, rng=1))),
    ]


# Escaping

HOSTILE = "<script>alert('1')</script>\"&amp;<!-- \\"


def test_what_comes_from_manifests_and_requests_is_text() -> None:
    problem = Problem("x", Severity.WARNING, HOSTILE, Where(HOSTILE, 3, 1), HOSTILE)
    action = RouteAction(
        [Destination(HOSTILE, function=HOSTILE, weight=1), Destination("b" + HOSTILE, weight=2)],
        weighted=True,
        path_rewrite=PrefixRewrite(HOSTILE),
        host_rewrite=HostRewrite(literal=HOSTILE),
    )
    header = HeaderMatcher("x-" + HOSTILE, StringMatcher("exact", HOSTILE))
    routes = [
        Route(RouteMatch(PathPrefix("/" + HOSTILE)), action, name=HOSTILE, index=1, origin=HOSTILE),
        Route(
            RouteMatch(PathPrefix("/" + HOSTILE), [header]), action, name=HOSTILE, index=2, source=problem.where
        ),
        Route(RouteMatch(PathPrefix("/u")), action, index=3, unknowns=(Unknown(problem),)),
    ]
    refused = Route(
        RouteMatch(PathPrefix("/" + HOSTILE), [header]), to(HOSTILE), name=HOSTILE, source=problem.where
    )
    host = VirtualHost(HOSTILE, ["*" + HOSTILE, "*"], [refused, *routes], source=problem.where)
    table = cs.RouteTable([host], name=HOSTILE)
    shown = [
        page.text
        for request in (
            cs.Request("/" + HOSTILE, headers={"x-" + HOSTILE: "no" + HOSTILE}, authority=HOSTILE),
            cs.Request("/u"),
            cs.Request("/other" + HOSTILE, method="GET", authority="a" + HOSTILE),
        )
        for page in every_answer(table, request)
    ]
    assert "<script>alert('1')</script>" in shown[0]
    for text in shown[:5]:
        assert HOSTILE in text or HOSTILE.replace("\\", "\\\\") in text


@pytest.mark.parametrize("text", ["\0", "\x1b[31m", "\x7f", "\u202e", "\u200b", "\ud800", "\x85", "\n", "\t"])
def test_what_cannot_be_seen_is_shown_as_an_escape(text: str) -> None:
    assert text not in el("div", "a" + text, title=text)
    assert visible(text).isascii()


def test_bytes_and_control_characters_of_requests_can_be_seen() -> None:
    table = table_of(to("c"), paths=("/",))
    request = cs.Request("/\udcff\u202ex", headers={"x-a": "\x01\xe9"})
    for page in every_answer(table, request)[1:4]:
        assert "\u202e" not in page.text
        assert "\x01" not in page.text


def test_markup_is_not_escaped_twice_and_text_always_is() -> None:
    assert join("<", Html("<br>"), "&") == "&lt;<br>&amp;"
    assert el("td", el("b", "&"), title='"') == '<td title="&quot;"><b>&amp;</b></td>'
    assert Page(bar(0.5, '"<>', low=0, high=1)).labels == ['"<>']


# Every kind of decision


@pytest.mark.parametrize(
    ("table", "request_text", "kind", "words"),
    [
        (table_of(to("c", function="f")), "GET /0", "forward", "c f"),
        (table_of(RedirectAction(host="b")), "GET /0?q=1", "redirect", "redirect (301) to http://b/0?q=1"),
        (table_of(DirectResponseAction(status=418)), "GET /0", "direct_response", "response 418"),
        (table_of(to("c")), "GET /x", "not_found", "no route (404)"),
        (cs.RouteTable([VirtualHost("h", ["a.example"])]), "GET /", "not_found", "no virtual host (404)"),
        (
            table_of(to("c"), unknowns=(Unknown(Problem("x", "warning", "who knows")),)),
            "GET /0",
            "unknown",
            "who knows",
        ),
        (table_of(to("c")), "GET /0#x", "rejected", "rejected ("),
        (
            cs.RouteTable([VirtualHost("h", ["*"], require_tls=True)]),
            "GET http://a/x",
            "tls_redirect",
            "to https://a/x",
        ),
        (table_of(RouteAction(cluster_header="x-c")), "GET /0", "cluster_not_found", "no such cluster (503)"),
        (table_of(RouteAction(cluster_header="x-c")), "GET /0 x-c:here", "forward", "here"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_every_kind_of_decision_is_shown(table: cs.RouteTable, request_text: str, kind: str, words: str) -> None:
    assert table.route(cs.Request.parse(request_text)).kind == kind
    _, preview, explanation, explained, simulation, _ = every_answer(table, request_text)
    for page in (preview, explanation, explained):
        assert words in page.text
    assert {"redirect": "redirect (301)", "tls_redirect": "redirect to https (301)"}.get(
        kind, words
    ) in simulation.text


# What is in it


def test_a_table_names_hosts_conditions_destinations_shares_and_lines() -> None:
    page = Page(table_html(SHOP))
    for route in SHOP.routes:
        assert f"{Path(route.source.file).name}:{route.source.line}" in page.text
        for condition in route.match:
            assert str(condition) in page.text
    for destination in SHOP.destinations:
        assert destination.cluster in page.text
    for host in SHOP.virtual_hosts:
        assert host.name in page.text
        assert all(domain in page.text for domain in host.domains)
    assert page.labels == ["10 %", "90 %", "5 %", "95 %", "20 %", "10 %", "70 %"]
    assert "the RouteTable partners.partners is not in the input" in page.text
    assert {attrs.get("scope") for tag, attrs in page.tags if tag == "th"} == {"col", "row"}


def test_a_table_heads_delegated_routes_with_the_way_to_them() -> None:
    page = Page(table_html(cs.load(ROOT / "notebooks" / "manifests" / "teams")))
    by = "VirtualService gloo-system/coalmine"
    ways = [
        f"{by} \u203a RouteTable pets/find \u203a RouteTable pets/canary",
        f"{by} \u203a RouteTable pets/find",
        by,
    ]
    lines = page.text.split("\n")
    assert [line for line in lines if line.startswith(by)] == ways
    assert [lines[lines.index(way) + 1] for way in ways] == ["find.yaml:9", "coalmine.yaml:12", ""]


def test_a_preview_tells_what_functions_are_sent() -> None:
    manifests = ROOT / "notebooks" / "manifests"
    table = cs.load(manifests / "coalmine.yaml", manifests / "upstreams")
    page = Page(preview_html(cs.preview(table, "GET /findPetWithId/1")))
    assert "each function is sent GET /api/pets/1" in page.text


def test_a_preview_has_shares_ranges_and_the_sentence() -> None:
    page = Page(preview_html(cs.preview(SHOP, "GET http://shop.example/search?q=1", n=50)))
    assert page.labels[1] == "10 %: 5 of 50 expected, 1 to 9 in 97 % of runs"
    assert "To see one with 95 %, make 29 calls." in page.text
    html = preview_html(cs.preview(SHOP, "GET http://shop.example/search?q=1", n=50))
    assert "left:2%;width:16%" in html


def test_an_explanation_marks_what_refused_and_the_text_it_saw() -> None:
    html = explanation_html(cs.explain(SHOP, "GET http://shop.example/checkout/express x-canary:True"))
    marks = re.findall(r"<mark[^>]*><code[^>]*>(.*?)</code></mark>", html)
    assert marks == ["'/checkout/express'", "'True'"]
    underlined = re.findall(r"underline[^>]*><code[^>]*>(.*?)</code>", html)
    assert underlined == ["path is '/healthz'", "header x-canary is 'true'"]
    page = Page(html)
    assert [attrs["value"] for tag, attrs in page.tags if tag == "li" and "value" in attrs] == ["0", "1", "2", "3"]
    assert "matches: path begins with '/checkout'" in page.text
    assert "would match too, but 2 comes first: path begins with '/checkout/express'" in page.text
    assert "case-sensitive" in page.text
    assert "shop.yaml:30" in page.text
    assert page.labels == [
        "which random values lead where: 5 % checkout-v2_gloo-system; 95 % checkout-v1_gloo-system"
    ]
    assert "[0, 5)" in page.text


def test_a_given_random_value_is_marked() -> None:
    html = explanation_html(cs.explain(SHOP, "GET http://shop.example/search?q=1", random_value=12345))
    assert "left:55%" in html  # the middle of residue 5 of 10
    assert "search-classic_gloo-system \u21d0 random value 12345" in Page(html).text


def test_a_simulation_shows_what_its_figures_are() -> None:
    mix = {"GET http://shop.example/checkout": "1/2", "GET http://shop.example/store/a": "1/2"}
    simulation = cs.simulate(SHOP, mix, 1000, rng=3)
    page = Page(simulation_html(simulation))
    for name, count in simulation.counts(by="outcome").items():
        assert re.search(rf"{re.escape(name)}\s+\S*\s*{count}\s", page.text), name
    for row in simulation.ranges(by="outcome"):
        assert f"{row.low} to {row.high}" in page.text
    assert "gloo-system/shop checkout" in page.text
    assert any(attrs.get("scope") == "rowgroup" for _, attrs in page.tags)


def test_replayed_simulations_have_no_ranges() -> None:
    traffic = cs.Traffic.from_columns(path="/checkout", authority="shop.example", random_values=[0, 99])
    text = Page(simulation_html(cs.simulate(SHOP, traffic))).text
    assert "95 % range" not in text
    assert "50 %" in text


def test_no_colour_of_text_or_ground_is_fixed() -> None:
    answers = [
        table_html(SHOP),
        explanation_html(cs.explain(SHOP, "GET http://shop.example/search?q=1", random_value=1)),
        preview_html(cs.preview(SHOP, "GET http://shop.example/search?q=1")),
        simulation_html(cs.simulate(SHOP, "GET http://shop.example/search?q=1", 9, rng=1)),
    ]
    for html in answers:
        assert set(re.findall(r"(?<![-\w])color:([^;\"]*)", html)) <= {"inherit"}
        assert not re.search(r"#fff|#000|white(?!-space)|black", html)


# Size


def test_a_table_of_a_dozen_routes_is_small() -> None:
    assert len(table_html(SHOP)) < 20_000


def test_great_tables_are_folded() -> None:
    many = table_of(*[to(f"c{i}") for i in range(10_000)])
    html = table_html(many)
    assert len(html) < 200_000
    assert "\u2026 and 9,850 more routes" in Page(html).text
    hosts = [
        VirtualHost(f"h{i}", [f"{i}.example"], [Route(RouteMatch(PathPrefix("/")), to("c"))]) for i in range(1000)
    ]
    text = Page(table_html(cs.RouteTable(hosts))).text
    assert "960 more virtual hosts" in text
    wide = VirtualHost("h", [f"{i}.example" for i in range(1000)])
    assert "and 994 more" in Page(table_html(cs.RouteTable([wide]))).text


@pytest.mark.parametrize("path", ["/nowhere", "/9"])
def test_explanations_of_great_tables_are_folded(path: str) -> None:
    paths = (*(f"/{i:05}x" for i in range(2_999)), "/9")
    many = table_of(*[to(f"c{i}") for i in range(3_000)], paths=paths)
    html = explanation_html(cs.explain(many, path))
    assert len(html) < 100_000
    assert "more routes refused" in Page(html).text


def test_great_splits_are_folded() -> None:
    action = RouteAction([Destination(f"c{i}", weight=i) for i in range(600)], weighted=True)
    table = table_of(action)
    for page in every_answer(table, "/0"):
        assert len(page.text) < 100_000
    assert "540 more" in Page(preview_html(cs.preview(table, "/0"))).text
    assert "588 more" in Page(explanation_html(cs.explain(table, "/0"))).text
    assert "592 more" in Page(table_html(table)).text
    assert len(simulation_html(cs.simulate(table, "/0", 10**6, rng=1, keep="counts"))) < 150_000


def test_long_names_lose_their_middle() -> None:
    assert short("a" * 1000 + "z", 10) == "aaaaaa\u2026aaz"
    long = cs.Request("/" + "a" * 100_000, headers={"x": "b" * 100_000})
    table = table_of(to("c" * 100_000))
    for page in every_answer(table, long):
        assert len(page.text) < 10_000
    assert len(Page(preview_html(cs.preview(table, "/0"))).text) < 5_000


def test_weights_of_nothing_and_everything_are_shown() -> None:
    action = RouteAction([Destination("a", weight=0), Destination("b", weight=7)], weighted=True)
    _, preview, explanation, *_ = every_answer(table_of(action), "/0")
    assert "0 %" in preview.text
    assert "weight 0: a" in explanation.text
