"""Manifests spoiled at random: an answer or one of canarysim's own errors, never anything else."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

import canarysim as cs

MANIFESTS = sorted((Path(__file__).parent.parent / "notebooks" / "manifests").rglob("*.yaml"))
JUNK = [
    *(
        "",
        "null",
        "[]",
        "{}",
        "- ",
        "5",
        "true",
        "'",
        '"',
        "*",
        "&a",
        "<<: *a",
        "\t",
        "0x",
        "1e999",
        "~",
        "é",
        "\x00",
    ),
    *("{{ x }}", "!!str", "|", "weight: -1", "regex: (", "prefix: 7", "name: !!str"),
]


def spoiled(text: str, random: Random) -> str:
    """A few lines deleted, repeated elsewhere, given another value, or indented anew."""
    lines = text.split("\n")
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(lines))
        kind = random.random()
        if kind < 0.25 and len(lines) > 1:
            del lines[at]
        elif kind < 0.5:
            lines.insert(at, random.choice(lines))
        elif kind < 0.75:
            key, colon, _ = lines[at].partition(":")
            lines[at] = f"{key}{colon} {random.choice(JUNK)}" if colon else random.choice(JUNK)
        else:
            lines[at] = " " * random.randint(0, 4) + lines[at]
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(8))
def test_a_spoiled_manifest_is_answered_or_refused_with_reasons(seed: int) -> None:
    random = Random(seed)
    refused = 0
    for _ in range(60):
        text = spoiled(random.choice(MANIFESTS).read_text(encoding="utf-8"), random)
        try:
            tables = cs.loads(text), cs.loads(text, envoy="1.40")
        except cs.ManifestError as error:
            refused += 1
            assert str(error)
            assert any(problem.severity is cs.Severity.ERROR for problem in error.problems)
            continue
        except cs.SeveralTables:
            continue
        for table in tables:
            request = cs.Request("/findPets?a=b", authority="shop.example")
            assert sum(outcome.share for outcome in cs.preview(table, request)) == 1
            assert str(table)
            assert str(cs.explain(table, request))
            if table.unknown == ():
                cs.to_envoy(table)
    assert 0 < refused < 60
