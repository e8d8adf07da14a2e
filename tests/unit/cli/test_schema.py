"""The schema, compared with Cog's own results.

tests/schema/openapi.json is what Cog writes for predict.py. tests/schema/cases.json has what Cog 0.23 makes of 65 small
predictors: inputs, output and streaming, or its error.
"""

import json
import re
import subprocess
import sys

import pytest

from granite.cli import schema
from granite.cli.environment import ROOT

CASES = json.loads((ROOT / "tests/schema/cases.json").read_text(encoding="utf-8"))
ACCEPTED = (
    *("default negative", "ge negative", "desc unicode", "choices literal", "dict str any opt"),
    *("union int str", "union str list dict", "from future", "docstring"),
)
"""Every other case is an error to Cog, is dropped or misread by it, or is nothing that predict.py needs."""

PREDICTOR = """\
from typing import Any
import cog
from cog import BasePredictor, ConcatenateIterator, Input

class Predictor(BasePredictor):
    @cog.streaming
    @cog.concurrent(max=4)
    async def predict(
        self,
        {parameter}
    ) -> ConcatenateIterator[str]:
        yield ""
"""
REFUSED = {
    "write `default` of `x` as a text, number or bool, or None with `| None`": [
        *("x: int = Input(default=(1)),", "x: int = Input(default=1.0),", "x: int = Input(default=1234567890123456),"),
        *("x: int = Input(default=-0),", "x: float = Input(default=0.00001),", "x: int = Input(default=None),"),
    ],
    "write `description` of `x` as one text in quotes, without backslashes": [
        *("x: str = Input(default='', description=('a')),", "x: str = Input(default='', description=None),"),
    ],
    "write `ge` of `x` as a number, for an int or a float": [
        *("x: int = Input(default=1, ge=True),", "x: int = Input(default=1, ge=None),"),
        *("x: int | str = Input(default=1, ge=0),", "x: str = Input(default='', ge=0),"),
    ],
    "write `choices` of `x` as a list of texts on one line, for a str": [
        *("x: str = Input(default='', choices=[]),", "x: list[str] | None = Input(default=None, choices=['a']),"),
    ],
    "give Input() nothing but default, description, ge, le, choices": [
        *("x: int = Input(default=1, min_length=1),", "x: int = Input(default=1, **{}),"),
    ],
    "write the type with str, int, float, bool, dict, dict[str, Any], list[…] of one of these, ` | ` and None": [
        *("x: (int) = Input(default=1),", "x: list = Input(default=1),", "x: str | str = Input(default=''),"),
        *("x: None = Input(default=None),", "x: Optional[str] = Input(default=None),"),
    ],
    "declare `x` as `name: TYPE = Input(default=…)`, with keywords alone": [
        *("x: int = (Input(default=1)),", "x = Input(default=1),", "x: int = 1,"),
    ],
    "declare `x` as `name: TYPE = Input(default=…)`": [
        "x: int,",
        "*x: int,",
        "**x: int,",
        "*, x: int = Input(default=1),",
    ],
    "give `x` a default": ["x: int = Input(ge=1),"],
}
DECORATE = "`import cog` and write @cog.streaming and @cog.concurrent(max=NUMBER) above predict"
RETURN = "return `-> ConcatenateIterator[str]:`"
ONE = "predict.py: write one `class Predictor` with one `async def predict` and no `run`."


def refusal(source):
    with pytest.raises(schema.SchemaError) as caught:
        schema.document(source)
    return str(caught.value)


def test_the_document_is_cogs_byte_for_byte():
    assert schema.document((ROOT / "predict.py").read_text()) == (ROOT / "tests/schema/openapi.json").read_text()


def test_the_version_in_the_document_is_the_locked_cog():
    version = json.loads(schema.document((ROOT / "predict.py").read_text()))["info"]["version"]
    for lock in ("requirements.txt", "requirements-cpu.txt"):
        assert re.findall(r"^cog==(\S+)", (ROOT / lock).read_text(), re.MULTILINE) == [version]
    assert f'sdk_version: "{version}"' in (ROOT / "cog.yaml").read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"].replace(" ", "-"))
def test_a_predictor_is_read_as_cog_reads_it_or_refused(case):
    if case["name"] not in ACCEPTED:
        assert refusal(case["source"]).startswith("predict.py:")
        return
    document = json.loads(schema.document(case["source"]))
    schemas = document["components"]["schemas"]
    assert json.dumps(schemas["Input"]) == json.dumps(case["input"])
    assert schemas["Output"] == case["output"]
    assert {name: schemas[name] for name in case.get("enums", {})} == case.get("enums", {})
    assert document["paths"]["/predictions"]["post"]["x-cog-streaming"] is case["streaming"]


@pytest.mark.parametrize(("fix", "parameter"), [(fix, each) for fix, many in REFUSED.items() for each in many])
def test_an_input_in_another_form_is_refused_with_its_line(fix, parameter):
    """Cog drops or misreads most of these in silence."""
    sentence = f"predict.py:10: {fix}; Cog may drop or misread anything else."
    assert refusal(PREDICTOR.format(parameter=parameter)) == sentence


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("@cog.streaming", "@(cog.streaming)", f"predict.py:8: {DECORATE}; Cog may drop or misread anything else."),
        ("max=4", "max=(4)", f"predict.py:8: {DECORATE}; Cog may drop or misread anything else."),
        ("import cog\n", "from x import cog\n", f"predict.py:8: {DECORATE}; Cog may drop or misread anything else."),
        ("Iterator[str]:", "Iterator[int]:", f"predict.py:8: {RETURN}; Cog may drop or misread anything else."),
        ("-> ConcatenateIterator[str]", "", f"predict.py:8: {RETURN}; Cog may drop or misread anything else."),
        ("    @cog.streaming", "    def run(self): ...\n    @cog.streaming", ONE),
        ("async def", "def", ONE),
        ("predict(", "setup(", ONE),
        ("Predictor(", "Other(", ONE),
        ("(\n", "(:\n", "predict.py:8: invalid syntax."),
    ],
)
def test_a_method_in_another_form_is_refused(old, new, sentence):
    """With both run and predict, Cog reads run."""
    assert refusal(PREDICTOR.format(parameter="x: int = Input(default=1),").replace(old, new)) == sentence


def test_the_command_prints_and_writes_the_document():
    """A bare Python is enough: nothing is installed."""
    bare = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "PYTHONNOUSERSITE": "1"}
    printed = subprocess.run([ROOT / "script/schema"], capture_output=True, text=True, env=bare)
    assert (printed.stderr, printed.returncode) == ("", 0)
    assert printed.stdout == schema.WRITTEN.read_text() + "\n"
    assert schema.WRITTEN.read_text() == schema.document((ROOT / "predict.py").read_text())
