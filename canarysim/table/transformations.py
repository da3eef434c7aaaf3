"""What a function of a Gloo destination is: a template that makes one request of another.

Facts (envoy-gloo: transformation_filter.proto, inja_transformer.cc; Gloo's transformation plugin):

1. An extraction takes a subgroup of a regex that matches all of the first value of a header, and is empty where
   it does not or where there is no such header. Envoy runs these regexes as ECMAScript, byte by byte. RE2's
   meaning, which they have here, is the same for all that Gloo makes of parameters.
2. The subgroup must exist. The template of each header, and that of the body, must parse.
3. The body is a template, or passed through, or all variables as JSON, or keys merged into it: one of these at
   most. ``merge_json_keys`` needs a body that is parsed, no ``advanced_templates``, and keys without dots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs

from canarysim.errors import InvalidValue
from canarysim.table import regex
from canarysim.table.inja import parse
from canarysim.table.values import as_tuple

if TYPE_CHECKING:
    from canarysim.problems import Problem, Where

__all__ = ["Extraction", "ParseBodyBehavior", "Template", "Transformation", "UpstreamRequest"]

ParseBodyBehavior = Literal["ParseAsJson", "DontParse"]


@attrs.frozen
class Template:
    """An Inja template, as ordinary text, and where it stands."""

    text: str
    source: Where | None = attrs.field(default=None, eq=False)

    @classmethod
    def of(cls, template: str | Template) -> Template:
        """The template, which may be given as its text."""
        return template if isinstance(template, Template) else cls(template)


def _optional(template: str | Template | None) -> Template | None:
    return None if template is None else Template.of(template)


def _templates(templates: Iterable[str | Template]) -> tuple[Template, ...]:
    return tuple(map(Template.of, as_tuple(templates)))


def _named(
    templates: Mapping[str, str | Template] | Iterable[tuple[str, str | Template]],
) -> tuple[tuple[str, Template], ...]:
    pairs: Any = templates.items() if isinstance(templates, Mapping) else as_tuple(templates)
    return tuple((name, Template.of(template)) for name, template in pairs)


@attrs.frozen
class Extraction:
    """A variable: what a subgroup of ``regex`` takes of a header, pseudo headers included (fact 1).

    ``open`` says why its value is not known offline, where that is so. Raises InvalidValue for a regex that RE2
    refuses and for a subgroup that it does not have.

    >>> Extraction("id", ":path", r"/pets/([0-9]+)").value_of("/pets/7")
    '7'
    """

    name: str
    header: str
    regex: str = "(.*)"
    subgroup: int = 1
    open: str = attrs.field(default="", kw_only=True)

    def __attrs_post_init__(self) -> None:
        try:
            groups = regex.compile(self.regex, "latin-1").groups
        except regex.RegexError as error:
            raise InvalidValue("bad_regex", str(error)) from None
        if isinstance(self.subgroup, bool) or not isinstance(self.subgroup, int) or self.subgroup < 0:
            raise InvalidValue("bad_subgroup", f"a subgroup is a number from 0, not {self.subgroup!r}")
        if self.subgroup > groups:
            raise InvalidValue("bad_subgroup", f"subgroup {self.subgroup} of a regex with {groups}: {self.regex}")

    def value_of(self, text: str) -> str:
        """What it takes of a header's value, both as octets. Raises regex.NotSimulated."""
        return regex.compile(self.regex, "latin-1").extract(text, self.subgroup) or ""


@attrs.frozen(kw_only=True)
class Transformation:
    """Gloo's TransformationTemplate: new headers (pseudo headers included) and a new body, made of a request.

    Fields are named as in its configuration. ``headers`` replace, ``headers_to_append`` add; both may be given as
    mappings of names to text. ``unsent`` are templates whose results no upstream sees (metadata, spans), but which
    can fail. Without ``body``, ``passthrough``, ``merge_extractors_to_body`` and ``merge_json_keys`` the body is
    read, and stays. Raises InvalidValue for a template that does not parse.

    >>> told = Transformation(headers={":path": "/pets/{{ id }}"}, extractors=[Extraction("id", "x-id")])
    >>> told.headers[0][1].text
    '/pets/{{ id }}'
    """

    extractors: tuple[Extraction, ...] = attrs.field(default=(), converter=as_tuple)
    headers: tuple[tuple[str, Template], ...] = attrs.field(default=(), converter=_named)
    headers_to_append: tuple[tuple[str, Template], ...] = attrs.field(default=(), converter=_named)
    headers_to_remove: tuple[str, ...] = attrs.field(default=(), converter=as_tuple)
    body: Template | None = attrs.field(default=None, converter=_optional)
    passthrough: bool = False
    merge_extractors_to_body: bool = False
    merge_json_keys: tuple[tuple[str, Template], ...] | None = attrs.field(
        default=None, converter=attrs.converters.optional(_named)
    )
    advanced_templates: bool = False
    escape_characters: bool = False
    parse_body_behavior: ParseBodyBehavior = "ParseAsJson"
    ignore_error_on_parse: bool = False
    unsent: tuple[Template, ...] = attrs.field(default=(), converter=_templates)
    source: Where | None = attrs.field(default=None, eq=False)

    def __attrs_post_init__(self) -> None:
        bodies = (self.body is not None, self.passthrough, self.merge_extractors_to_body)
        if sum(bodies) + (self.merge_json_keys is not None) > 1:
            raise InvalidValue("two_bodies", "a body is made in one way only")
        if self.parse_body_behavior not in get_args(ParseBodyBehavior):
            raise InvalidValue(
                "bad_parse_body_behavior", f"{self.parse_body_behavior!r} is none of {get_args(ParseBodyBehavior)}"
            )
        names = [extraction.name for extraction in self.extractors]
        if len(set(names)) < len(names):
            raise InvalidValue("duplicate_extractor", "two extractors have the same name")
        if self.merge_json_keys is not None:
            if self.parse_body_behavior != "ParseAsJson" or self.advanced_templates:
                raise InvalidValue(
                    "bad_merge_json_keys", "mergeJsonKeys needs a body that is parsed, and no advancedTemplates"
                )
            for key, _ in self.merge_json_keys:
                if "." in key:
                    raise InvalidValue("bad_merge_json_keys", f"the key {key!r} has a dot")
        for template in self.templates:
            parse(template.text, self.advanced_templates)

    @property
    def templates(self) -> tuple[Template, ...]:
        """All templates, those of the body first."""
        body = () if self.body is None else (self.body,)
        named = (*(self.merge_json_keys or ()), *self.headers, *self.headers_to_append)
        return (*body, *self.unsent, *(template for _, template in named))


@attrs.frozen(kw_only=True)
class UpstreamRequest:
    """What a function makes of a request: what its Upstream is sent, after all that the route changes.

    Texts are octets (one character a byte), ``headers`` like ``Decision.request_headers``. A part that is not
    known offline is None, and ``unknown`` says why. ``refused`` says why Envoy answers 400 instead, where it does;
    then nothing is sent, and all parts are None.
    """

    method: str | None = None
    path: str | None = None
    authority: str | None = None
    headers: tuple[tuple[str, str], ...] | None = None
    body: bytes | None = None
    unknown: tuple[Problem, ...] = attrs.field(default=(), eq=False)
    refused: str = ""

    def __str__(self) -> str:
        from canarysim.request import octets, readable

        if self.refused:
            return f"nothing: Envoy answers 400 ({readable(octets(self.refused))})"
        method = "an open method" if self.method is None else readable(self.method)
        return f"{method} {'to an open path' if self.path is None else readable(self.path)}"
