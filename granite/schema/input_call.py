"""One Input(…) call.

Only known keywords count; a value that Cog cannot read is left out without a word, except a default, which becomes
None, and choices, which are refused. Source: parseInputCall, pkg/schema/python/inputs.go.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import Any

from granite.schema.choices import as_written, choices
from granite.schema.dropped import Lost, quoted
from granite.schema.error import SchemaError
from granite.schema.imports import Imports
from granite.schema.literals import NONE, Literal, faithful, number, string, truth
from granite.schema.numbers import go_uint
from granite.schema.scope import Scope

_SCHEMA_KEYS = {
    "description": "description",
    "ge": "minimum",
    "le": "maximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "regex": "pattern",
    "accept": "x-cog-accept",
}


@dataclass(frozen=True)
class InputCall:
    """What Cog keeps of an Input(). words maps description, ge, le, min_length … to their values."""

    default: Literal | None = None
    choices: tuple[Literal, ...] = ()
    words: tuple[tuple[str, Any], ...] = ()
    lost: tuple[Lost, ...] = ()

    def has(self, *names: str) -> bool:
        """Whether Cog kept one of these."""
        return any(name in names for name, _ in self.words)

    def json(self) -> dict[str, Any]:
        """The keys it adds to the input's schema, default and choices aside."""
        schema = {_SCHEMA_KEYS[name]: value for name, value in self.words if name in _SCHEMA_KEYS}
        return {**schema, "deprecated": True} if ("deprecated", True) in self.words else schema

    def losing(self, keyword: str, line: int, what: str) -> InputCall:
        """The same with one more loss."""
        return replace(self, lost=(*self.lost, Lost(keyword, line, what)))

    def with_word(self, name: str, value: Any) -> InputCall:
        """The same with one value replaced."""
        return replace(self, words=(*(word for word in self.words if word[0] != name), (name, value)))


def is_input_call(node: ast.expr, scope: Scope, imports: Imports) -> bool:
    """Whether it is a call of Input, or of what cog's Input was imported as; `cog.Input(…)` is not, to Cog."""
    if not isinstance(node, ast.Call) or scope.source.parenthesised(node):
        return False
    name = scope.source.text(node.func)
    return name == "Input" or imports.is_from(name, "cog", "Input")


def input_call(node: ast.expr, name: str, scope: Scope) -> InputCall:
    """Reads a call for which is_input_call holds; name is what a refusal calls it. Raises SchemaError."""
    assert isinstance(node, ast.Call)
    call = InputCall()
    for index, argument in enumerate(node.args):
        what = f"the positional {quoted(scope.source.text(argument))} in Input() is ignored"
        call = call.losing("default" if index == 0 else "", argument.lineno, what if index == 0 else f"{what}.")
    for word in node.keywords:
        call = _keep(call, word, name, scope)
    return call


def _keep(call: InputCall, word: ast.keyword, name: str, scope: Scope) -> InputCall:
    match word.arg:
        case None:
            what = f"**{quoted(scope.source.text(word.value))} in Input() is ignored."
            return call.losing("", word.value.lineno, what)
        case "default":
            return _keep_default(call, word, scope)
        case "default_factory":
            raise SchemaError(f"parameter '{name}': default_factory is not supported in static schema generation")
        case "choices":
            return _keep_choices(call, word, name, scope)
        case "description" | "regex" | "accept":
            return keep_text(call, word, scope)
        case "ge" | "le" | "min_length" | "max_length":
            return keep_bound(call, word, scope)
        case "deprecated":
            return _keep_deprecated(call, word, scope)
    what = f"{_written(word, scope)} is ignored: Cog's Input() has no such keyword."
    return call.losing(word.arg or "", word.lineno, what)


def keep_text(call: InputCall, word: ast.keyword, scope: Scope, *, constants: bool = True) -> InputCall:
    """The call with a description, regex or accept: one plain string literal; a description may be a constant."""
    name = word.arg or ""
    constant = scope.named(word.value) if constants and name == "description" else None
    text = constant.literal.value if constant else string(word.value, scope.source)
    written = _written(word, scope)
    if not isinstance(text, str):
        what = f"{written} is not one plain string literal, so Cog leaves the {name} out."
        return call.losing(name, word.lineno, what)
    if not faithful(constant.node if constant else word.value, text):
        call = call.losing(name, word.lineno, f"{written} is kept as typed, with its quotes, operators and escapes.")
    elif scope.outdated(word.value):
        call = call.losing(name, word.lineno, f"{written} is bound again, which Cog does not follow.")
    return call.with_word(name, text)


def keep_bound(call: InputCall, word: ast.keyword, scope: Scope) -> InputCall:
    """The call with ge, le, min_length or max_length: a bare number, never a constant."""
    name = word.arg or ""
    value = number(word.value, scope.source)
    if value is None:
        what = f"{_written(word, scope)} is not a plain number, so Cog leaves the bound out."
        return call.losing(name, word.lineno, what)
    if name in {"ge", "le"}:
        return call.with_word(name, value)
    length = go_uint(value)
    if length != value:
        what = f"{_written(word, scope)} is not a whole number from 0, so Cog makes it {length}."
        call = call.losing(name, word.lineno, what)
    return call.with_word(name, length)


def keep_default(call: InputCall, node: ast.expr, found: Literal, scope: Scope, line: int) -> InputCall:
    """The call with a default that Cog could read, and a word where it is not what Python would find there."""
    constant = scope.named(node)
    written, read = quoted(f"default={scope.source.text(node)}"), quoted(repr(found.json()))
    if not faithful(constant.node if constant else node, found.python()):
        call = call.losing("value", line, f"{written} reads as {read} to Cog.")
    elif scope.outdated(node):
        call = call.losing("value", line, f"{written} is bound again, which Cog does not follow: it takes {read}.")
    return replace(call, default=found)


def _keep_default(call: InputCall, word: ast.keyword, scope: Scope) -> InputCall:
    found = scope.value(word.value)
    if found is not None:
        return keep_default(call, word.value, found, scope, word.lineno)
    what = f"{_written(word, scope)} is neither a literal nor a constant of this file"
    return replace(call.losing("default", word.lineno, what), default=NONE)


def _keep_choices(call: InputCall, word: ast.keyword, name: str, scope: Scope) -> InputCall:
    found = choices(word.value, scope)
    if found is None:
        raise SchemaError(f"parameter '{name}': choices expression cannot be statically resolved")
    if not found:
        call = call.losing("choices", word.lineno, f"{_written(word, scope)} is empty, so Cog allows every value.")
    if not as_written(word.value, scope):
        read = quoted(repr([choice.json() for choice in found]))
        call = call.losing("choices", word.lineno, f"{_written(word, scope)} reads as {read} to Cog.")
    return replace(call, choices=found)


def _keep_deprecated(call: InputCall, word: ast.keyword, scope: Scope) -> InputCall:
    value = truth(word.value, scope.source)
    if value is None:
        what = f"{_written(word, scope)} is not True or False, so Cog takes no notice of it."
        return call.losing("deprecated", word.lineno, what)
    return call.with_word("deprecated", value)


def _written(word: ast.keyword, scope: Scope) -> str:
    return quoted(f"{word.arg}={scope.source.text(word.value)}")
