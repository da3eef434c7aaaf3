"""The size of RE2's programs, which google-re2 tells and Envoy limits.

``CANARYSIM_SOAK=50000 pytest tests/test_regex_size.py`` tries that many patterns of each kind.
"""

from __future__ import annotations

from random import Random

import pytest

from canarysim.table import regex
from canarysim.table.limits import size_at_most
from canarysim.table.regex._size import MOST
from canarysim.table.regex._syntax import Encoding

from .test_regex import EVERYDAY, HARMLESS_IN_RE2, LATIN, UTF8
from .test_regex_laws import ENCODINGS, MANY, judge
from .test_regex_replace import random_pattern


@pytest.mark.parametrize(
    "pattern, encoding, size",
    [  # as Envoy 1.40.0 (Latin-1) and 1.36.4 (UTF-8) report them
        ("a{96}", LATIN, 100),
        (r"\w{60}", LATIN, 184),
        (".{60}", LATIN, 124),
        (r"/\pL", UTF8, 1201),
        ("/.{30}", UTF8, 245),
    ],
)
def test_envoy_reports_these_sizes(pattern: str, encoding: Encoding, size: int) -> None:
    assert regex.compile(pattern, encoding).program_size == size


def exact(pattern: str) -> int:
    """How many encodings accept the pattern; its size must be RE2's in each."""
    known = 0
    for encoding in ENCODINGS:
        theirs = judge(pattern, encoding)
        if theirs is not None and theirs._regexp.ProgramSize() < 20_000:
            known += 1
            assert regex.Regex(pattern, encoding).program_size == theirs._regexp.ProgramSize(), (pattern, encoding)
    return known


PECULIAR = [
    "",
    "|",
    "()",
    "(|a)*",
    "(a*)+?",
    "(?:a*)*",
    "(?i:a*)*",
    "(?U:a*)?",
    "^",
    "$",
    "^$",
    "^^a$$",
    "((((^a$))))",
    "(((((^a$)))))",
    "^abc",
    "^abc|d",
    "(?i)^abc.",
    r"\Aabc\z",
    "(?m)^abc$",
    "(?s).*",
    r"\C*",
    r"(?s)a.*$",
    "(?s).*?",
    "[^\\x00-\\x{10ffff}]",
    "a[^\\x00-\\x{10ffff}]|b",
    "[[:^ascii:]]",
    "(?s).|a|b",
    "(?s)a|.|b",
    "(?s)(?:.|ab)|c",
    "[Kk]|x",
    "a[Kk]|ax",
    "(?i)straße|STRASSE",
    "a*aa*a?a+",
    "a?aab",
    "(?i)a*A+ab",
    "[ab]*[ab]",
    ".*.",
    ".*.*",
    ".*.*?",
    "a*a*?",
    "^{3}",
    r"(?:^\b){2,5}",
    r"(?:^|\b)*",
    "(?:){5}",
    "(){5}",
    "(a{0}){3}",
    "a{0,0}",
    "a{,3}",
    "(a{2}){3}",
    "(?:a{2,}){3,}",
    "(?:a{2,3}){0,3}?",
    "abc|abd|ab|xbc",
    "abc|(?i)abd",
    "^a|^b|c",
    r"\ba|\bb",
    "[ab]c|[ab]d",
    "[ab]{2}c|[ab]{2}d|[ab]{3}",
    "a{2}b|a{2}c",
    "a{2,3}b|a{2,3}c",
    "(a)b|(a)c",
    ".a|.b|.",
    "a|ab|abc|abcd",
    "(?:ab|ac)|ad",
    "\\Qa.b\\E+",
    "\\pL|\\pN",
    "[\\pL\\pN_-]{3}",
    "(?i)\\p{Lu}",
    "\\x{d800}",
    "[é-\\x{ffff}]",
    "[\\x{80}-\\x{10ffff}]",
    "[\\x{81}-\\x{10ffff}]",
]


def test_sizes_of_what_is_peculiar_and_of_the_everyday() -> None:
    for pattern in [*PECULIAR, *EVERYDAY, *HARMLESS_IN_RE2]:
        assert exact(pattern), pattern
    for count in (95, 96, 97):
        assert exact(f"a{{{count}}}")
    assert exact("|".join(f"/p/{number:03}" for number in range(400)))
    assert exact("|".join("a" * length for length in range(1, 150)))
    assert exact("(" * 3000 + "a" + ")" * 3000)


def test_sizes_of_the_whole_grammar() -> None:
    random = Random(11)
    assert sum(exact(random_pattern(random, random.randint(0, 4))) for _ in range(MANY or 500)) > 500


LEAVES = [
    *"aaabbcA",
    "[ab]",
    "[aA]",
    "[Ss]",
    "[a-c]",
    ".",
    "^",
    "$",
    r"\b",
    r"\d",
    "é",
    "è",
    "[é-ü]",
    r"\C",
    "",
    "(?i)",
]
LEAVES += ["(?s)", "(?U)", "(?-i)", "\n"]
COUNTS = [*"*+?", "*?", "+?", "??", "{2}", "{2}", "{0,2}", "{2,}", "{1,3}?", "{3}", "{1}", "{0}"]
FRAMES = ["(%s)", "(?:%s)", "(?:%s)", "(?i:%s)", "(?s:%s)", "(?m:%s)", "(?U:%s)"]


def rows(random: Random, depth: int) -> str:
    """Options and rows of few letters, so that much is shared and joined."""
    made = ""
    for _ in range(random.randint(1, 4)):
        if depth and random.random() < 0.4:
            options = [rows(random, depth - 1) for _ in range(random.randint(1, 6))]
            made += random.choice(FRAMES) % "|".join(options)
        else:
            made += random.choice(LEAVES)
        if random.random() < 0.3:
            made += random.choice(COUNTS)
    return made


def test_sizes_where_much_is_shared() -> None:
    random = Random(12)
    tried = sum(
        exact("|".join(rows(random, random.randint(0, 3)) for _ in range(random.randint(1, 6))))
        for _ in range(MANY or 500)
    )
    assert tried > 250


def test_sizes_of_classes() -> None:
    random = Random(13)
    names = [r"\pL", r"\p{Lu}", r"\PN", r"\p{Greek}", r"\P{Han}", r"\w", r"\S", "[:alpha:]", "[:^punct:]"]
    for _ in range(MANY or 150):
        members = [random.choice(names) for _ in range(random.randrange(2))]
        for _ in range(random.randint(1, 4)):
            low = random.choice([random.randrange(0x80), random.randrange(0x900), random.randrange(0x110000)])
            high = min(0x10FFFF, low + random.choice([0, 1, 5, 70, 5000, 100_000]))
            members.append(f"\\x{{{low:x}}}-\\x{{{high:x}}}")
        flags, sign = random.choice(["", "(?i)"]), random.choice(["", "^"])
        exact(f"{flags}[{sign}{''.join(members)}]{random.choice(['', '+a'])}")


def test_what_re2_has_no_memory_for_is_larger_than_any_limit() -> None:
    assert regex.compile(r"\pL{300}").program_size == MOST


def test_the_bound_that_spares_short_patterns_the_counting_is_one() -> None:
    random = Random(7)
    patterns = [*EVERYDAY, *PECULIAR, *(random_pattern(random, 3) for _ in range(MANY))]
    short = 0
    for pattern in patterns:
        for encoding in ENCODINGS:
            if judge(pattern, encoding) is not None:
                bound = size_at_most(pattern)
                assert regex.Regex(pattern, encoding).program_size <= bound, (pattern, encoding)
                short += bound <= 100
    assert short > 100
