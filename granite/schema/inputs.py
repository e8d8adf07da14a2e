"""The inputs of a predictor: the typed parameters of its method.

A parameter without a type is passed over, or refused if it has a default; `*args` and `**kwargs` are passed over, or
refused if they have a type. Source: extractInputs, pkg/schema/python/inputs.go.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from granite.schema.annotations import annotation
from granite.schema.dropped import Dropped, Lost, quoted
from granite.schema.error import SchemaError
from granite.schema.input_call import InputCall, input_call, is_input_call, keep_default
from granite.schema.input_field import InputField
from granite.schema.input_types import InputTypes
from granite.schema.literals import NONE
from granite.schema.module import Function, Module


def inputs(function: Function, module: Module) -> tuple[list[InputField], list[Dropped]]:
    """The function's inputs in their order, and what is lost of them. Raises SchemaError."""
    types = InputTypes(module.imports, module.space.typed_dicts)
    fields: list[InputField] = []
    dropped: list[Dropped] = []
    for argument, default in _parameters(function.args):
        if argument.annotation is None:
            dropped.extend(_untyped(argument, default, function, module))
            continue
        if argument in (function.args.vararg, function.args.kwarg):
            raise SchemaError("typed_parameter has no identifier")
        found = types.resolve(annotation(argument.annotation, module.source))
        call = InputCall() if default is None else _default(argument.arg, default, module)
        field = InputField(argument.arg, len(fields), found, call)
        fields.append(field)
        dropped.extend(_dropped(field, argument, module))
    return fields, dropped


def _parameters(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    yield from zip(
        positional, [*[None] * (len(positional) - len(arguments.defaults)), *arguments.defaults], strict=True
    )
    if arguments.vararg:
        yield arguments.vararg, None
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    if arguments.kwarg:
        yield arguments.kwarg, None


def _untyped(argument: ast.arg, default: ast.expr | None, function: Function, module: Module) -> Iterator[Dropped]:
    if default is not None:
        raise SchemaError(f"parameter '{argument.arg}' on {function.name} has no type annotation")
    if argument is function.args.vararg or argument is function.args.kwarg:
        stars = "*" if argument is function.args.vararg else "**"
        what = f"{stars}{argument.arg}: Cog takes no undeclared inputs, so nothing ever arrives there."
        yield Dropped(argument.lineno, what, module.source.path)
    elif argument.arg not in {"self", "cls"}:
        what = f"{argument.arg}: Cog leaves out a parameter without a type."
        yield Dropped(argument.lineno, what, module.source.path)


def _default(name: str, node: ast.expr, module: Module) -> InputCall:
    if is_input_call(node, module.scope, module.imports):
        return input_call(node, name, module.scope)
    if (shared := module.shared.referred(node)) is not None:
        return shared
    if (found := module.scope.value(node)) is not None:
        return keep_default(InputCall(), node, found, module.scope, node.lineno)
    text = module.source.text(node)
    raise SchemaError(f"parameter '{name}': default `{text}` cannot be statically resolved")


def _dropped(field: InputField, argument: ast.arg, module: Module) -> Iterator[Dropped]:
    keywords = {lost.keyword for lost in field.call.lost}
    for lost in field.call.lost:
        yield Dropped(lost.line, f"{field.name}: {lost.what}{_consequence(field, lost)}", module.source.path)
    if field.call.default == NONE and not field.has_default and "default" not in keywords:
        kind = quoted(module.source.text(argument.annotation)) if argument.annotation else ""
        what = f"{field.name}: default=None does not fit {kind}, so Cog makes the input required."
        yield Dropped(argument.lineno, what, module.source.path)


def _consequence(field: InputField, lost: Lost) -> str:
    if lost.keyword != "default" or lost.what.endswith("."):
        return ""
    if field.required:
        return ", so Cog makes the input required."
    return ", so Cog makes the default null." if field.call.default == NONE else "."
