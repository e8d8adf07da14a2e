"""`script/schema`: print the OpenAPI schema that Cog makes of predict.py, and write it where `cog build` writes it.

Cog parses predict.py without running it. What its parser does not follow, such as a computed default or a description in
parentheses, it drops or misreads in silence. This reader accepts only what Cog reads exactly and refuses everything else
with its line. openapi.json is the constant part of Cog's document.
"""

import argparse
import ast
import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

from granite import cache
from granite.cli.environment import ROOT
from granite.errors import OperatorError

PREDICT = ROOT / "predict.py"

WRITTEN = Path(".cog", "openapi_schema.json")
"""Relative to the server's working directory. Without it Cog does not validate, apply defaults or stream."""

JSON_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "dict": "object"}
ITEMS: dict[str, Any] = {name: {"type": kind} for name, kind in {**JSON_TYPES, "dict[str, Any]": "object"}.items()}
TYPES = ITEMS | {f"list[{name}]": {"items": item, "type": "array"} for name, item in ITEMS.items()}

TEXT = r"""("[^"\\\x00-\x1f]*"|'[^'\\\x00-\x1f]*')"""
NUMBER = r"(0|-?[1-9]\d{0,14}|-?\d{1,15}\.\d{0,3}[1-9])"
KEYWORDS = {
    "default": ("default", rf"{TEXT}|{NUMBER}|True|False|None", (), "a text, number or bool, or None with `| None`"),
    "description": ("description", TEXT, (), "one text in quotes, without backslashes"),
    "ge": ("minimum", NUMBER, ("integer", "number"), "a number, for an int or a float"),
    "le": ("maximum", NUMBER, ("integer", "number"), "a number, for an int or a float"),
    "choices": ("enum", rf"\[{TEXT}(, ?{TEXT})*\]", ("string",), "a list of texts on one line, for a str"),
}
"""Input()'s keywords: the name in the schema, the literals that Cog reads as Python does, the types with it, and words."""

DECORATORS = re.compile(r"@cog\.concurrent\(max=[1-9]\d*\) @cog\.streaming")
DECLARATION = re.compile(r"([a-z][a-z0-9_]*): ([^#]+?) = Input\(")
AS_GO_WRITES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def working_directory() -> Path:
    """A directory for Cog's server with the schema of our predict.py. Not the tree, which may be read-only.

    Raises OperatorError.
    """
    text = document(PREDICT.read_text())
    directory = cache.directory() / f"schema-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    write(text, directory)
    return directory


def write(text: str, directory: Path) -> None:
    """Write a schema for a server that runs in this directory. Raises OperatorError."""
    path = directory / WRITTEN
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Renamed into place: a server that starts meanwhile must never read half a schema.
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(text)
        partial.replace(path)
    except OSError as error:
        raise OperatorError(f"Cannot write the schema to {path}: {(error.strerror or str(error)).lower()}.") from None


def document(source: str) -> str:
    """The OpenAPI document of a predict.py, as Cog writes it. Raises OperatorError."""
    document = json.loads((ROOT / "granite/cli/openapi.json").read_text())
    frame = document["components"]["schemas"]
    schemas = document["components"]["schemas"] = {"Input": frame.pop("Input"), "Output": frame.pop("Output")}
    for name, schema in inputs(source).items():
        if "enum" in schema:
            kept = {key: value for key, value in schema.items() if key not in ("enum", "title", "type")}
            enum = {"description": "An enumeration.", "enum": schema["enum"], "title": name, "type": schema["type"]}
            schema, schemas[name] = {"allOf": [{"$ref": f"#/components/schemas/{name}"}], **kept}, enum
        schemas["Input"]["properties"][name] = schema
    schemas |= frame
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).translate(AS_GO_WRITES)


