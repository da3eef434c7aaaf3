"""What a template of the transformation filter makes of a request (inja.py reads templates).

Facts (Inja 3.4.0 with the patches of solo-io/inja, and envoy-gloo's inja_transformer.cc; read in their sources):

1. A name is looked up among what ``for`` and ``set`` made (and ``loop``, which is always there), then among
   the variables; then it may be a function without arguments. A name that is not found makes the template fail,
   but not as the first argument of ``default``. A null is found.
2. A text is written as it is, or with ``escape_characters`` as in JSON without the quotes; null as nothing; else
   JSON.
3. ``header`` and ``request_header`` are the first value of a header, as it is by then, and empty where there is
   none; ``extraction`` likewise.
4. ``exists`` looks at the variables alone, and always by dots. Behind a ``for`` its names are found still, empty.
5. False, null, 0, and empty lists and objects are not true; all else is, the empty text too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from canarysim.request import readable
from canarysim.table.inja import Call, Data, For, If, Literal, Opaque, Operation, Output, Set, steps_of
from canarysim.table.inja_functions import (
    FUNCTIONS,
    Fails,
    Unsimulated,
    equal,
    is_int,
    is_number,
    ordered,
    text_of,
)
from canarysim.table.inja_json import NoJson, TooPrecise, to_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarysim.table.inja import Block, Expression

__all__ = ["Fails", "Open", "Unsimulated", "Variables", "known", "render"]


class Open(NamedTuple):
    """A variable whose value is not known offline, and why."""

    why: str


class Variables(NamedTuple):
    """What templates can ask of a request, as octets. The two functions may raise Unsimulated."""

    context: Any
    body: str
    header: Callable[[str], str]
    extraction: Callable[[str], str]
    escapes: bool = False


class _Missing:
    """The value of a name that is not found."""


#: Longer texts are not put together: a few lines of a template would fill the memory.
_MOST_TEXT = 2**20
_MISSING = _Missing()


def render(template: Block, variables: Variables) -> str:
    """What a template writes. Raises Fails, or Unsimulated where that is not known offline."""
    try:
        return _Renderer(variables).block(template)
    except NoJson as error:
        raise Fails(str(error)) from None
    except TooPrecise as number:
        raise Unsimulated(f"how Envoy writes the number {number} is not known") from None
    except RecursionError:
        raise Unsimulated("it is nested too deep") from None


class _Renderer:
    def __init__(self, variables: Variables) -> None:
        self.variables = variables
        self.data = variables.context if isinstance(variables.context, dict) else {}
        self.scope: dict[str, Any] = {"loop": None}
        self.looping = False

    def block(self, nodes: Block) -> str:
        written: list[str] = []
        for node in nodes:
            match node:
                case str():
                    written.append(node)
                case Output(expression):
                    written.append(self.shown(self.value(expression)))
                case If(condition, then, otherwise):
                    written.append(self.block(then if truthy(self.value(condition)) else otherwise))
                case For():
                    written.append(self.repeated(node))
                case Set(name, expression):
                    steps = steps_of(name)
                    if steps is None or len(steps) != 1:
                        raise Unsimulated(f"setting {name} is not simulated")
                    self.scope[name] = self.value(expression)
                case Opaque(why):
                    raise Unsimulated(why)
        return "".join(written)

    def shown(self, value: Any) -> str:
        """Fact 2."""
        if value is None:
            return ""
        if isinstance(value, str):
            return to_json(value)[1:-1] if self.variables.escapes else value
        if isinstance(value, int) and value >= 2**63:
            return str(value - 2**64)
        return to_json(value)

    def repeated(self, node: For) -> str:
        if self.looping:
            raise Unsimulated("a for within another is not simulated")
        over = self.value(node.over)
        if not isinstance(over, dict if node.key else list):
            raise Fails(f"for goes through {'an object' if node.key else 'a list'} only")
        pairs = [(key, over[key]) for key in sorted(over)] if isinstance(over, dict) else [("", v) for v in over]
        written: list[str] = []
        again = self.scope["loop"] is not None
        key: Any = None
        value: Any = None
        self.looping = True
        for number, (key, value) in enumerate(pairs):
            if node.key:
                self.scope[node.key] = key
            self.scope[node.name] = value
            place = {"is_first": number == 0, "is_last": number == len(pairs) - 1}
            self.scope["loop"] = {"index": number, "index1": number + 1, **place}
            if again:
                self.scope["loop"]["parent"] = Open("loop.parent of a second for is not simulated")
            written.append(self.block(node.body))
        self.looping = False
        if node.key:
            self.scope[node.key] = _emptied(key)
        self.scope[node.name] = _emptied(value)
        self.scope["loop"] = Open("loop behind a for is not simulated")
        return "".join(written)

    # Expressions

    def value(self, expression: Expression | None) -> Any:
        """The value, which must be there."""
        if expression is None:
            raise Fails("an expression is empty")
        value = self.found(expression)
        if value is _MISSING:
            assert isinstance(expression, Data)
            raise Fails(f"the variable {readable(expression.name)} is not found")
        return known(value)

    def found(self, expression: Expression) -> Any:
        match expression:
            case Literal(value):
                return value
            case Data(name, steps):
                return self.variable(name, steps)
            case Operation(sign, arguments):
                return self.operation(sign, arguments)
            case Call("default", (first, second)):
                value = self.found(first)
                return self.value(second) if value is _MISSING else value
            case Call(name, arguments):
                return self.call(name, [self.value(argument) for argument in arguments])

    def variable(self, name: str, steps: tuple[str, ...]) -> Any:
        """Fact 1."""
        for data in (self.scope, self.data):
            value = _at(data, steps)
            if value is not _MISSING:
                return value
        return self.call(name, []) if name in ("body", "context") else _MISSING

    def operation(self, sign: str, arguments: tuple[Expression, ...]) -> Any:
        if sign == ".":
            raise Unsimulated("a dot behind a value is not simulated")
        first = self.value(arguments[0])
        if sign == "not":
            return not truthy(first)
        if sign in ("and", "or"):
            decides = truthy(first) is (sign == "or")
            return (sign == "or") if decides else truthy(self.value(arguments[1]))
        second = self.value(arguments[1])
        if sign in ("==", "!="):
            return equal(first, second) is (sign == "==")
        if sign in ("<", "<=", ">", ">="):
            return ordered(sign, first, second)
        if sign == "in" and isinstance(second, list):
            return any(equal(first, item) for item in second)
        if sign == "+" and isinstance(first, str) and isinstance(second, str):
            if len(first) + len(second) > _MOST_TEXT:
                raise Unsimulated(f"a text of more than {_MOST_TEXT:,} characters is not simulated")
            return first + second
        if sign in ("+", "-", "*") and is_int(first) and is_int(second):
            made = {"+": first + second, "-": first - second, "*": first * second}[sign]
            if -(2**63) <= made < 2**63:
                return made
        if sign not in ("in", "^", "%") and not (is_number(first) and is_number(second)):
            raise Fails(f"{sign} is for numbers")
        raise Unsimulated(f"{sign} of these values is not simulated")

    def call(self, name: str, arguments: list[Any]) -> Any:
        if name in FUNCTIONS:
            return FUNCTIONS[name](*arguments)
        match name:
            case "body":
                return self.variables.body
            case "context":
                return known(self.variables.context)
            case "header" | "request_header":
                return self.variables.header(text_of(arguments[0]))
            case "extraction":
                return self.variables.extraction(text_of(arguments[0]))
            case "exists":
                steps = steps_of(text_of(arguments[0]))
                if steps is None:
                    raise Fails(f"{readable(arguments[0])} is no path to a value")
                return _at(self.data, steps) is not _MISSING
        raise Unsimulated(f"the function {name} is not simulated")


def truthy(value: Any) -> bool:
    """Whether ``if`` takes a value for true, which every text is (fact 5)."""
    return isinstance(value, str) or bool(value)


def known(value: Any) -> Any:
    """The value, if all of it is known. Raises Unsimulated."""
    if isinstance(value, Open):
        raise Unsimulated(value.why)
    if isinstance(value, list):
        for item in value:
            known(item)
    elif isinstance(value, dict):
        for item in value.values():
            known(item)
    return value


def _at(data: Any, steps: tuple[str, ...]) -> Any:
    """The value at the end of a JSON pointer."""
    for step in steps:
        if isinstance(data, dict):
            if step not in data:
                return _MISSING
            data = data[step]
        elif isinstance(data, list):
            if not re.fullmatch("0|[1-9][0-9]{0,17}", step) or int(step) >= len(data):
                return _MISSING
            data = data[int(step)]
        elif isinstance(data, Open):
            raise Unsimulated(data.why)
        else:
            return _MISSING
    return data


def _emptied(value: Any) -> Any:
    return value if value is None or isinstance(value, Open) else type(value)()
