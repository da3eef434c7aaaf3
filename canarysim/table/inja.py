"""The template language of Gloo's transformation filter, Inja, from text to a tree.

Facts (Inja 3.4.0 with the patches of solo-io/inja up to v3.4.0-patch3, and the functions that the transformation
filter of envoy-gloo adds; read in their sources):

1. ``{{ expression }}`` is output, ``{% statement %}`` a block, ``{# #}`` a comment, and ``##`` at the beginning
   of a line a statement that ends with the line. A dash inside ``{{-`` and ``{%-`` takes away the blanks before
   it where nothing else stands on that line, one in ``-}}`` and ``-%}`` blanks and lines behind it.
2. A name begins with a letter or one of ``_ @ $ ~`` and goes on with letters, digits and ``. / _ -``. So dashes
   and slashes are part of it. Its dots are steps into objects, its slashes too; with ``advanced_templates``
   only the slashes are, as in a JSON pointer.
3. Literals are JSON: texts in double quotes only, numbers, ``true false null``, lists and objects of those.
4. A function is known by its name and the number of its arguments; another one makes the template invalid, as does
   whatever else does not parse. An empty expression is valid and fails when it is rendered.
5. Operators by precedence, lowest first: ``and or``; comparisons and ``in``; ``+ -``; ``* / % not``; ``^``; a dot.

Texts are octets here (request.py), as a JSON text is UTF-8 in Envoy.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from canarysim.errors import InvalidValue
from canarysim.request import octets, readable
from canarysim.table.inja_json import NoJson, from_json
from canarysim.table.inja_tokens import Scanner

if TYPE_CHECKING:
    from canarysim.table.inja_tokens import Token

__all__ = [
    "Block",
    "Call",
    "Data",
    "Expression",
    "For",
    "If",
    "Literal",
    "Node",
    "Opaque",
    "Operation",
    "Output",
    "Set",
    "parse",
]


class Literal(NamedTuple):
    value: Any


class Data(NamedTuple):
    """A name, and the steps that lead to it."""

    name: str
    steps: tuple[str, ...]


class Call(NamedTuple):
    name: str
    arguments: tuple[Expression, ...]


class Operation(NamedTuple):
    sign: str
    arguments: tuple[Expression, ...]


Expression = Literal | Data | Call | Operation


class Output(NamedTuple):
    """An expression that is written; None where there is none, which fails."""

    expression: Expression | None


class If(NamedTuple):
    condition: Expression | None
    then: Block
    otherwise: Block


class For(NamedTuple):
    """``key`` is empty where a list is gone through."""

    key: str
    name: str
    over: Expression | None
    body: Block


class Set(NamedTuple):
    name: str
    value: Expression | None


class Opaque(NamedTuple):
    """What Inja takes and canarysim does not simulate; ``why`` completes a sentence."""

    why: str


Node = str | Output | If | For | Set | Opaque
Block = tuple[Node, ...]

_ANY_NUMBER = -1
#: The functions and how many arguments each may have (fact 4).
FUNCTIONS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(["at", "default", "divisibleBy", "existsIn", "join", "round"], (2,)),
    **dict.fromkeys("even exists first float int last length lower max min odd range sort upper".split(), (1,)),
    **dict.fromkeys("isArray isBoolean isFloat isInteger isNumber isObject isString".split(), (1,)),
    "super": (0, 1),
    # Those of the filter.
    **dict.fromkeys("header request_header extraction data_source trim env clusterMetadata".split(), (1,)),
    **dict.fromkeys("base64_encode base64url_encode base64_decode base64url_decode".split(), (1,)),
    **dict.fromkeys(["raw_string", "word_count"], (1,)),
    **dict.fromkeys(["context", "body"], (0,)),
    **dict.fromkeys(["cluster_metadata", "dynamic_metadata", "host_metadata"], (_ANY_NUMBER,)),
    "substring": (2, 3),
    "replace_with_random": (2,),
}

# How strongly an operator binds, and whether equal ones associate to the right (fact 5).
_BINDS = {
    **dict.fromkeys(["and", "or"], 1),
    **dict.fromkeys(["in", "==", "!=", "<", "<=", ">", ">="], 2),
    **dict.fromkeys("+-", 3),
    **dict.fromkeys(["*", "/", "%", "not"], 4),
    "^": 5,
    ".": 8,
}
_WORDS = frozenset(["and", "or", "in", "not"])

_OPEN = re.compile(r"\{\{-?|\{%[-+]?|\{#-?|(?m:^)##")


@lru_cache(maxsize=512)
def parse(text: str, pointers: bool = False) -> Block:
    """The tree of a template, which is ordinary text; ``pointers`` as with ``advanced_templates``.

    Raises InvalidValue for what Envoy would refuse. Time grows linearly with the text.

    >>> parse("/api/pets/{{ owner.id }}")
    ('/api/pets/', Output(expression=Data(name='owner.id', steps=('owner', 'id'))))
    """
    try:
        return _Parser(octets(text), pointers).template()
    except RecursionError:
        raise InvalidValue("bad_template", "the template is nested too deep") from None


class _Parser(Scanner):
    #: How many are open.
    ifs = 0

    # Blocks

    def template(self) -> Block:
        stack: list[tuple[str, list[Any]]] = [("", [])]
        while True:
            nodes = stack[-1][1]
            found = _OPEN.search(self.text, self.place)
            text = self.text[self.place : found.start() if found else None]
            if found is not None and found[0].endswith("-"):
                text = _without_last_blanks(text)
            if text:
                nodes.append(text)
            if found is None:
                break
            self.place = found.end()
            if found[0].startswith("{#"):
                self.comment()
                continue
            self.close = {"{{": "}}", "{%": "%}", "##": "\n"}[found[0][:2]]
            self.next()
            if self.close == "}}":
                nodes.append(Output(self.expression()))
            elif not self.statement(stack):
                self.odd = "blocks that overlap are not simulated"
            if self.token.kind != "close" and (self.close != "\n" or self.token.kind != "end"):
                self.refuse(f"expected {self.close!r}, not {self.token.text!r}")
            self.peeked = False
        opened = [name for name, _ in stack[1:] if name != "block"]
        if opened and not self.odd:
            self.refuse(f"{opened[-1]} without its end")
        if self.odd or len(stack) > 1:
            return (Opaque(self.odd or "block is not simulated"),)
        return tuple(stack[0][1])

    def comment(self) -> None:
        end = self.text.find("#}", self.place)
        if end < 0:
            self.refuse("a comment has no end")
        self.place = end + 2
        if self.text[end - 1] == "-":
            while self.text[self.place : self.place + 1] in (" ", "\t"):
                self.place += 1
            for line in ("\r\n", "\n", "\r"):
                if self.text.startswith(line, self.place):
                    self.place += len(line)
                    break

    def statement(self, stack: list[tuple[str, list[Any]]]) -> bool:
        """Reads one, up to its end; False where blocks overlap, which Inja takes in a way of its own."""
        word = self.token.text if self.token.kind == "id" else ""
        nodes = stack[-1][1]
        match word:
            case "if":
                self.next()
                stack.append(("if", [self.expression()]))
                stack.append(("then", []))
                self.ifs += 1
            case "else":
                if not self.ifs:
                    self.refuse("else without if")
                if stack[-1][0] != "then":
                    return self.skip()
                self.next()
                stack.append(("otherwise", []))
                if (self.token.kind, self.token.text) == ("id", "if"):
                    self.next()
                    stack.append(("else if", [self.expression()]))
                    stack.append(("then", []))
            case "endif":
                if not self.ifs:
                    self.refuse("endif without if")
                self.next()
                closed = _end_if(stack)
                self.ifs -= closed
                return closed
            case "for":
                self.begin_for(stack)
            case "endfor":
                return self.end_for(stack)
            case "set":
                name = self.name(self.next())
                if self.next().text != "=":
                    self.refuse("expected = behind the name that is set")
                self.next()
                nodes.append(Set(name, self.expression()))
            case "include" | "extends":
                if self.next().kind != "string" or len(self.token.text) < 2:
                    self.refuse(f"{word} without a name in quotes")
                nodes.append(Opaque(f"{word} is not simulated"))
                self.next()
            case "block" | "endblock":
                return self.block(stack)
            case _:
                self.refuse(f"expected a statement, not {self.token.text!r}")
        return True

    def skip(self) -> bool:
        """Goes to the end of a statement that is not simulated where it stands."""
        while self.next().kind not in ("close", "end", "unknown"):
            pass
        return False

    def begin_for(self, stack: list[tuple[str, list[Any]]]) -> None:
        key, name = "", self.name(self.next())
        if self.next().kind == ",":
            key, name = name, self.name(self.next())
            self.next()
        if self.token.text != "in":
            self.refuse(f"expected in, not {self.token.text!r}")
        self.next()
        stack.append(("for", [(key, name, self.expression())]))

    def block(self, stack: list[tuple[str, list[Any]]]) -> bool:
        if self.token.text == "block":
            self.name(self.next())
            self.next()
            stack[-1][1].append(Opaque("block is not simulated"))
            stack.append(("block", []))
            return True
        if not any(name == "block" for name, _ in stack):
            self.refuse("endblock without block")
        self.next()
        if stack[-1][0] != "block":
            return False
        stack.pop()
        return True

    def end_for(self, stack: list[tuple[str, list[Any]]]) -> bool:
        if not any(name == "for" for name, _ in stack):
            self.refuse("endfor without for")
        self.next()
        if stack[-1][0] != "for":
            return False
        (key, name, over), *body = stack.pop()[1]
        stack[-1][1].append(For(key, name, over, tuple(body)))
        return True

    def name(self, token: Token) -> str:
        if token.kind != "id":
            self.refuse(f"expected a name, not {token.text!r}")
        return token.text

    # Expressions (facts 3 to 5)

    def expression(self) -> Expression | None:
        """Reads one, up to what does not belong to it; None where there is none.

        A bracket that has no end plays no part, but the names behind it do, as in Inja.
        """
        operands: list[Expression] = []
        signs: list[str] = []
        levels: list[str] = []  # open brackets of a literal
        begin = 0
        while True:
            token = self.token
            if token.kind in ("[", "{"):
                begin = begin if levels else token.begin
                levels.append(token.kind)
            elif token.kind in ("]", "}"):
                if {"]": "[", "}": "{"}[token.kind] not in levels:
                    self.refuse(f"unexpected {token.kind!r}")
                levels.remove({"]": "[", "}": "{"}[token.kind])
                if not levels:
                    operands.append(self.literal(self.text[begin : token.end]))
            elif token.kind in ("end", "close", "unknown", ")") or (token.kind == "," and not levels):
                break
            elif levels and token.kind in (",", ":"):
                pass
            elif token.kind in ("string", "number") or token.text in ("true", "false", "null"):
                if not levels:  # else it is read with all of the literal
                    operands.append(self.literal(token.text))
            elif token.kind == "id" and token.text not in _WORDS:
                operands.append(self.call() if self.peek().kind == "(" else self.data(token.text))
            elif token.text in _BINDS:
                self.reduce(operands, signs, token.text)
                signs.append(token.text)
            elif token.kind == "(":
                self.next()
                inner = self.expression()
                if self.token.kind != ")":
                    self.refuse(f"expected ')', not {self.token.text!r}")
                if inner is None:
                    self.refuse("nothing in parentheses")
                operands.append(inner)
            else:
                self.refuse(f"unexpected {token.text!r}")
            self.next()
        self.reduce(operands, signs, "")
        if len(operands) > 1:
            self.refuse("two values with nothing between them")
        return operands[0] if operands else None

    def reduce(self, operands: list[Expression], signs: list[str], before: str) -> None:
        """Applies the operators that bind more strongly than the one to come, or all."""
        binds = _BINDS.get(before, 0)
        while signs and (_BINDS[signs[-1]] > binds or (_BINDS[signs[-1]] == binds and before != "^")):
            sign = signs.pop()
            count = 1 if sign == "not" else 2
            if len(operands) < count:
                self.refuse(f"{sign} lacks a value")
            operands[-count:] = [Operation(sign, tuple(operands[-count:]))]

    def call(self) -> Expression:
        name = self.token.text
        self.next()
        arguments = []
        while True:
            self.next()
            argument = self.expression()
            if argument is None:
                break
            arguments.append(argument)
            if self.token.kind != ",":
                break
        if self.token.kind != ")":
            self.refuse(f"expected ')', not {self.token.text!r}")
        counts = FUNCTIONS.get(name, ())
        if len(arguments) not in counts and not (arguments and _ANY_NUMBER in counts):
            self.refuse(f"there is no function {name} of {len(arguments)} arguments")
        return Call(name, tuple(arguments))

    def literal(self, text: str) -> Literal:
        try:
            return Literal(from_json(text))
        except NoJson:
            self.refuse(f"{readable(text)} is no literal")

    def data(self, name: str) -> Data:
        steps = steps_of(name, pointers=self.pointers)
        if steps is None:
            self.refuse(f"{name} is no path to a value")
        return Data(name, steps)


def _end_if(stack: list[tuple[str, list[Any]]]) -> bool:
    """Closes an if and those that hang on its else."""
    while stack[-1][0] in ("then", "otherwise"):
        otherwise = stack.pop()[1] if stack[-1][0] == "otherwise" else []
        if stack[-1][0] != "then":
            return False
        then = stack.pop()[1]
        kind, (condition,) = stack.pop()
        stack[-1][1].append(If(condition, tuple(then), tuple(otherwise)))
        if kind == "if":
            return True
    return False


def _without_last_blanks(text: str) -> str:
    rest = text.rstrip(" \t")
    return rest if not rest or rest[-1] in "\r\n" else text


def steps_of(name: str, *, pointers: bool = False) -> tuple[str, ...] | None:
    """The steps of a name as Inja's JSON pointer has them (fact 2); None where it is no pointer."""
    if not pointers:
        name = name[:-1].replace(".", "/") if name.endswith(".") else name.replace(".", "/")
    steps = []
    for step in name.split("/"):
        if re.search("~(?![01])", step):
            return None
        steps.append(step.replace("~1", "/").replace("~0", "~"))
    return tuple(steps)
