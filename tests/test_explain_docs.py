"""Explanations of requests to the VirtualServices of Gloo's documentation, where that collection stands."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

import canarysim as cs
from canarysim.answers.respell import example
from canarysim.table.matchers import PathExact, PathPrefix, PathRegex
from canarysim.table.strings import StringMatcher
from canarysim.table.views import HeaderView, PathView, QueryView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.answers.explain import Explanation
    from canarysim.table.matchers import Range
    from canarysim.table.views import View

SUITE = Path(__file__).parent.parent.parent / "shared" / "suites" / "gloo_docs"
FILES = sorted(p for p in SUITE.glob("*.yaml") if "kind: VirtualService" in p.read_text())

pytestmark = pytest.mark.skipif(not FILES, reason="the collection of Gloo's documentation is not here")


def taken(matcher: StringMatcher | Range | None) -> str:
    """A text that a condition takes."""
    if not isinstance(matcher, StringMatcher):
        return "1"
    return matcher.value if matcher.kind == "exact" else example(matcher.value, "utf-8") or "x"


def aimed(random: Random, table: cs.RouteTable) -> cs.Request:
    """A request for one of the routes of a table, or narrowly not."""
    host = random.choice(table.virtual_hosts)
    authority = random.choice(host.domains).replace("*", "any")
    if not host.routes:
        return cs.Request("/", authority=authority)
    match = random.choice(host.routes).match
    path = "/"
    if isinstance(match.path, PathPrefix | PathExact):
        path = match.path.prefix if isinstance(match.path, PathPrefix) else match.path.path
    elif isinstance(match.path, PathRegex):
        path = example(match.path.regex, "utf-8") or "/"
    path = random.choice(
        [path] * 6 + [path.upper(), path + "/", path[:-1], path + "/more", "/x" + path, "/nothing"]
    )
    method, headers = "GET", []
    for header in match.headers:
        value = random.choice([taken(header.value)] * 3 + ["other"])
        if header.name == ":method":
            method = value if value.isupper() else "GET"
        elif not header.name.startswith(":") and header.name != "host" and random.random() < 0.8:
            headers.append((header.name, value))
    query = "&".join(f"{one.name}={taken(one.value)}" for one in match.query_parameters if random.random() < 0.7)
    authority += random.choice([""] * 12 + [":8080", "."])
    path = path if path.startswith("/") else f"/{path}"
    return cs.Request(f"{path}?{query}" if query else path, method=method, authority=authority, headers=headers)


def sent(request: cs.Request, view: View) -> str:
    """What a plain request shows to a condition, found without the table."""
    path, _, query = request.path.partition("?")
    if isinstance(view, PathView):
        return repr(path)
    if isinstance(view, HeaderView):
        fields = {**dict(request.headers), ":method": request.method, ":authority": request.authority}
        return repr(fields[view.header]) if view.header in fields else "missing"
    assert isinstance(view, QueryView)
    pairs = dict(piece.split("=") for piece in query.split("&") if piece)
    return repr(pairs[view.key]) if view.key in pairs else "missing"


@cache
def explanations() -> tuple[tuple[cs.RouteTable, Explanation], ...]:
    return tuple(_explanations(Random(2)))


def _explanations(random: Random) -> Iterator[tuple[cs.RouteTable, Explanation]]:
    for file in FILES:
        try:
            tables = cs.load_all(file)
        except cs.ManifestError:
            continue
        for table in tables.values():
            for _ in range(8 if table.virtual_hosts else 0):
                yield table, cs.explain(table, aimed(random, table))


def test_every_explanation_names_the_winner_with_its_place_and_every_earlier_refusal() -> None:
    won = lost = refused = 0
    for table, explanation in explanations():
        text = str(explanation)
        words = " ".join(text.split())
        route = table.find(explanation.request).route
        assert explanation.winner is route
        assert [step.route.index for step in explanation.steps] == list(range(len(explanation.steps)))
        if route is not None:
            won += 1
            place = f"{Path(route.source.file).name}:{route.source.line}"
            assert any(str(route.index) in line and "match" in line for line in text.splitlines())
            assert re.search(rf"{route.index} +(may match|matches): .*{re.escape(place)}", words), text
            assert route.index == len(explanation.steps)
        else:
            lost += 1
            assert "404" in text or "redirect" in text or "unknown" in text
        folded = [
            range(int(a), int(b or a) + 1)
            for a, b in re.findall(r"\.\.\. routes? (\d+)(?: (?:to|and) (\d+))?", words)
        ]
        others = "other routes refused" in words
        for step in explanation.steps:
            refused += 1
            assert step.saw == sent(explanation.request, step.refused_by.view)
            said = f"{step.refused_by.view.name} is {step.saw}"
            assert said in words, text
            shown = f"{step.route.index} {step.route.match.path}" in words
            assert shown or others or any(step.route.index in one for one in folded), text
        if len(explanation.steps) <= 100:
            assert len(text.splitlines()) <= 24, text
    assert won > 500
    assert lost > 200
    assert refused > 500


def test_lines_are_short_where_names_allow() -> None:
    wide = []
    for _, explanation in explanations():
        for line in str(explanation).splitlines():
            longest = max(map(len, line.split()), default=0)
            if len(line) > 80 and longest < 50:
                wide.append(line)
    assert wide == []