def inputs(source: str) -> dict[str, dict[str, Any]]:
    """Each input's name and JSON schema (choices as `enum`) in a predict.py, in their order. Raises OperatorError."""
    given = _predict(source).args
    declared = given.args[len(given.args) - len(given.defaults) :]
    others = [*given.args[1 : -len(declared) or None], *given.posonlyargs, *given.kwonlyargs, given.vararg, given.kwarg]
    for argument in filter(None, others):
        _refuse(argument.lineno, f"declare `{argument.arg}` as `name: TYPE = Input(default=…)`")
    pairs = enumerate(zip(declared, given.defaults, strict=True))
    return {argument.arg: _input(source, order, argument, call) for order, (argument, call) in pairs}


def _predict(source: str) -> ast.AsyncFunctionDef:
    body = ast.parse(source, "predict.py").body
    classes = [node for node in body if isinstance(node, ast.ClassDef) and node.name == "Predictor"]
    found = [node for each in classes for node in each.body if getattr(node, "name", "") in ("predict", "run")]
    if len(found) != 1 or not isinstance(predict := found[0], ast.AsyncFunctionDef) or predict.name == "run":
        raise OperatorError("predict.py: write one `class Predictor` with one `async def predict` and no `run`.")
    # A node alone does not show parentheses around it, which Cog does not follow; its line does.
    lines = [line.partition("#")[0].strip() for line in source.split("\n")]
    decorators = " ".join(sorted(lines[node.lineno - 1] for node in predict.decorator_list))
    if not DECORATORS.fullmatch(decorators) or "import cog" not in lines:
        _refuse(predict.lineno, "`import cog` and write @cog.streaming and @cog.concurrent(max=NUMBER) above predict")
    if not predict.returns or not lines[predict.returns.lineno - 1].endswith(") -> ConcatenateIterator[str]:"):
        _refuse(predict.lineno, "return `-> ConcatenateIterator[str]:`")
    return predict


def _input(source: str, order: int, argument: ast.arg, call: ast.expr) -> dict[str, Any]:
    line = source.split("\n")[argument.lineno - 1].encode()
    declaration = DECLARATION.match(line[argument.col_offset :].decode())
    if not declaration or not isinstance(call, ast.Call) or call.args:
        _refuse(argument.lineno, f"declare `{argument.arg}` as `name: TYPE = Input(default=…)`, with keywords alone")
    title = " ".join(part[:1].upper() + part[1:] for part in argument.arg.split("_"))
    schema = {**_type(argument.lineno, declaration[2]), "title": title, "x-order": order}
    for keyword in call.keywords:
        name, _, literal = (ast.get_source_segment(source, keyword) or "").partition("=")
        if name not in KEYWORDS:
            _refuse(keyword.lineno, f"give Input() nothing but {', '.join(KEYWORDS)}")
        key, pattern, types, words = KEYWORDS[name]
        fits = schema.get("type") in types if types else literal != "None" or "nullable" in schema
        if not fits or not re.fullmatch(pattern, literal):
            _refuse(keyword.lineno, f"write `{name}` of `{argument.arg}` as {words}")
        schema[key] = ast.literal_eval(literal)
    if "default" not in schema:
        _refuse(argument.lineno, f"give `{argument.arg}` a default")
    return dict(sorted(schema.items()))


def _type(line: int, annotation: str) -> dict[str, Any]:
    names = annotation.split(" | ")
    nullable: dict[str, Any] = {"nullable": True} if "None" in names else {}
    types = [dict(sorted((TYPES.get(name, {}) | nullable).items())) for name in names if name != "None"]
    if not types or nullable in types or len({*names}) < len(names):
        _refuse(line, f"write the type with {', '.join(ITEMS)}, list[…] of one of these, ` | ` and None")
    return types[0] if len(types) == 1 else {"anyOf": types, **nullable}


def _refuse(line: int, fix: str) -> NoReturn:
    raise OperatorError(f"predict.py:{line}: {fix}; Cog may drop or misread anything else.")


def main() -> None:
    description = "Print the OpenAPI schema of predict.py as Cog writes it, in one line; write it to .cog as well."
    epilog = "Exit 1: Cog would drop or misread something in predict.py, or .cog cannot be written; stderr says what."
    argparse.ArgumentParser(prog="script/schema", description=description, epilog=epilog).parse_args()
    try:
        text = document(PREDICT.read_text())
        print(text)
        write(text, ROOT)
    except OperatorError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
