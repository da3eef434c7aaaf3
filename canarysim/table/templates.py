"""Matchers and rewrites that few tables need: URI templates, and paths made of format strings.

Facts (Envoy documentation of RouteMatch and RouteAction; run on 1.36.4 and 1.40.0, see tests/envoy):

1. A URI template sees the path without query, its parameters included, always with regard to case. What it asks
   of a path, and what its variables hold, is in uri_template.py.
2. A template rewrite replaces the whole path; the query stays.
3. A format (``path_rewrite``, since 1.40) replaces the whole path by what it makes of the request, where a value
   that is missing is nothing; the query stays. A result that is empty leaves the path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from canarysim.errors import InvalidValue
from canarysim.table.formats import FormatString
from canarysim.table.matchers import PathMatcher
from canarysim.table.rewrites import PrefixRewrite
from canarysim.table.uri_template import UriTemplate, UriTemplateRewrite
from canarysim.table.views import PathView

if TYPE_CHECKING:
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.http import Seen
    from canarysim.table.strings import Test
    from canarysim.table.values import Undetermined

__all__ = ["FormatRewrite", "PathTemplate", "TemplateRewrite"]

_TYPE = "type.googleapis.com/envoy.extensions.path.{0}.uri_template.v3.UriTemplate{1}Config"


@attrs.frozen
class RawPathView(PathView):
    """The path without query, its parameters included."""

    name: ClassVar[str] = "path"

    def get(self, seen: Seen) -> str:
        return seen.route_path


def _template(template: UriTemplate | str) -> UriTemplate:
    return UriTemplate(template) if isinstance(template, str) else template


@attrs.frozen
class PathTemplate(PathMatcher):
    """``path_match_policy`` with a URI template: all of the path fits it."""

    template: UriTemplate = attrs.field(converter=_template)

    @property
    def view(self) -> RawPathView:
        return RawPathView()

    def test(self, envoy: Behaviour) -> Test:
        return self.template.matches

    def check_rewrite(self, rewrite: object) -> None:
        if isinstance(rewrite, PrefixRewrite):
            raise InvalidValue(
                "prefix_rewrite_of_template", "prefix_rewrite cannot stand beside path_match_policy"
            )
        if isinstance(rewrite, TemplateRewrite):
            rewrite.rewrite.check(self.template)

    def refused_by(self, envoy: Behaviour) -> str | None:
        return self.template.refused_by(envoy.version)

    def describe(self) -> str:
        return f"fits {self.template.text!r}"

    def to_envoy(self) -> dict[str, Any]:
        config = {"@type": _TYPE.format("match", "Match"), "path_template": self.template.text}
        return {
            "path_match_policy": {
                "name": "envoy.path.match.uri_template.uri_template_matcher",
                "typed_config": config,
            }
        }


def _rewrite(rewrite: UriTemplateRewrite | str) -> UriTemplateRewrite:
    return UriTemplateRewrite(rewrite) if isinstance(rewrite, str) else rewrite


@attrs.frozen
class TemplateRewrite:
    """``path_rewrite_policy``: the path that a template makes of what the template of the matcher holds."""

    rewrite: UriTemplateRewrite = attrs.field(converter=_rewrite)

    def why_unknown(self, envoy: Behaviour) -> str | None:
        return None

    def apply(self, path: str, match: PathMatcher, envoy: Behaviour, seen: Seen) -> str | None:
        """The new path of a path without query; None where it is not rewritten."""
        captured = match.template.capture(path) if isinstance(match, PathTemplate) else None
        return None if captured is None else self.rewrite.apply(captured)

    def to_envoy(self) -> dict[str, Any]:
        config = {"@type": _TYPE.format("rewrite", "Rewrite"), "path_template_rewrite": self.rewrite.text}
        name = "envoy.path.rewrite.uri_template.uri_template_rewriter"
        return {"path_rewrite_policy": {"name": name, "typed_config": config}}

    def __str__(self) -> str:
        return self.rewrite.text


def _format(text: FormatString | str) -> FormatString:
    return FormatString(text, in_header=False) if isinstance(text, str) else text


@attrs.frozen
class FormatRewrite:
    """``path_rewrite``: the path that a format string makes of the request (fact 3)."""

    format: FormatString = attrs.field(converter=_format)

    def why_unknown(self, envoy: Behaviour) -> str | None:
        return self.format.why_unknown

    def apply(self, path: str, match: PathMatcher, envoy: Behaviour, seen: Seen) -> str | Undetermined | None:
        """The new path of a path without query; None where it is not rewritten."""
        return self.format.render(seen, seen.fields) or None

    def to_envoy(self) -> dict[str, Any]:
        return {"path_rewrite": self.format.text}

    def __str__(self) -> str:
        return self.format.text
