"""Path templates: what Envoy's ``uri_template`` extensions match a path with, and what they rewrite it to.

>>> template = UriTemplate("/shop/{lang}/{rest=**}")
>>> template.capture("/shop/en/pets/7")
{'lang': 'en', 'rest': 'pets/7'}
>>> UriTemplateRewrite("/{rest}/{lang}.html").apply(template.capture("/shop/en/pets/7"))
'/pets/7/en.html'

Facts (each run on 1.36.4 and 1.40.0, see tests/envoy/test_uri_template.py)

1. A template has 1 to 256 characters and begins with ``/``, which parts its segments. None is empty, but the
   last may be. A segment is a literal, ``*``, ``**``, ``{name}``, which is ``{name=*}``, or ``{name=pattern}``. A
   pattern has segments too: literals, ``*`` and ``**``, none of them empty.
2. A literal may follow ``*``, ``**`` or a variable where it ends the template. In 1.40 a literal may also stand
   before a variable, whose pattern then has no ``/``, and behind one in any segment. There is at most one
   variable in a segment. (guard uri_template_mixed_variable_literals, absent in 1.36)
3. Literals are of A-Z a-z 0-9 and ``-._~%!$&'()+,;:@=*``. In 1.40 ``*`` cannot be the first before a variable,
   for there it is the operator.
4. A name is a letter with letters, digits and ``_`` behind it, 16 characters at most. No name comes twice, and
   there are at most 5.
5. Behind ``**`` no operator and no variable with one may follow, but literals, also as the pattern of one.
6. ``*`` takes one or more characters of those in 3, ``**`` none or more of them and of ``/``. No other
   character of a path is ever taken, not even by ``**``.
7. All this is made one regular expression, where of a literal only ``$().+`` are escaped. So a ``*`` in a
   literal repeats what is before it, a character or a variable, none or more times. Two of them in a row, or one
   behind an operator, are no expression for RE2: Envoy loads the template, no path matches it, and any rewrite
   beside it is refused.
8. The whole path without its query must match, as it is after normalization. ``case_sensitive`` and
   ``ignore_path_parameters_in_path_matching`` play no part, and a ``%`` is a character like others.
9. Variables have what RE2 captures: from left to right each takes as much as the rest allows. One that is
   repeated has its last round, or nothing if there was none. An empty round comes only first.
10. A rewrite has 1 to 256 characters, begins with ``/`` and has no ``//``. It is of ``/``, of literals, where
    ``*`` means itself, and of ``{name}``, any number of times, at any place, if the template has it. The query
    stays, and ``x-envoy-original-path`` has the path with the query as it was matched.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

import attrs

from canarysim.errors import InvalidValue
from canarysim.table import regex
from canarysim.table.uri_template_program import PLAIN, Glob, Literal, Part, Program, Variable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UriTemplate", "UriTemplateRewrite"]

_CLASS: Final = "A-Za-z0-9._~%!$&'()+,;:@=*-"
_ESCAPED: Final = {ord(char): "\\" + char for char in "$()+."}
_NAME: Final = re.compile("[A-Za-z][A-Za-z0-9_]*")
_MOST_CHARACTERS: Final = 256
_MOST_VARIABLES: Final = 5
_LONGEST_NAME: Final = 16


class _Reader:
    """Reads a template from left to right; ``parts`` are what it is made of, slashes being literals."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts: list[Part] = []
        self.names: list[str] = []
        self.mixed: str | None = None
        self._behind_long = False
        self._read()

    def _read(self) -> None:
        text = self.text
        if (wrong := _no_template(text)) is not None:
            self._fail(*wrong)
        at = 0
        while at < len(text):
            self.parts.append(Literal("/"))
            at += 1
            if at < len(text):
                at = self._segment(at)

    def _segment(self, at: int) -> int:
        """Takes the segment that begins there; where the next slash, or the end, is."""
        text = self.text
        end = _find(text, "/", at)
        if text[at] == "*":
            operator = "**" if text.startswith("**", at) else "*"
            self.parts.append(self._glob(operator, at))
            at += len(operator)
            if at < end < len(text):
                self._fail(at, f"a literal behind {operator!r} must end the template")
            if at < end:
                self._literal(at, end)
            return end
        opened = text.find("{", at, end)
        if opened < 0:
            self._literal(at, end)
            return end
        closed = text.find("}", opened)
        if closed < 0:
            self._fail(opened, "'{' is not closed")
        if at < opened:
            self._literal(at, opened)
            if closed > end:
                self._fail(end, "a variable behind a literal must not have a '/' in its pattern")
            self.mixed = "a literal stands before a variable in one segment"
        self.parts.append(self._variable(opened, closed))
        end = _find(text, "/", closed)
        if closed + 1 < end:
            self._literal(closed + 1, end)
            if end < len(text):
                self.mixed = self.mixed or "a literal behind a variable does not end the template"
        return end

    def _variable(self, opened: int, closed: int) -> Variable:
        name, equals, pattern = self.text[opened + 1 : closed].partition("=")
        at = opened + 1
        if not _NAME.fullmatch(name):
            self._fail(at, f"{name!r} is no name of a variable: a letter, then letters, digits and '_'")
        if len(name) > _LONGEST_NAME:
            self._fail(at, f"the name {name!r} is longer than {_LONGEST_NAME} characters")
        if name in self.names:
            self._fail(at, f"the variable {name!r} comes twice")
        if len(self.names) == _MOST_VARIABLES:
            self._fail(at, f"there are more than {_MOST_VARIABLES} variables")
        self.names.append(name)
        if not equals:
            return Variable(name, (self._glob("*", opened, name),))
        at += len(name) + 1
        parts: list[Literal | Glob] = []
        for item in pattern.split("/"):
            if parts:
                parts.append(Literal("/"))
            if item in {"*", "**"}:
                parts.append(self._glob(item, at))
            elif item.startswith("*"):
                self._fail(at, "an operator must be a whole segment of a variable's pattern")
            else:
                self._check_literal(at, at + len(item))
                parts.append(Literal(item))
            at += len(item) + 1
        return Variable(name, tuple(parts))

    def _glob(self, operator: str, at: int, example: str = "x") -> Glob:
        if self._behind_long:
            self._fail(at, "no operator and no variable with one may follow '**'")
        self._behind_long = operator == "**"
        return Glob(self._behind_long, example)

    def _literal(self, begin: int, end: int) -> None:
        self._check_literal(begin, end)
        self.parts.append(Literal(self.text[begin:end]))

    def _check_literal(self, begin: int, end: int) -> None:
        if begin == end:
            self._fail(begin, "a segment is empty")
        for at in range(begin, end):
            if (char := self.text[at]) not in PLAIN:
                more = ": a segment has at most one variable" if char == "{" else ""
                self._fail(at, f"{char!r} cannot stand in a literal{more}")

    def _fail(self, at: int, why: str) -> NoReturn:
        raise _bad(self.text, at, why)


