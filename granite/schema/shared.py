"""Inputs kept on a class of the same file: `prompt = Input(…)`, or a method that returns an Input(…).

A parameter refers to them as `Inputs.prompt` or `Inputs.seed(default=1)`; of the call's arguments Cog heeds default,
description, ge and le alone. Source: collectInputRegistry and resolveInputReference, pkg/schema/python/inputs.go.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from granite.schema.dropped import quoted
from granite.schema.error import SchemaError
from granite.schema.imports import Imports
from granite.schema.input_call import InputCall, input_call, is_input_call, keep_bound, keep_default, keep_text
from granite.schema.literals import literal, number, string
from granite.schema.scope import Scope

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class _Method:
    parameters: tuple[str, ...]
    call: InputCall


class SharedInputs:
    """The shared inputs of one file."""

    def __init__(self, scope: Scope, imports: Imports) -> None:
        self.scope = scope
        self.imports = imports
        self._attributes: dict[str, InputCall] = {}
        self._methods: dict[str, _Method] = {}
        for node in scope.source.tree.body:
            if isinstance(node, ast.ClassDef):
                for statement in node.body:
                    self._collect(node.name, statement)

    def referred(self, node: ast.expr) -> InputCall | None:
        """The input that an expression refers to, None if it is no such reference."""
        if self.scope.source.parenthesised(node):
            return None
        if isinstance(node, ast.Attribute):
            return self._attributes.get(self.scope.source.text(node))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            method = self._methods.get(self.scope.source.text(node.func))
            return None if method is None else self._called(method, node)
        return None

    def _collect(self, owner: str, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self._collect_attribute(f"{owner}.{name}", value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                self._collect_attribute(f"{owner}.{name}", value)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._collect_method(f"{owner}.{statement.name}", statement)

    def _collect_attribute(self, key: str, value: ast.expr) -> None:
        if call := self._input_call(value, key):
            self._attributes[key] = call

    def _collect_method(self, key: str, function: _Function) -> None:
        for statement in function.body:
            if isinstance(statement, ast.Return) and statement.value is not None:
                if not is_input_call(statement.value, self.scope, self.imports):
                    continue
                if call := self._input_call(statement.value, key):
                    self._methods[key] = _Method(tuple(_parameters(function)), call)
                return

    def _input_call(self, node: ast.expr, key: str) -> InputCall | None:
        if not is_input_call(node, self.scope, self.imports):
            return None
        try:
            return input_call(node, key, self.scope)
        except SchemaError:
            # Cog passes over it here, and refuses the parameter that refers to it.
            return None

    def _called(self, method: _Method, node: ast.Call) -> InputCall:
        named = {word.arg: word for word in node.keywords if word.arg is not None}
        for parameter, value in zip(method.parameters, node.args, strict=False):
            named.setdefault(parameter, _word(parameter, value))
        call = method.call
        for word in named.values():
            call = self._override(call, word)
        unread = [*node.args[len(method.parameters) :], *(word.value for word in node.keywords if word.arg is None)]
        for value in unread:
            call = call.losing("", value.lineno, _ignored(self.scope.source.text(value)))
        return call

    def _override(self, call: InputCall, word: ast.keyword) -> InputCall:
        name = word.arg or ""
        rest = _forget(call, name)
        if name == "default" and (found := literal(word.value, self.scope.source)) is not None:
            return keep_default(rest, word.value, found, self.scope, word.lineno)
        if name == "description" and string(word.value, self.scope.source) is not None:
            return keep_text(rest, word, self.scope, constants=False)
        if name in {"ge", "le"} and number(word.value, self.scope.source) is not None:
            return keep_bound(rest, word, self.scope)
        return rest.losing(name, word.lineno, _ignored(f"{name}={self.scope.source.text(word.value)}"))


def _word(name: str, value: ast.expr) -> ast.keyword:
    return ast.keyword(arg=name, value=value, lineno=value.lineno, col_offset=value.col_offset)


def _ignored(written: str) -> str:
    return f"{quoted(written)} in the call of a shared input is ignored."


def _forget(call: InputCall, keyword: str) -> InputCall:
    return replace(call, lost=tuple(lost for lost in call.lost if lost.keyword != keyword))


def _parameters(function: _Function) -> Iterator[str]:
    arguments = function.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if argument.arg not in {"self", "cls"}:
            yield argument.arg
