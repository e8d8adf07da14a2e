"""The schema, compared with Cog's own results.

tests/schema/openapi.json is what Cog writes for predict.py. tests/schema/cases.json has what Cog 0.23 makes of 65 small
predictors (inputs, output and streaming, or its error). `refused` is our sentence for what Cog refuses, drops or misreads, and
for what predict.py does not use.
"""

import json
import re
import subprocess
import sys

import pytest

from granite.cli import schema
from granite.cli.environment import ROOT
from granite.errors import OperatorError

SOURCE = (ROOT / "predict.py").read_text()
CASES = json.loads((ROOT / "tests/schema/cases.json").read_text(encoding="utf-8"))
PREDICTOR = """\
from typing import Any
import cog
from cog import BasePredictor, ConcatenateIterator, Input

class Predictor(BasePredictor):
    @cog.streaming
    @cog.concurrent(max=4)
    async def predict(
        self,
        x: int = Input(default=1),
    ) -> ConcatenateIterator[str]:
        yield ""
"""
DEFAULT = "10: write `default` of `x` as a text, number or bool, or None with `| None`"
BOUND = "10: write `ge` of `x` as a number, for an int or a float"
CHOICES = "10: write `choices` of `x` as a list of texts on one line, for a str"
TYPE = "10: write the type with str, int, float, bool, dict, dict[str, Any], list[…] of one of these, ` | ` and None"
KEYWORDS = "10: declare `x` as `name: TYPE = Input(default=…)`, with keywords alone"
DECORATE = "8: `import cog` and write @cog.streaming and @cog.concurrent(max=NUMBER) above predict"


def refusal(source):
    with pytest.raises(OperatorError) as caught:
        schema.document(source)
    return str(caught.value)


def test_the_document_is_cogs_byte_for_byte():
    assert schema.document(SOURCE) == (ROOT / "tests/schema/openapi.json").read_text()


def test_the_version_in_the_document_is_the_locked_cog():
    version = json.loads(schema.document(SOURCE))["info"]["version"]
    for lock in ("requirements.txt", "requirements-cpu.txt"):
        assert re.findall(r"^cog==(\S+)", (ROOT / lock).read_text(), re.MULTILINE) == [version]
    assert f'sdk_version: "{version}"' in (ROOT / "cog.yaml").read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"].replace(" ", "-"))
def test_a_predictor_is_read_as_cog_reads_it_or_refused(case):
    if "refused" in case:
        assert refusal(case["source"]) == case["refused"]
        return
    document = json.loads(schema.document(case["source"]))
    schemas = document["components"]["schemas"]
    assert json.dumps(schemas["Input"]) == json.dumps(case["input"])
    assert schemas["Output"] == case["output"]
    assert {name: schemas[name] for name in case.get("enums", {})} == case.get("enums", {})
    assert document["paths"]["/predictions"]["post"]["x-cog-streaming"] is case["streaming"]


@pytest.mark.parametrize(
    ("old", "new", "fix"),
    [
        ("=1)", "=(1))", DEFAULT),
        ("=1)", "=-0)", DEFAULT),
        ("int = Input(default=1)", "float = Input(default=0.00001)", DEFAULT),
        ("=1)", "=1234567890123456)", DEFAULT),
        ("=1)", "=1, ge=True)", BOUND),
        ("int = Input(default=1)", "int | str = Input(default=1, ge=0)", BOUND),
        ("int = Input(default=1)", "str = Input(default='', choices=[])", CHOICES),
        ("int = Input(default=1)", "list[str] | None = Input(default=None, choices=['a'])", CHOICES),
        ("=1)", "=1, **{})", "10: give Input() nothing but default, description, ge, le, choices"),
        ("int", "(int)", TYPE),
        ("int", "str | str", TYPE),
        ("int", "None", TYPE),
        ("Input(default=1)", "(Input(default=1))", KEYWORDS),
        (": int", "", KEYWORDS),
        ("x: int = Input(default=1)", "*x: int", "10: declare `x` as `name: TYPE = Input(default=…)`"),
        ("@cog.streaming", "@(cog.streaming)", DECORATE),
        ("max=4", "max=(4)", DECORATE),
        ("import cog\n", "from x import cog\n", DECORATE),
        ("-> ConcatenateIterator[str]", "", "8: return `-> ConcatenateIterator[str]:`"),
    ],
)
def test_another_form_is_refused_with_its_line(old, new, fix):
    """Cog drops or misreads most of these in silence."""
    assert refusal(PREDICTOR.replace(old, new)) == f"predict.py:{fix}; Cog may drop or misread anything else."


@pytest.mark.parametrize(
    ("old", "new"),
    [("async def", "def run(self): ...\n    async def"), ("predict(", "setup("), ("Predictor(", "Other(")],
)
def test_anything_but_one_predict_is_refused(old, new):
    """With both run and predict, Cog reads run."""
    sentence = "predict.py: write one `class Predictor` with one `async def predict` and no `run`."
    assert refusal(PREDICTOR.replace(old, new)) == sentence


def test_the_command_prints_and_writes_the_document():
    """A bare Python is enough: nothing is installed."""
    bare = {"PATH": "/usr/bin:/bin", "PYTHON": sys._base_executable, "PYTHONNOUSERSITE": "1"}
    printed = subprocess.run([ROOT / "script/schema"], capture_output=True, text=True, env=bare)
    assert (printed.stderr, printed.returncode) == ("", 0)
    assert printed.stdout == schema.document(SOURCE) + "\n"
    assert (ROOT / schema.WRITTEN).read_text() == schema.document(SOURCE)


def test_a_server_reads_the_schema_outside_the_tree(monkeypatch, tmp_path):
    """A checkout may be read-only, or another user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    directory = schema.working_directory()
    assert directory.parent == tmp_path / "granite-cog"
    assert [path.relative_to(directory) for path in directory.rglob("*.json")] == [schema.WRITTEN]
    assert (directory / schema.WRITTEN).read_text() == schema.document(SOURCE)


def test_a_schema_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OperatorError) as caught:
        schema.write("{}", tmp_path / "file")
    sentence = f"Cannot write the schema to {tmp_path}/file/.cog/openapi_schema.json: not a directory."
    assert str(caught.value) == sentence
