"""Random rewrites of paths and hosts, and format strings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.table.formats import FormatString
from canarysim.table.rewrites import HostRewrite, PrefixRewrite, RegexRewrite
from canarysim.table.templates import FormatRewrite, PathTemplate, TemplateRewrite
from canarysim.testing.strategies.pools import (
    FORMATS,
    HOST_FORMATS,
    PATH_FORMATS,
    REPLACEMENTS,
    UNDETERMINED_FORMATS,
)

if TYPE_CHECKING:
    from canarysim.table.matchers import PathMatcher
    from canarysim.table.rewrites import PathRewrite
    from canarysim.testing.strategies.choices import Choices
    from canarysim.testing.strategies.conditions import Dialect

__all__ = ["header_format", "host_rewrite", "path_rewrite", "plain_path_rewrite"]


def plain_path_rewrite(choices: Choices, match: PathMatcher) -> PrefixRewrite | RegexRewrite:
    """One that a redirect may have as well. Beside a template Envoy takes none of a prefix."""
    if choices.chance(45) or isinstance(match, PathTemplate):
        return RegexRewrite(*choices.pick(REPLACEMENTS))
    return PrefixRewrite(choices.pick(("/new", "/", "/n/", "", "/q?r=1", "/new-x")))


def path_rewrite(choices: Choices, dialect: Dialect, match: PathMatcher) -> PathRewrite:
    """One that Envoy takes beside that condition on the path."""
    if isinstance(match, PathTemplate) and not match.template.matches_nothing and choices.chance(60):
        return _template_rewrite(choices, match.template.variables)
    if dialect.envoy != "1.36" and not dialect.gloo and choices.chance(25):
        return FormatRewrite(choices.pick(PATH_FORMATS))
    return plain_path_rewrite(choices, match)


def _template_rewrite(choices: Choices, variables: tuple[str, ...]) -> TemplateRewrite:
    if not variables:
        return TemplateRewrite(choices.pick(("/new", "/", "/*-x.b/")))
    one, two = choices.pick(variables), choices.pick(variables)
    texts = (f"/new/{{{one}}}", f"/{{{one}}}", f"/{{{one}}}{{{two}}}", f"/{{{one}}}/x-{{{two}}}.b", "/new")
    return TemplateRewrite(choices.pick(texts))


def host_rewrite(choices: Choices, dialect: Dialect) -> HostRewrite:
    append = choices.chance(30)
    kinds = ("literal", "literal", "header", "path", "format")
    kind = choices.pick(kinds[:-1] if dialect.envoy == "1.36" or dialect.gloo else kinds)
    if kind == "literal":
        literal = choices.pick(("new.example", "new.example:81", ""))
        return HostRewrite(literal=literal, append_x_forwarded_host=append)
    if kind == "header":
        header = choices.pick(("x-a", "X-B", "host", "cookie"))
        return HostRewrite(header=header, append_x_forwarded_host=append)
    if kind == "format":
        made = FormatString(choices.pick(HOST_FORMATS), in_header=False)
        return HostRewrite(format=made, append_x_forwarded_host=append)
    return HostRewrite(path_regex=RegexRewrite(*choices.pick(REPLACEMENTS)), append_x_forwarded_host=append)


def header_format(choices: Choices) -> FormatString:
    """What the value of a header is made of: now and then of what no request tells."""
    return FormatString(choices.pick(UNDETERMINED_FORMATS if choices.chance(4) else FORMATS))
