"""What Gloo's transformation filter makes of a request, and what the router then sends of it.

Facts (envoy-gloo: transformation_filter.cc, inja_transformer.cc):

1. The filter stands before the router, which changes headers, host and path of what the filter made.
2. It waits for the whole body, but not with ``passthrough``: then templates see an empty one. A body that is
   too large for its buffer (1 MiB unless told otherwise) is answered 413.
3. A body that is not empty is parsed as JSON; 400 where it is none, unless ``ignore_error_on_parse``. Extractions
   are put into it as variables, a dot in their names being a step into an object, and replace what has the same
   name; 400 where the step leads into what is no object. ``advanced_templates`` keeps them apart.
4. First the body is made, then ``headers`` one after the other in an order that is not defined, each removed
   and then set where the text is not empty; then ``headers_to_remove``; then ``headers_to_append`` in
   their order. Templates see the headers as they are by then. One that fails is answered 400.
5. With a new body ``content-length`` is that body's. Where there is no body in the end, ``content-type`` is
   removed, but not with ``passthrough``.
6. What the router does to the path of a function is not told by anything: glooctl says that functions override
   a prefix rewrite, Envoy's code rewrites what the filter made.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from canarysim.problems import Problem, Severity, Where
from canarysim.request import octets, readable
from canarysim.table.headers import Invented
from canarysim.table.http import Seen
from canarysim.table.inja import parse
from canarysim.table.inja_json import NoJson, TooPrecise, from_json, to_json
from canarysim.table.inja_render import Fails, Open, Unsimulated, Variables, known, render
from canarysim.table.mutations import SINGLE_IN_REQUESTS, Mutated, sent_upstream
from canarysim.table.regex import NotSimulated
from canarysim.table.transformations import UpstreamRequest
from canarysim.table.upstream import upstream

if TYPE_CHECKING:
    from canarysim.table.actions import Destination, RouteAction
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.mutations import HeaderMutations
    from canarysim.table.routes import Route
    from canarysim.table.transformations import Extraction, Template, Transformation

__all__ = ["Behind", "upstream_request"]

_MOST_BYTES = 2**20
_UNFIT = re.compile(r"[\0\r\n]")
_OWN = ("x-forwarded-proto", "x-request-id")


class Behind(NamedTuple):
    """What comes behind the filter: changes of headers, and what leaves which parts open in any case."""

    entry: HeaderMutations | None = None
    levels: tuple[HeaderMutations, ...] = ()
    unknown: tuple[Problem, ...] = ()
    parts: tuple[str, ...] = ()


def upstream_request(
    action: RouteAction, route: Route, destination: Destination, seen: Seen, envoy: Behaviour, behind: Behind
) -> UpstreamRequest:
    """What a destination with a transformation is sent. Cost: that of its templates, and O(headers)."""
    transformation = destination.transformation
    assert transformation is not None
    if not {"path", "authority"}.isdisjoint(behind.parts):
        return UpstreamRequest(unknown=behind.unknown)
    filtered = _Filter(transformation, seen)
    try:
        filtered.run()
    except Fails as error:
        filtered.refused.append(str(error))
    except Unsimulated as error:
        if not filtered.refused:
            return UpstreamRequest(unknown=(*behind.unknown, filtered.problem(str(error), None)))
    except RecursionError:
        why = "variables that are nested so deeply are not simulated"
        return UpstreamRequest(unknown=(*behind.unknown, filtered.problem(why, None)))
    if filtered.refused:
        return UpstreamRequest(refused=filtered.refused[0])
    return _routed(filtered, action, route, destination, envoy, behind)


def _routed(
    filtered: _Filter,
    action: RouteAction,
    route: Route,
    destination: Destination,
    envoy: Behaviour,
    behind: Behind,
) -> UpstreamRequest:
    """What the router sends of what the filter made (facts 1 and 6)."""
    pseudo, problems = filtered.pseudo, filtered.problems
    unsure = {name for name, value in pseudo.items() if isinstance(value, Open)}
    unsure_before = bool(unsure)
    open_headers = "request_headers" in behind.parts or any(isinstance(v, Open) for _, v in filtered.fields)
    if action.path_rewrite is not None and ":path" in filtered.changes:
        why = "the route rewrites the path that the function sets, and what comes of both is not known"
        problems.append(Problem("not_simulated", Severity.WARNING, why, route.source or Where()))
        unsure.add(":path")
        open_headers = True
        action = attrs.evolve(action, path_rewrite=None)
    changes = behind.entry is not None or bool(behind.levels)
    rewrite = action.host_rewrite
    literal = destination.host_rewrite or (rewrite is not None and rewrite.literal)
    if rewrite is not None and not rewrite.literal and (unsure or open_headers):
        unsure.add(":authority")
    elif literal:
        unsure.discard(":authority")
    if unsure_before and (changes or rewrite is not None or action.path_rewrite is not None):
        open_headers = True
    sent = upstream(action, route, destination, filtered.seen_after(), envoy, behind.entry, behind.levels)
    for why in dict.fromkeys(sent.open.values()):
        problems.append(Problem("not_simulated", Severity.WARNING, why, route.source or Where()))
    open_headers = open_headers or "request_headers" in sent.open
    method = pseudo[":method"]
    return UpstreamRequest(
        method=None if isinstance(method, Open) else method,
        path=None if ":path" in unsure or "path" in sent.open else sent.path,
        authority=None if ":authority" in unsure or "authority" in sent.open else sent.authority,
        headers=None if open_headers else sent_upstream(Mutated(sent.headers), envoy.version).fields,
        body=filtered.sent_body,
        unknown=tuple(dict.fromkeys((*behind.unknown, *problems))),
    )


class _Filter:
    """A request on its way through the filter."""

    def __init__(self, transformation: Transformation, seen: Seen) -> None:
        self.transformation = transformation
        self.seen = seen
        self.pseudo: dict[str, str | Open] = {
            ":method": seen.method,
            ":path": seen.path,
            ":authority": seen.authority,
            ":scheme": seen.scheme,
        }
        self.fields: list[tuple[str, str | Open]] = list(seen.fields)
        there = {name for name, _ in seen.fields}
        #: What Envoy adds to every request, where the client does not say it.
        self.own = {name: values for name in _OWN if name not in there and (values := seen.values(name))}
        self.problems: list[Problem] = []
        self.refused: list[str] = []
        self.body = b"" if transformation.passthrough else seen.request.body
        self.sent_body: bytes | None = seen.request.body
        self.context: Any = None
        self.extractions: dict[str, tuple[str, str | Open]] = {}
        #: The headers that are changed so far, and those that are in an order that is not defined.
        self.changed: set[str] = set()
        self.moving: set[str] = set()

    @property
    def changes(self) -> set[str]:
        """The headers that the transformation names to change."""
        told = self.transformation
        names = (name for name, _ in (*told.headers, *told.headers_to_append))
        return {_key(name) for name in (*names, *told.headers_to_remove)}

    def run(self) -> None:
        """Facts 2 to 5. Raises Fails, and Unsimulated where nothing is known of the outcome."""
        transformation = self.transformation
        if self.seen.asks_upgrade:
            raise Unsimulated("what a function makes of a request for another protocol is not simulated")
        if len(self.body) > _MOST_BYTES:
            raise Unsimulated("the body is larger than Envoy's usual buffer")
        if transformation.merge_json_keys is not None:
            raise Unsimulated("mergeJsonKeys is not simulated")
        self.parse_body()
        self.extract()
        made: str | Open | None = None
        if transformation.body is not None:
            made = self.written("the body", transformation.body)
        elif transformation.merge_extractors_to_body:
            made = self.merged()
        for template in transformation.unsent:
            self.written("metadata", template)
        self.set_headers()
        for name in transformation.headers_to_remove:
            self.remove(_key(name))
        for name, template in transformation.headers_to_append:
            self.append(_key(name), self.written(f"the header {name}", template), template)
        if made is not None:
            self.remove("content-length")
            self.sent_body = None if isinstance(made, Open) else made.encode("latin-1")
            self.fields.append(("content-length", made if isinstance(made, Open) else str(len(made))))
        if self.sent_body == b"" and not transformation.passthrough:
            self.remove("content-type")
        elif self.sent_body is None:
            why = Open("whether there is a body is not known")
            self.fields = [(name, why if name == "content-type" else value) for name, value in self.fields]

    # What templates ask (facts 2 and 3)

    def parse_body(self) -> None:
        if not self.body or self.transformation.parse_body_behavior == "DontParse":
            return
        try:
            self.context = from_json(self.body.decode("latin-1"))
        except NoJson as error:
            if not self.transformation.ignore_error_on_parse:
                raise Fails(f"the body is no JSON: {error}") from None
        except RecursionError:
            raise Unsimulated("the body is nested too deep") from None

    def extract(self) -> None:
        found = {
            octets(one.name): (_key(one.header), self.extracted(one)) for one in self.transformation.extractors
        }
        if self.transformation.advanced_templates:
            self.extractions = found
            return
        paths = {name: tuple(name.split(".")) for name in found}
        for name, steps in paths.items():
            if any(steps[:length] in paths.values() for length in range(1, len(steps))):
                raise Unsimulated(f"{readable(name)} and what it begins with are extracted in no defined order")
            self.context = _with(self.context, steps, found[name][1])

    def extracted(self, extraction: Extraction) -> str | Open:
        if extraction.open:
            return Open(extraction.open)
        try:
            value = self.first(_key(extraction.header))
            return "" if value is None else extraction.value_of(value)
        except (Unsimulated, NotSimulated) as error:
            return Open(str(error))

    def first(self, key: str) -> str | None:
        """The first value of a header as it is by now; None without one. Raises Unsimulated."""
        if key in self.pseudo:
            value: str | Open | None = self.pseudo[key] or None
        else:
            values = self.own.get(key, ())
            value = next((value for name, value in self.fields if name == key), values[0] if values else None)
        if isinstance(value, Open):
            raise Unsimulated(value.why)
        if isinstance(value, Invented):
            raise Unsimulated(f"Envoy makes up the value of {key}")
        if value is None and self.seen.request.body and key in ("content-length", "transfer-encoding"):
            raise Unsimulated(f"whether the client sends {key} is not known")
        return value

    def variables(self, current: str) -> Variables:
        """What the template of a header (or of none) can ask."""

        def settled(key: str) -> str:
            if key in self.moving and key != current:
                raise Unsimulated(f"{key} changes before or after it, in an order that is not defined")
            return key

        def header(name: str) -> str:
            return self.first(settled(_key(name))) or ""

        def extraction(name: str) -> str:
            key, value = self.extractions.get(name, ("", ""))
            if settled(key) in self.changed:
                raise Unsimulated(f"what extraction gives of {key} after that was changed is not defined")
            if isinstance(value, Open):
                raise Unsimulated(value.why)
            return value

        body = self.body.decode("latin-1")
        return Variables(self.context, body, header, extraction, self.transformation.escape_characters)

    def written(self, what: str, template: Template, current: str = "") -> str | Open:
        """What a template writes; nothing where it fails, which is kept."""
        try:
            return render(parse(template.text, self.transformation.advanced_templates), self.variables(current))
        except Fails as error:
            self.refused.append(f"{what}: {error}")
            return ""
        except Unsimulated as error:
            return self.left_open(f"{what}: {error}", template)

    def merged(self) -> str | Open:
        """All variables as JSON."""
        try:
            return to_json(known(self.context))
        except NoJson as error:
            self.refused.append(f"the body: {error}")
            return ""
        except (Unsimulated, TooPrecise) as error:
            return self.left_open(f"the body: {error}", None)

    def problem(self, why: str, template: Template | None) -> Problem:
        source = None if template is None else template.source
        return Problem("not_simulated", Severity.WARNING, why, source or self.transformation.source or Where())

    def left_open(self, why: str, template: Template | None) -> Open:
        self.problems.append(self.problem(why, template))
        return Open(why)

    # Headers (fact 4)

    def set_headers(self) -> None:
        keys = [_key(name) for name, _ in self.transformation.headers]
        self.moving = set(keys)
        for key, (name, template) in zip(keys, self.transformation.headers, strict=True):
            value = self.written(f"the header {name}", template, key)
            if keys.count(key) > 1:
                value = self.left_open(f"the header {name} is set twice, in no defined order", template)
            if isinstance(value, str) and _UNFIT.search(value):
                value = self.left_open(f"the header {name} gets a value with NUL, CR or LF", template)
            if key in self.pseudo and value:
                self.pseudo[key] = value
                continue
            self.remove(key)
            if value:
                self.fields.append((key, value))
        self.moving = set()
        self.changed |= set(keys)

    def remove(self, key: str) -> None:
        self.changed.add(key)
        if key in self.pseudo:
            self.pseudo[key] = self.left_open(f"{key} is removed, and what comes of that is not simulated", None)
        self.own.pop(key, None)
        self.fields = [field for field in self.fields if field[0] != key]

    def append(self, key: str, value: str | Open, template: Template) -> None:
        """Adds a value; of what can stand only once the values are joined (mutations.py, fact 4)."""
        if not value:
            return
        self.changed.add(key)
        place = next((place for place, field in enumerate(self.fields) if field[0] == key), None)
        if key in self.pseudo:
            self.pseudo[key] = self.left_open(f"appending to {key} is not simulated", template)
        elif key in self.own or (isinstance(value, str) and _UNFIT.search(value)):
            self.fields.append((key, self.left_open(f"appending to {key} is not simulated", template)))
        elif place is None or key not in SINGLE_IN_REQUESTS:
            self.fields.append((key, value))
        else:
            old = self.fields[place][1]
            joined = f"{old},{value}" if isinstance(old, str) and isinstance(value, str) else None
            self.fields[place] = key, joined or Open("one of its values is not known")

    def seen_after(self) -> Seen:
        """The request as the router sees it; what is not known is Invented, or as it was."""
        seen = self.seen
        fields = tuple((name, Invented(v.why) if isinstance(v, Open) else v) for name, v in self.fields)
        headers: dict[str, tuple[str, ...]] = {name: self.own.get(name, ()) for name in _OWN}
        for name, value in fields:
            headers[name] = (*headers[name], value) if headers.get(name) else (value,)
        before = {":method": seen.method, ":path": seen.path, ":authority": seen.authority, ":scheme": seen.scheme}
        now = [before[key] if isinstance(value, Open) else value for key, value in self.pseudo.items()]
        method, path, authority, scheme = now
        return Seen(
            *(seen.request, path, method, authority, scheme, seen.listener, headers, fields),
            seen.notes,
        )


def _key(name: str) -> str:
    """The name of a header as Envoy keeps it, as octets."""
    key = octets(name).encode("latin-1").lower().decode("latin-1")
    return ":authority" if key == "host" else key


def _with(context: Any, steps: tuple[str, ...], value: str | Open) -> Any:
    """The variables with one more."""
    holders = []
    for step in steps:
        if context is None:
            context = {}
        if not isinstance(context, dict):
            raise Fails(f"the body has no object to put {readable(step)} into")
        holders.append((context, step))
        context = context.get(step)
    made: Any = value
    for holder, step in reversed(holders):
        made = {**holder, step: made}
    return made