def _no_template(text: str) -> tuple[int, str] | None:
    """What is wrong with a text that neither a template nor a rewrite can be, and where."""
    if not text.startswith("/"):
        return 0, "it must begin with '/'"
    if len(text) > _MOST_CHARACTERS:
        return _MOST_CHARACTERS, f"it is longer than {_MOST_CHARACTERS} characters"
    return None


def _bad(text: str, at: int, why: str, what: str = "path template") -> InvalidValue:
    message = f"Envoy refuses the {what} {text!r}: {why} (at character {at + 1})"
    return InvalidValue("bad_uri_template", message, template=text, position=at, reason=why)


def _find(text: str, char: str, at: int) -> int:
    """Where the character is next, or where the text ends."""
    found = text.find(char, at)
    return len(text) if found < 0 else found


def _expression(part: Part) -> str:
    if isinstance(part, Literal):
        return part.text.translate(_ESCAPED)
    if isinstance(part, Glob):
        return f"[/{_CLASS}]*" if part.long else f"[{_CLASS}]+"
    return f"(?P<{part.name}>{''.join(map(_expression, part.parts))})"


def _example(part: Part) -> str:
    if isinstance(part, Literal):
        return part.text.replace("*", "")
    return part.example if isinstance(part, Glob) else "".join(map(_example, part.parts))


class _Reading(NamedTuple):
    """What a template comes to. One that is no expression for RE2 has neither of the last three."""

    variables: tuple[str, ...]
    mixed: str | None
    expression: regex.Regex | None
    program: Program | None
    example: str | None


def _read(template: UriTemplate) -> _Reading:
    reader = _Reader(template.text)
    variables = tuple(reader.names)
    try:
        expression = regex.compile("".join(map(_expression, reader.parts)), "latin-1")
    except regex.RegexError:  # fact 7
        return _Reading(variables, reader.mixed, None, None, None)
    example = "".join(map(_example, reader.parts))
    return _Reading(variables, reader.mixed, expression, Program(reader.parts), example)


