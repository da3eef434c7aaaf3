"""google-re2 is the judge: what it refuses we refuse, what it matches we match, in both encodings.

``CANARYSIM_SOAK=50000 pytest tests/test_regex_laws.py`` tries that many patterns of each kind.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache

import re2  # type: ignore[import-untyped]
from hypothesis import example, given, settings
from hypothesis import strategies as st

from canarysim.table import regex
from canarysim.table.regex import _names, _syntax
from canarysim.table.regex._charsets import complement, covers, disjoint, holds, union
from canarysim.table.regex._dfa import prepare
from canarysim.table.regex._python import emit
from canarysim.table.regex._shape import plain, reverse

MANY = int(os.environ.get("CANARYSIM_SOAK", "0"))
LARGE = 349_000  # instructions; with the memory that RE2 takes by default it does not have more
ENCODINGS: tuple[_syntax.Encoding, ...] = ("utf-8", "latin-1")


def examples(few: int) -> settings:
    return settings(max_examples=MANY or few, deadline=None, database=None)


@lru_cache
def options(encoding: _syntax.Encoding) -> re2.Options:
    made = re2.Options()
    made.log_errors = False
    made.max_mem = 1 << 30  # what is too large for RE2's memory is not our subject
    made.encoding = made.Encoding.UTF8 if encoding == "utf-8" else made.Encoding.LATIN1
    return made


def judge(pattern: str, encoding: _syntax.Encoding) -> re2._Regexp | None:
    try:
        return re2._Regexp(pattern.encode(), options(encoding))
    except re2.error as error:
        refusal = str(error)
    assert "too large" not in refusal
    return None


def ours(pattern: str, encoding: _syntax.Encoding) -> regex.Regex | None:
    try:
        return regex.Regex(pattern, encoding)
    except regex.RegexError as error:
        refusal = error
    assert 0 <= refusal.position <= len(pattern)
    assert str(refusal)
    return None


def agree(pattern: str, subjects: list[bytes]) -> None:
    for encoding in ENCODINGS:
        theirs, mine = judge(pattern, encoding), ours(pattern, encoding)
        assert (theirs is None) == (mine is None), encoding
        if theirs is None or mine is None:
            continue
        assert mine.groups == theirs.groups
        assert mine.simulated == (mine.why_not is None)
        matcher = prepare(mine.tree, encoding)  # whether re runs the pattern or not
        if not mine.simulated:
            assert isinstance(matcher, str)
            assert "deep" in matcher or theirs._regexp.ProgramSize() > LARGE
            continue
        for subject in subjects:
            expected = theirs.fullmatch(subject) is not None
            assert mine.fullmatch(subject.decode("latin-1")) == expected, (encoding, subject)
            if not isinstance(matcher, str):
                assert matcher.fullmatch(subject.decode("latin-1")) == expected, (encoding, subject)
            else:
                assert theirs._regexp.ProgramSize() > LARGE


# Text that means something to a parser, in any order.
SYMBOLS = [*"ab01()[]{}*+?|^$.\\-,:=!<>P'isUmxdwDWSpQECAzbBZnkéK_ \n\0"]
SYMBOLS += [
    "(?",
    "(?P<",
    "(?:",
    "(?i)",
    "(?i-s:",
    "[[:alpha:]]",
    "[:^digit:]",
    "[^",
    "\\p{",
    "\\pL",
    "Greek}",
]
SYMBOLS += [
    "\\x{",
    "\\x4",
    "\\1",
    "\\07",
    "{2,",
    "{500}",
    "{1000}",
    "\\Q",
    "\\E",
    "😀",
    "Any}",
    "ſ",
    "\\u0041",
]
noise = st.lists(st.sampled_from(SYMBOLS), max_size=14).map("".join)

ATOMS = [
    *"aabbc/k01sSK",
    *[
        "ab",
        ".",
        "(?s:.)",
        "[ab]",
        "[^a]",
        "[^/]",
        "[a-c]",
        "[k-s]",
        "[^k]",
        "[]a]",
        "[^]a]",
        "[\\w-a]",
        "[a-]",
    ],
    *[
        "\\d",
        "\\D",
        "\\w",
        "\\W",
        "\\s",
        "\\S",
        "[[:alpha:]]",
        "[[:^digit:]b]",
        "[[:space:]]",
        "[^[:punct:]]",
    ],
    *[
        "^",
        "$",
        "\\b",
        "\\B",
        "\\A",
        "\\z",
        "\\n",
        "\n",
        "\\v",
        "\\.",
        "\\141",
        "\\x61",
        "\\x{62}",
        "\\Qa.b\\E",
    ],
    *[
        "(?i:é)",
        "(?i:[à-ö])",
        "(?i:[^à-öß])",
        "(?i:\\p{Lu})",
        "(?i:\\P{Greek})",
        "[^\\p{Han}\\d]",
        "(?i:ΐ)",
        "\\C*",
    ],
    *["\\pL", "\\PL", "\\p{Lu}", "[\\pN/]", "\\p{Any}", "\\P{Any}", "\\p{Greek}", "\\C", "\\x80", "\\xe9"],
    *[
        "é",
        "[é-ü]",
        "[^é]",
        "€",
        "😀",
        "ſ",
        "[^\\x00-\\x7f]",
        "a{,2}",
        "{",
        "",
        "(?i)",
        "(?m)",
        "(?s)",
        "(?-i)",
    ],
    *["\\x{d800}", "[^\\x{d800}]", "\\x{10ffff}", "[\\x{80}-\\x{7ff}]", "[\\x{7f}-\\x{10ffff}]", "\\x{212a}"],
]
FRAMES = ["(%s)", "(?:%s)", "(?i:%s)", "(?s:%s)", "(?m:%s)", "(?P<n>%s)", "(?<n>%s)", "(?U:%s)", "(?i-s:%s)"]
COUNTS = ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,}", "{0,2}", "{1,3}", "{0}", "{2,}?", "{12}", "{0,40}"]

patterns = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.tuples(st.sampled_from(FRAMES), st.lists(inner, min_size=1, max_size=3)).map(
            lambda pair: pair[0] % "|".join(pair[1])
        ),
        st.tuples(inner, st.sampled_from(COUNTS)).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
        st.tuples(inner, st.sampled_from(COUNTS)).map("".join),
        st.tuples(st.just(".*"), inner, st.sampled_from([".*", "/[^/]+", "[a-c]*", "(/.*)?", ""])).map("".join),
    ),
    max_leaves=8,
)
ODD = [
    b"\xc3",
    b"\xa9",
    b"\xff",
    b"\xc0\x80",
    b"\xe0\x80\x80",
    b"\xe0\x9f\xbf",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
]
ODD += [b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xf4\x8f\xbf\xbf", b"\xf8\x80", b"\xef\xbf\xbd"]
pieces = st.one_of(
    st.sampled_from([bytes([byte]) for byte in b"aabbc//kKsS01 \n_.AB"]),
    st.sampled_from([*ODD, *(text.encode() for text in "éÉßẞ€😀ſKωΩ\N{OHM SIGN}漢")]),
)
subjects = st.lists(pieces, max_size=8).map(b"".join)


def drawn(draw: st.DrawFn, node: _syntax.Node, encoding: _syntax.Encoding) -> bytes:
    """A word of the node's language, assertions aside."""
    match node:
        case _syntax.Literal(text=text):
            return text.encode("latin-1" if encoding == "latin-1" else "utf-8", "surrogatepass")
        case _syntax.CharClass(ranges=ranges) if ranges:
            low, high = draw(st.sampled_from(ranges))
            usual = [code for code in b"ab/k0 \n" if low <= code <= high]
            code = draw(st.sampled_from([*usual, low, high]))
            if code == _syntax.OVERLONG:
                return draw(st.sampled_from([b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80"]))
            return bytes([code]) if encoding == "latin-1" else chr(code).encode("utf-8", "surrogatepass")
        case _syntax.Concat(parts=parts):
            return b"".join(drawn(draw, part, encoding) for part in parts)
        case _syntax.Alternate(options=choices):
            return drawn(draw, draw(st.sampled_from(choices)), encoding)
        case _syntax.Group(body=body):
            return drawn(draw, body, encoding)
        case _syntax.Repeat(body=body, min=least, max=most):
            rounds = draw(st.integers(least, least + 3 if most is None else min(most, least + 3)))
            return b"".join(drawn(draw, body, encoding) for _ in range(rounds))
    return b""


@st.composite
def asked(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """A pattern and subjects, some of which it ought to match, some of which differ from these by little."""
    pattern = draw(patterns)
    found = [draw(subjects), draw(subjects)]
    for encoding in ENCODINGS:
        mine = ours(pattern, encoding)
        if mine is not None and mine.simulated:
            for _ in range(2):
                word = drawn(draw, mine.tree, encoding)
                at = draw(st.integers(0, len(word)))
                found += [word, word[:at] + draw(pieces) + word[at + draw(st.integers(0, 1)) :]]
    return pattern, found


@examples(500)
@given(noise, st.lists(subjects, max_size=4))
@example("(?P<é>a)", [])
@example("a" * 3 + "{1000}" + "{1000}", [])
@example("((a{100}){10}){2}", [])
@example("((a{600}){0}){2}", [])
@example("[\\p", [])
@example("\\p{^", [])
@example("(?<=>", [])
@example("x{1000000000}", [b"x{1000000000}"])
@example("[Kk]|x", ["\N{KELVIN SIGN}".encode()])
@example("[Kk]", ["\N{KELVIN SIGN}".encode()])
@example("K|k|x", ["\N{KELVIN SIGN}".encode()])
@example("(?:[xX]|[Ss]|y)z", ["ſz".encode()])
def test_re2_refuses_and_matches_the_same_on_noise(pattern: str, subjects: list[bytes]) -> None:
    agree(pattern, subjects)


@examples(300)
@given(asked())
def test_re2_refuses_and_matches_the_same_on_the_whole_grammar(question: tuple[str, list[bytes]]) -> None:
    agree(*question)


@examples(150)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), subjects)
def test_a_literal_matches_its_text_and_nothing_else(text: str, other: bytes) -> None:
    for encoding in ENCODINGS:
        quoted = regex.compile(regex.literal(text), encoding)
        assert quoted.simulated
        assert quoted.fullmatch(text.encode().decode("latin-1"))
        assert quoted.fullmatch(other.decode("latin-1")) == (other == text.encode())
    assert regex.literal(text) == re2.escape(text)


def test_every_unicode_name_is_known_and_in_latin_1_exact() -> None:
    near = {"Any", "Cn", "LC", "Alphabetic", "Garay", "greek", "L&", "ASCII", "Zyyy", "Grek", "", "^"}
    for name in sorted(_names.CATEGORIES | _names.SCRIPTS | near):
        for pattern in (f"\\p{{{name}}}", f"\\P{{{name}}}", f"[^\\p{{^{name}}}a]", f"(?i)\\P{{{name}}}"):
            agree(pattern, [bytes([byte]) for byte in range(256)])


def test_every_byte_is_in_the_same_classes() -> None:
    every = [bytes([byte]) for byte in range(256)]
    names = [
        "alnum",
        "alpha",
        "ascii",
        "blank",
        "cntrl",
        "digit",
        "graph",
        "lower",
        "print",
        "punct",
        "space",
    ]
    classes = [f"[[:{sign}{name}:]]" for name in [*names, "upper", "word", "xdigit"] for sign in ("", "^")]
    for pattern in [*classes, ".", *(f"\\{letter}" for letter in "dDsSwWCbBAz"), "[^\\W\\d]", "[\\D\\d]"]:
        for flags in ("", "(?i)", "(?s)", "(?is)"):
            agree(flags + pattern, every)
    for byte in every:
        agree("(?i)" + regex.literal(byte.decode("latin-1")), [*every, "ſ".encode(), "\N{KELVIN SIGN}".encode()])


def test_every_escape_of_one_character_is_refused_or_means_the_same() -> None:
    for code in [*range(0x180), 0x1F600]:
        for pattern in (
            f"\\{chr(code)}",
            f"[\\{chr(code)}]",
            f"[{chr(code)}]",
            f"(?{chr(code)})",
            f"(?{chr(code)}:a)",
        ):
            agree(pattern, [b"a", b"\\", chr(code).encode(), b"\x07", b"\n", b"7"])


@examples(150)
@given(asked())
def test_a_mirrored_pattern_matches_the_mirrored_text(question: tuple[str, list[bytes]]) -> None:
    pattern, found = question
    mine = ours(pattern, "latin-1")
    if mine is None or not mine.simulated:
        return
    node = plain(mine.tree)
    again = reverse(reverse(node))
    if again != node:  # simplification may go further from the other side; the language stays
        try:
            tests = [re.compile(emit(one, encoding="latin-1"), re.ASCII) for one in (node, again)]
        except RecursionError:
            return
        for subject in found:
            text = subject.decode("latin-1")[:12]
            assert len({test.fullmatch(text) is None for test in tests}) == 1


sets = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1])))


@examples(60)
@given(sets.map(union), sets.map(union))
def test_character_sets_are_sets(left: tuple[tuple[int, int], ...], right: tuple[tuple[int, int], ...]) -> None:
    def members(ranges: tuple[tuple[int, int], ...]) -> set[int]:
        return {code for code in range(60) if holds(ranges, code)}

    assert members(union(left, right)) == members(left) | members(right)
    assert members(complement(left, 59)) == set(range(60)) - members(left)
    assert covers(left, right) == (members(left) >= members(right))
    assert disjoint(left, right) == members(left).isdisjoint(members(right))
