r"""REST functions: the transformation that an Upstream's template and the parameters of a route make together.

Facts (source of Gloo 1.22, gloo/pkg/plugins/rest and gloo/pkg/plugins/utils/transformation/extractors.go):

1. The extractors of the Upstream's template are replaced by those made of the route's ``parameters``; without
   ``parameters`` there are none.
2. With ``parameters``, even empty ones, two come first: ``path`` and ``method``, as if ``{path}`` stood for
   ``:path`` and ``{method}`` for ``:method``. Then comes ``parameters.path`` for ``:path``, then those of
   ``parameters.headers`` in an order that is not defined. A later one replaces an earlier one of the same name;
   a parameter that is empty is skipped.
3. A parameter is a text with names in braces, by ``\{\s*([\.\-_[:word:]]+)\s*\}``. All that is between is
   taken as it is, each name becomes the group ``([\-._%[:alnum:]]+)``, and the i-th name its i-th subgroup. A
   brace that opens and belongs to no name is an error.
4. A parameter without braces makes one extractor of the whole header, named after it without its colon; the text
   itself plays no part.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from canarysim.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from canarysim.manifests.fields import Record
    from canarysim.table.transformations import Extraction, Template, Transformation

__all__ = ["extractors", "request_extractors", "rest_function"]

# Patterns as text are compiled when they are first needed.
_NAME = r"\{[\t\n\f\r ]*([.\-_0-9A-Za-z]+)[\t\n\f\r ]*\}"
_GROUP = r"([\-._%[:alnum:]]+)"
_SPECIAL = r"[\\.+*?()|\[\]{}^$]"


def extractors(header: str, parameter: str) -> tuple[Extraction, ...]:
    r"""The extractors that Gloo makes of one parameter (facts 3 and 4); of equal names the last one counts.

    Raises InvalidValue (``bad_parameters``) for braces that are not closed around a name.

    >>> [(one.name, one.subgroup, one.regex) for one in extractors(":path", "/pets/{ id }")]
    [('id', 1, '/pets/([\\-._%[:alnum:]]+)')]
    """
    from canarysim.table.transformations import Extraction

    if not parameter:
        return ()
    names = re.findall(_NAME, parameter)
    if len(names) != parameter.count("{"):
        raise InvalidValue(
            "bad_parameters",
            f"{parameter!r}: braces must be closed, around letters, digits, '.', '-' and '_' only",
            hint="write a name in braces, as in /pets/{id}",
        )
    if not names:
        return (Extraction(header.removeprefix(":"), header),)
    literals = re.split(_NAME, parameter)[::2]
    regex = _GROUP.join(re.sub(_SPECIAL, r"\\\g<0>", literal) for literal in literals)
    found = {name: Extraction(name, header, regex, number) for number, name in enumerate(names, 1)}
    return tuple(found.values())


def request_extractors(path: str, headers: Mapping[str, str]) -> tuple[Extraction, ...]:
    """All extractors of a route with parameters (fact 2). Raises InvalidValue as ``extractors`` does.

    What two headers extract under one name is not known offline.

    >>> [one.name for one in request_extractors("/{id}", {"x-user": "{user}"})]
    ['path', 'method', 'id', 'user']
    """
    import attrs

    parts = [extractors(":path", "{path}"), extractors(":method", "{method}"), extractors(":path", path)]
    found = {one.name: one for part in parts for one in part}
    by_name: dict[str, list[Extraction]] = {}
    for header, parameter in headers.items():
        for one in extractors(header, parameter):
            by_name.setdefault(one.name, []).append(one)
    for name, several in by_name.items():
        found[name] = several[0]
        if len(several) > 1:
            listed = " and ".join(one.header for one in several)
            why = f"{name} is extracted from {listed}, and which one counts is not defined"
            found[name] = attrs.evolve(several[0], open=why)
    return tuple(found.values())


def rest_function(template: Record, parameters: Record | None) -> Transformation | None:
    """What a REST function makes of requests, of its template in the Upstream and the parameters of the route.

    ``template`` is a TRANSFORMATION_TEMPLATE, ``parameters`` PARAMETERS of ``destinationSpec.rest``, None without.
    None, after a problem at its place, where something of them is wrong.
    """
    from canarysim.table.transformations import Transformation

    found = () if parameters is None else _extractors_of(parameters)
    if found is None or template.damaged or template.misspelt or not _all_parse(template):
        return None
    keys = template["mergeJsonKeys"].get("jsonKeys", {}) if "mergeJsonKeys" in template else None
    try:
        made = Transformation(
            extractors=found,
            headers={name: _template(record) for name, record in template.get("headers", {}).items()},
            headers_to_append=[
                (record.get("key", ""), _template(record.get("value")))
                for record in template.get("headersToAppend", ())
            ],
            headers_to_remove=template.get("headersToRemove", ()),
            body=_template(template["body"]) if "body" in template else None,
            passthrough="passthrough" in template,
            merge_extractors_to_body="mergeExtractorsToBody" in template,
            merge_json_keys=(
                None if keys is None else {name: _template(record.get("tmpl")) for name, record in keys.items()}
            ),
            advanced_templates=template.get("advancedTemplates", False),
            escape_characters=template.get("escapeCharacters", False),
            parse_body_behavior=template.get("parseBodyBehavior", "ParseAsJson"),
            ignore_error_on_parse=template.get("ignoreErrorOnParse", False),
            unsent=list(map(_template, _unsent(template))),
            source=template.where(),
        )
    except InvalidValue as wrong:
        template.wrong(wrong, "mergeJsonKeys" if wrong.code == "bad_merge_json_keys" else None)
        return None
    if keys is not None:
        text = "mergeJsonKeys is not simulated: what the upstream of the function is sent is open"
        template.warn("not_simulated", text, "mergeJsonKeys")
    return made


def _extractors_of(parameters: Record) -> tuple[Extraction, ...] | None:
    """The extractors; None, after a problem, where a parameter is wrong."""
    path: str = parameters.get("path", "")
    headers: Mapping[str, str] = parameters.get("headers", {})
    good = not parameters.damaged and not parameters.misspelt
    for name, header, parameter in (("path", ":path", path), *(("headers", *pair) for pair in headers.items())):
        try:
            extractors(header, parameter)
        except InvalidValue as wrong:
            parameters.wrong(wrong, name)
            good = False
    return request_extractors(path, headers) if good else None


def _unsent(template: Record) -> Iterator[Record | None]:
    """The templates whose results no upstream sees, but which can fail."""
    for value in template.get("dynamicMetadataValues", ()):
        yield value.get("value")
    if "spanTransformer" in template and "name" in template["spanTransformer"]:
        yield template["spanTransformer"]["name"]


def _all_parse(template: Record) -> bool:
    """Whether every template parses; problems name those that do not, each at its place."""
    from canarysim.table.inja import parse

    keys = template["mergeJsonKeys"].get("jsonKeys", {}) if "mergeJsonKeys" in template else {}
    records: list[Record | None] = [
        *template.get("headers", {}).values(),
        *(record.get("value") for record in template.get("headersToAppend", ())),
        template.get("body"),
        *(record.get("tmpl") for record in keys.values()),
        *_unsent(template),
    ]
    good = True
    for record in records:
        if record is not None:
            try:
                parse(record.get("text", ""), template.get("advancedTemplates", False))
            except InvalidValue as wrong:
                record.wrong(wrong, "text")
                good = False
    return good


def _template(record: Record | None) -> Template:
    """An InjaTemplate; one that is not written is empty."""
    from canarysim.table.transformations import Template

    return Template("") if record is None else Template(record.get("text", ""), record.where("text"))