@attrs.frozen
class UriTemplate:
    """``path_match_policy`` with UriTemplateMatchConfig: the path, without its query, fits the template.

    Raises InvalidValue("bad_uri_template") for what no version of Envoy accepts; its values are ``template``,
    ``position`` (of the character, from 0) and ``reason``. Making one takes a millisecond or less.

    >>> UriTemplate("/pets/{id}/**").matches("/pets/7/toys/3")
    True
    >>> UriTemplate("/{file}.{ext}")
    Traceback (most recent call last):
    ...
    canarysim.errors.InvalidValue: Envoy refuses the path template '/{file}.{ext}':
    '{' cannot stand in a literal: a segment has at most one variable (at character 9)
    """

    text: str
    _reading: _Reading = attrs.field(
        init=False, eq=False, repr=False, default=attrs.Factory(_read, takes_self=True)
    )

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables, in their order."""
        return self._reading.variables

    @property
    def matches_nothing(self) -> bool:
        """Whether Envoy loads it and yet no path fits, for RE2 has no such expression (fact 7)."""
        return self._reading.program is None

    def refused_by(self, version: str) -> str | None:
        """Why a version of Envoy does not load it: "1.36" takes fewer templates than "1.40". None if it does.

        >>> UriTemplate("/v{version}/pets").refused_by("1.36")
        'a literal stands before a variable in one segment, which Envoy takes from 1.39 on'
        """
        mixed = self._reading.mixed
        return f"{mixed}, which Envoy takes from 1.39 on" if mixed and version == "1.36" else None

    def matches(self, path: str) -> bool:
        """Whether a path without query fits; ``path`` is octet text. Time grows linearly with the path."""
        expression = self._reading.expression
        return expression is not None and self._reading.program is not None and expression.fullmatch(path)

    def capture(self, path: str) -> dict[str, str] | None:
        """What each variable takes of a path without query; None where it does not fit.

        ``path`` is octet text. Time grows linearly with the path; 10,000 characters take some 20 ms.

        >>> UriTemplate("/{dir=**}/{file=index}.html").capture("/a/b/index.html")
        {'dir': 'a/b', 'file': 'index'}
        """
        program = self._reading.program
        return None if program is None else program.capture(path)

    def example(self) -> str | None:
        """A path that fits, short and readable; None where none does.

        >>> UriTemplate("/shop/{lang}/v*/*.html").example()
        '/shop/lang/v/x.html'
        """
        return self._reading.example


def _read_rewrite(rewrite: UriTemplateRewrite) -> tuple[Literal | Variable, ...]:
    text = rewrite.text

    def fail(at: int, why: str) -> NoReturn:
        raise _bad(text, at, why, "path template rewrite")

    if (wrong := _no_template(text)) is not None:
        fail(*wrong)
    if (double := text.find("//")) >= 0:
        fail(double + 1, "a segment is empty")
    parts: list[Literal | Variable] = []
    at = 0
    while at < len(text):
        opened = _find(text, "{", at)
        for place in range(at, opened):
            if text[place] not in PLAIN and text[place] != "/":
                fail(place, f"{text[place]!r} cannot stand in a rewrite")
        parts.append(Literal(text[at:opened]))
        if opened == len(text):
            break
        closed = text.find("}", opened)
        if closed < 0:
            fail(opened, "'{' is not closed")
        name = text[opened + 1 : closed]
        if not _NAME.fullmatch(name):
            fail(opened + 1, f"{name!r} is no name of a variable, and nothing else can stand here")
        parts.append(Variable(name, ()))
        at = closed + 1
    return tuple(parts)


@attrs.frozen
class UriTemplateRewrite:
    """``path_rewrite_policy`` with UriTemplateRewriteConfig: a new path, made of what a UriTemplate captured.

    Raises InvalidValue("bad_uri_template"), as UriTemplate does, for what Envoy does not accept.
    """

    text: str
    _parts: tuple[Literal | Variable, ...] = attrs.field(
        init=False, eq=False, repr=False, default=attrs.Factory(_read_rewrite, takes_self=True)
    )

    @property
    def variables(self) -> tuple[str, ...]:
        """The names it uses, each once, in the order in which they come."""
        return tuple(dict.fromkeys(part.name for part in self._parts if isinstance(part, Variable)))

    def check(self, template: UriTemplate) -> None:
        """Raises InvalidValue where Envoy does not load it beside this template.

        The code is "unknown_template_variable" (values ``name`` and ``known``), or "dead_uri_template" where the
        template matches nothing.

        >>> UriTemplateRewrite("/{id}/{page}").check(UriTemplate("/pets/{id}"))
        Traceback (most recent call last):
        ...
        canarysim.errors.InvalidValue: the rewrite '/{id}/{page}' uses 'page', which the path template
        '/pets/{id}' lacks
        """
        if template.matches_nothing:
            raise InvalidValue(
                "dead_uri_template",
                f"Envoy refuses a rewrite beside the path template {template.text!r}, which no path fits: "
                "a '*' in a literal repeats what is before it, and cannot follow another '*'",
                template=template.text,
            )
        for name in self.variables:
            if name not in template.variables:
                raise InvalidValue(
                    "unknown_template_variable",
                    f"the rewrite {self.text!r} uses {name!r}, which the path template {template.text!r} lacks",
                    name=name,
                    known=template.variables,
                )

    def apply(self, captured: Mapping[str, str]) -> str:
        """The new path, without query, from what ``UriTemplate.capture`` found. Raises KeyError for less."""
        return "".join(part.text if isinstance(part, Literal) else captured[part.name] for part in self._parts)
