"""Reading manifests: 10,000 routes of a VirtualService. Part of: python -m pytest benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

import canarysim as cs
from benchmarks.bench_route import HEAD
from benchmarks.conftest import Goal

if TYPE_CHECKING:
    from benchmarks.conftest import Compare


def routes(count: int) -> str:
    """A third each by prefix, by exact path, and by path and header; some weighted."""
    text = [HEAD]
    for number in range(count):
        kind = ("prefix", "exact", "prefix")[number % 3]
        headers = f", headers: [{{name: x-version, value: v{number}}}]" if number % 3 == 2 else ""
        text.append(f"    - matchers: [{{{kind}: /area{number}/items{headers}}}]\n")
        if number % 10:
            text.append(f"      routeAction: {{single: {{upstream: {{name: u{number % 50}}}}}}}\n")
        else:
            text.append(
                "      routeAction: {multi: {destinations: ["
                f"{{weight: 10, destination: {{upstream: {{name: u{number % 50}}}}}}}, "
                "{weight: 90, destination: {upstream: {name: rest}}}]}}\n"
            )
    return "".join(text)


def test_reading_ten_thousand_routes(compare: Compare) -> None:
    count = min(compare.size(10_000), 300 if compare.smoke else 10_000)
    text = routes(count)
    assert len(cs.loads(text).routes) == count
    peer = "yaml.load, CSafeLoader"
    compare(
        "10,000 routes from YAML to a table",
        lambda: cs.loads(text),
        {peer: lambda: yaml.load(text, Loader=yaml.CSafeLoader)},
        (Goal(peer, at_most=1),),
    )
