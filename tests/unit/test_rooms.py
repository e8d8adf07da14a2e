"""The structure of the source: which way imports run, and how large files are."""

import ast
from pathlib import Path

import pytest

ROOMS = ("gpu_check", "openai_api", "cli", "serving", "engine", "output", "model", "request", "root")
"""From the top down: a file imports from its own room or from one below."""

FILES = sorted(Path("granite").rglob("*.py"))


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else "root"


def imports(file):
    """The modules of granite that a file imports, however deep in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("granite"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "granite":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_no_import_runs_up(file):
    own = ROOMS.index(room(".".join(file.with_suffix("").parts)))
    assert [module for module in imports(file) if ROOMS.index(room(module)) < own] == []


def test_no_file_is_longer_than_200_lines():
    files = [Path("predict.py"), *FILES]
    assert {str(file): lines for file in files if (lines := len(file.read_text().splitlines())) > 200} == {}
