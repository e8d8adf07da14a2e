"""script/schema as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from granite.schema import read

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parents[2] / "schema"


def schema(*arguments: str | Path, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "script" / "schema", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHON": python, "PATH": "/usr/bin:/bin"},
    )


def test_the_schema_is_printed_as_cog_writes_it():
    """Cog's bytes and a newline on stdout, nothing on stderr, exit 0."""
    done = schema(f"{HERE / 'granite.py'}:Predictor")
    assert (done.stdout, done.stderr, done.returncode) == (
        read(HERE / "granite.py", "Predictor").json() + "\n",
        "",
        0,
    )
    assert json.loads(done.stdout) == json.loads((HERE / "granite.json").read_text())


def test_without_a_target_ours_is_printed_and_written():
    """.cog/openapi_schema.json then holds the same, without the newline, as after a build."""
    done = schema()
    assert (done.stderr, done.returncode) == ("", 0)
    assert (ROOT / ".cog" / "openapi_schema.json").read_text() + "\n" == done.stdout


def test_another_predictor_is_not_written():
    """The file in .cog stays ours."""
    written = ROOT / ".cog" / "openapi_schema.json"
    schema()
    before = written.read_text()
    schema(f"{HERE / 'granite.py'}:Predictor")
    assert written.read_text() == before


def test_losses_go_to_stderr_and_the_schema_is_printed_all_the_same(tmp_path):
    """FILE:LINE: sentence, with the file as it was given; exit 1."""
    file = tmp_path / "predict.py"
    file.write_text("LOW = 0\ndef predict(\n    x: int = Input(\n        default=1, ge=LOW\n    ),\n) -> str: ...\n")
    done = schema(f"{file}:predict")
    assert done.stderr == f"{file}:4: x: ge=LOW is not a plain number, so Cog leaves the bound out.\n"
    assert done.returncode == 1
    assert json.loads(done.stdout)["components"]["schemas"]["Input"]["properties"] == {
        "x": {"default": 1, "title": "X", "type": "integer", "x-order": 0}
    }


def test_a_refused_predictor_is_one_sentence(tmp_path):
    """Cog's words after the file's name; nothing on stdout; exit 2."""
    file = tmp_path / "predict.py"
    file.write_text("def predict(x: int = f()) -> str: ...\n")
    done = schema(f"{file}:predict")
    assert (done.stdout, done.stderr, done.returncode) == (
        "",
        f"{file}: parameter 'x': default `f()` cannot be statically resolved\n",
        2,
    )


def test_a_missing_file_or_class_is_one_sentence(tmp_path):
    """Both are named, and neither ends in a traceback."""
    missing = schema(f"{tmp_path / 'no.py'}:Predictor")
    assert (missing.stderr, missing.returncode) == (f"{tmp_path / 'no.py'}: no such file or directory\n", 2)
    unknown = schema(f"{HERE / 'granite.py'}:Nobody")
    assert (unknown.stderr, unknown.returncode) == (f"{HERE / 'granite.py'}: there is no class or function Nobody\n", 2)


def test_a_target_without_a_class_is_explained():
    """The form is shown with an example; exit 2."""
    done = schema("predict.py")
    assert done.returncode == 2
    assert done.stderr.endswith("'predict.py' is not of the form FILE:Class, such as predict.py:Predictor\n")


def test_help_tells_the_exit_codes():
    """--help says what is printed, where it is written and what the codes mean."""
    done = schema("--help")
    assert done.returncode == 0
    assert "exit codes: 0 nothing is lost; 1 something is" in done.stdout
    assert ".cog/openapi_schema.json" in done.stdout


def test_a_bare_python_is_enough():
    """No package is needed: it runs isolated from site-packages."""
    code = "import sys; sys.argv = ['schema', '--help']; import runpy; runpy.run_module('granite.cli.schema')"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert (done.stderr, done.returncode) == ("", 0)


def test_models_are_looked_for_from_the_folder_of_cog_yaml(tmp_path):
    """A predictor in a subfolder finds the project's modules as it does in a build."""
    (tmp_path / "cog.yaml").touch()
    (tmp_path / "app").mkdir()
    (tmp_path / "models.py").write_text("from cog import BaseModel\nclass Answer(BaseModel):\n    text: str\n")
    (tmp_path / "app" / "predict.py").write_text("from models import Answer\ndef predict() -> Answer: ...\n")
    done = schema(f"{tmp_path / 'app' / 'predict.py'}:predict")
    assert json.loads(done.stdout)["components"]["schemas"]["Output"]["required"] == ["text"]
