"""From a file, or its text, to the schema."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from granite.schema import go_json
from granite.schema.annotations import annotation
from granite.schema.decorators import Decorators
from granite.schema.dropped import Dropped
from granite.schema.error import SchemaError
from granite.schema.inputs import inputs
from granite.schema.module import Module
from granite.schema.neighbours import Neighbours
from granite.schema.openapi import openapi
from granite.schema.output_types import OutputType, OutputTypes
from granite.schema.predictor import Method, Predictor
from granite.schema.source import Source


@dataclass(frozen=True)
class Reading:
    """What Cog would make of a predictor.

    openapi: the document, its keys in Cog's order. dropped: what is lost on the way, by file and line.
    """

    openapi: dict[str, Any]
    dropped: tuple[Dropped, ...]

    def json(self) -> str:
        """The document byte for byte as Cog writes it to .cog/openapi_schema.json: one line, no newline at its end."""
        return go_json.dumps(self.openapi)


def read(file: Path, target: str, folder: Path | None = None) -> Reading:
    """Reads a predictor's file. target is the class or function; folder is the project's, by default the file's own.

    Imported models and base classes are looked for in the folder. Raises OSError for a file that cannot be read, and
    SchemaError for a predictor that Cog refuses.
    """
    root = file.parent if folder is None else folder
    return read_source(file.read_bytes(), target, root, file.resolve().relative_to(root.resolve()).as_posix())


def read_source(source: str | bytes, target: str, folder: Path | None = None, path: str = "") -> Reading:
    """The same for the text of a file; without a folder no other file is looked at."""
    data = source.encode() if isinstance(source, str) else source
    module = Module(Source(data, path), Neighbours(folder))
    predictor = Predictor(module, folder)
    method = predictor.method(target)
    decorators = Decorators(method.function, method.module.source, method.module.imports)

    fields, lost = inputs(method.function, method.module)
    output, lost_of_output = _output(method, decorators)
    _check_concurrency(method, decorators)

    document = openapi(fields, output, streaming=decorators.streaming)
    lost += [*lost_of_output, *decorators.unheard(), *predictor.misplaced(target)]
    return Reading(document, _in_order(lost, path))


def _output(method: Method, decorators: Decorators) -> tuple[OutputType, list[Dropped]]:
    function, module = method.function, method.module
    if function.returns is None:
        raise SchemaError(f"{function.name} has no return type")
    types = OutputTypes(module.imports, module.space.models)
    output = types.resolve(annotation(function.returns, module.source))
    if decorators.streaming and not output.is_iterator:
        raise SchemaError(
            "@streaming requires Iterator[...], AsyncIterator[...], ConcatenateIterator[...] "
            "or AsyncConcatenateIterator[...] return type"
        )
    return output, types.dropped


def _check_concurrency(method: Method, decorators: Decorators) -> None:
    at_once = decorators.concurrent_max()
    if at_once is not None and at_once > 1 and not isinstance(method.function, ast.AsyncFunctionDef):
        raise SchemaError("@concurrent(max > 1) requires an async run() or predict() method")


def _in_order(dropped: list[Dropped], own: str) -> tuple[Dropped, ...]:
    named = {replace(each, file="" if each.file == own else each.file) for each in dropped}
    return tuple(sorted(named, key=lambda each: (each.file, each.line, each.what)))
