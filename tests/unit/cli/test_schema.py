"""The schema against Cog's own answers.

schema/cases.json and schema/granite.* hold what Cog 0.23 made of 66 predictors. schema/more_cases.json holds what the
parser of Cog 0.22, whose source can be read, made of others in the same form; `files` are further files of the project.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from granite.schema import Reading, SchemaError, read, read_source

HERE = Path(__file__).parents[2] / "schema"
CASES = json.loads((HERE / "cases.json").read_text())
MORE_CASES = json.loads((HERE / "more_cases.json").read_text())
GRANITE = json.loads((HERE / "granite.json").read_text())
FIXED = {
    "Input",
    "Output",
    "PredictionRequest",
    "PredictionResponse",
    "Status",
    "HTTPValidationError",
    "ValidationError",
}
BARE_NAMES = {
    "predict": "predict has no return type",
    "Predictor": "there is no class or function Predictor",
}
"""Where Cog's whole message is a name, ours is a sentence."""


def name_of(case: dict[str, Any]) -> str:
    return str(case["name"]).replace(" ", "-")


def answer(reading: Reading) -> dict[str, Any]:
    schemas = reading.openapi["components"]["schemas"]
    return {
        "input": schemas["Input"],
        "output": schemas["Output"],
        "enums": {name: schema for name, schema in schemas.items() if name not in FIXED},
        "streaming": reading.openapi["paths"]["/predictions"]["post"].get("x-cog-streaming", False),
    }


def expected(case: dict[str, Any]) -> dict[str, Any]:
    return {key: case.get(key, {}) for key in ("input", "output", "enums", "streaming")}


def in_order(schema: dict[str, Any]) -> list[str]:
    return list(schema["properties"])


@pytest.mark.parametrize("case", [case for case in CASES if "error" not in case], ids=name_of)
def test_what_cog_accepts_comes_out_the_same(case):
    """Inputs in their order, output, enumerations and streaming, for each predictor Cog 0.23 accepted."""
    found = answer(read_source(case["source"], "Predictor"))
    assert found == expected(case)
    assert in_order(found["input"]) == in_order(case["input"])


@pytest.mark.parametrize("case", [case for case in CASES if "error" in case], ids=name_of)
def test_what_cog_refuses_is_refused_in_its_words(case):
    """Each predictor Cog 0.23 refused, with its message."""
    with pytest.raises(SchemaError) as refusal:
        read_source(case["source"], "Predictor")
    assert str(refusal.value) == case["error"]


@pytest.mark.parametrize("case", MORE_CASES, ids=name_of)
def test_further_predictors_come_out_as_in_cog(case, tmp_path):
    """Models, shared inputs, other files, base classes and odd literals, accepted or refused."""
    file = tmp_path / case.get("path", "predict.py")
    for name, text in {**case.get("files", {}), str(file): case["source"]}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    try:
        found = answer(read(file, "Predictor", tmp_path))
    except SchemaError as refusal:
        assert str(refusal) == BARE_NAMES.get(case["error"], case["error"])
    else:
        assert found == expected(case)
        assert in_order(found["input"]) == in_order(case["input"])


def test_a_whole_predictor_gives_the_whole_document():
    """granite.py gives granite.json, key order included, and loses nothing."""
    reading = read(HERE / "granite.py", "Predictor")
    assert reading.openapi == GRANITE
    assert json.dumps(reading.openapi) == json.dumps(GRANITE)
    assert reading.dropped == ()


def test_the_file_is_written_as_go_writes_json():
    """One compact line; <, > and & escaped; 1 for 1.0; other characters as they are."""
    reading = read_source(
        "def predict(x: float = Input(default=0.00001, ge=1.0, le=1e21, description='<é> & \u2028')) -> str: ...\n",
        "predict",
    )
    assert (
        '"x":{"default":0.00001,"description":"\\u003cé\\u003e \\u0026 \\u2028","maximum":1e+21,"minimum":1,'
        '"title":"X","type":"number","x-order":0}' in reading.json()
    )
    assert json.loads(reading.json()) == reading.openapi
    assert "\n" not in reading.json()


def test_the_predictor_is_not_run(tmp_path):
    """A file that would fail on import is read all the same."""
    file = tmp_path / "predict.py"
    file.write_text("import no_such_package\nraise SystemExit\ndef predict(x: int) -> str: ...\n")
    assert answer(read(file, "predict"))["input"]["required"] == ["x"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"x = 1\ndef predict(:\n", "line 2 is not Python: invalid syntax"),
        (b"# \xff\n", "the file is not UTF-8 text"),
    ],
    ids=["syntax", "bytes"],
)
def test_what_is_not_python_is_refused_in_a_sentence(source, message):
    """Cog's parser reads on past a mistake; ours says where it is."""
    with pytest.raises(SchemaError) as refusal:
        read_source(source, "predict")
    assert str(refusal.value) == message


def test_an_invalid_escape_warns_nobody(recwarn):
    """Python's own SyntaxWarning about the file read is not ours to show."""
    read_source(r"""def predict(x: str = Input(regex="\d")) -> str: ...""", "predict")
    assert not list(recwarn)
