"""What Cog drops in silence is named, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from granite.schema import Dropped, read, read_source

ROOT = Path(__file__).parents[3]
HEAD = """\
import cog
from cog import BaseModel, BasePredictor, Input, Iterator
from elsewhere import IMPORTED
NUMBER = 7
TEXT = "text"
QUOTED = "a" "b"
WORDS = ["a", "b"]
GROWN = 1
GROWN += 1
class Shared:
    prompt = Input(description="p", ge=NUMBER)
    @staticmethod
    def seed(default=None):
        return Input(default=default)
"""
FIRST = HEAD.count("\n") + 1
INPUTS = [
    ("int = Input(default=IMPORTED)", "default=IMPORTED is neither a literal nor a constant of this file, so Cog makes the input required."),
    ("int | None = Input(default=f())", "default=f() is neither a literal nor a constant of this file, so Cog makes the default null."),
    ("int = Input(default=(3))", "default=(3) is neither a literal nor a constant of this file, so Cog makes the input required."),
    ("int = Input(3)", "the positional 3 in Input() is ignored, so Cog makes the input required."),
    ("int = Input(3, default=4)", "the positional 3 in Input() is ignored."),
    ("int = Input(default=None)", "default=None does not fit int, so Cog makes the input required."),
    ("int = None", "default=None does not fit int, so Cog makes the input required."),
    ("int = Input(default=GROWN)", "default=GROWN is bound again, which Cog does not follow: it takes 1."),
    ('str = Input(default="a\\n")', """default="a\\n" reads as 'a\\\\n' to Cog."""),
    ("list[int] = Input(default=(1, NUMBER))", "default=(1, NUMBER) reads as [1] to Cog."),
    ("dict = Input(default={'a': NUMBER})", "default={'a': NUMBER} reads as {} to Cog."),
    ("int = Input(ge=NUMBER)", "ge=NUMBER is not a plain number, so Cog leaves the bound out."),
    ("int = Input(le=2**3)", "le=2**3 is not a plain number, so Cog leaves the bound out."),
    ("str = Input(min_length=NUMBER)", "min_length=NUMBER is not a plain number, so Cog leaves the bound out."),
    ("str = Input(max_length=1.5)", "max_length=1.5 is not a whole number from 0, so Cog makes it 1."),
    ("str = Input(regex=TEXT)", "regex=TEXT is not one plain string literal, so Cog leaves the regex out."),
    ('str = Input(description=("d"))', 'description=("d") is not one plain string literal, so Cog leaves the description out.'),
    ('str = Input(description=f"{TEXT}")', 'description=f"{TEXT}" is not one plain string literal, so Cog leaves the description out.'),
    ('str = Input(description="a" "b")', 'description="a" "b" is kept as typed, with its quotes, operators and escapes.'),
    ('str = Input(description="a" + "b")', 'description="a" + "b" is kept as typed, with its quotes, operators and escapes.'),
    ("str = Input(description=QUOTED)", "description=QUOTED is kept as typed, with its quotes, operators and escapes."),
    ("str = Input(deprecated=NUMBER)", "deprecated=NUMBER is not True or False, so Cog takes no notice of it."),
    ("str = Input(choices=[])", "choices=[] is empty, so Cog allows every value."),
    ('str = Input(choices=["a\\t"])', """choices=["a\\t"] reads as ['a\\\\t'] to Cog."""),
    ('str = Input(title="T")', """title="T" is ignored: Cog's Input() has no such keyword."""),
    ("str = Input(**WORDS)", "**WORDS in Input() is ignored."),
    ("int = Shared.seed(default=NUMBER)", "default=NUMBER in the call of a shared input is ignored."),
    ("int = Shared.seed(1, choices=[1])", "choices=[1] in the call of a shared input is ignored."),
]  # fmt: skip
KEPT = [
    "str",
    "str = Input()",
    "int = Input(default=NUMBER, description=TEXT, ge=-1, le=1e3)",
    "str = Input(default='a', choices=WORDS + ['c'])",
    "str = Input(description='''two\nlines''', regex=r'\\d+')",
    "int | None = None",
    "cog.Secret = Input(default=None)",
    "list[str] = ['a']",
]


def predictor(parameter: str) -> str:
    return f"{HEAD}class Predictor(BasePredictor):\n    def predict(\n        self,\n        x: {parameter},\n    ) -> str: ...\n"


@pytest.mark.parametrize(("parameter", "what"), INPUTS, ids=lambda part: part[:40])
def test_a_lost_part_of_an_input_is_named(parameter, what):
    """One sentence that names the input, what was written, and what Cog makes of it, at its line."""
    assert read_source(predictor(parameter), "Predictor").dropped == (Dropped(FIRST + 3, f"x: {what}"),)


@pytest.mark.parametrize("parameter", KEPT)
def test_what_cog_keeps_is_not_named(parameter):
    """Literals, constants of the file, joined lists and optional Nones lose nothing."""
    assert read_source(predictor(parameter), "Predictor").dropped == ()


def test_a_loss_in_a_shared_input_stands_at_its_own_line():
    """The line is that of the Input() on the class, the name that of the input which uses it."""
    line = HEAD.splitlines().index('    prompt = Input(description="p", ge=NUMBER)') + 1
    assert read_source(predictor("str = Shared.prompt"), "Predictor").dropped == (
        Dropped(line, "x: ge=NUMBER is not a plain number, so Cog leaves the bound out."),
    )


def test_parameters_that_cog_passes_over_are_named():
    """An untyped parameter and both kinds of stars never become inputs; self does not count."""
    source = "class P:\n    def predict(self, bare, *args, x: int = 1, **kwargs) -> str: ...\n"
    assert read_source(source, "P").dropped == (
        Dropped(2, "**kwargs: Cog takes no undeclared inputs, so nothing ever arrives there."),
        Dropped(2, "*args: Cog takes no undeclared inputs, so nothing ever arrives there."),
        Dropped(2, "bare: Cog leaves out a parameter without a type."),
    )


def test_decorators_that_cog_does_not_know_are_named():
    """Another package's streaming, and cog's own on the class, change nothing in the schema."""
    source = (
        "import cog\nfrom elsewhere import streaming\n@cog.concurrent(max=2)\nclass P:\n"
        "    @streaming\n    def predict(self) -> cog.Iterator[str]: ...\n"
    )
    assert read_source(source, "P").dropped == (
        Dropped(3, "@cog.concurrent(max=2) on the class has no effect: it belongs on the method."),
        Dropped(5, "@streaming is not cog's to Cog's parser and has no effect."),
    )


def test_losses_in_models_of_other_files_name_the_file(tmp_path):
    """An output field's type and default that Cog cannot read, in the file that holds the model."""
    (tmp_path / "models.py").write_text(
        "from cog import BaseModel\nclass Answer(BaseModel):\n    a: list[int] = make()\n    b: lambda: 1\n"
    )
    (tmp_path / "predict.py").write_text("from models import Answer\ndef predict() -> Answer: ...\n")
    assert read(tmp_path / "predict.py", "predict").dropped == (
        Dropped(3, "a: make() is not a literal, so Cog takes the output field as one without a default.", "models.py"),
        Dropped(4, "Answer.b: Cog cannot read the type lambda: 1 and leaves the field out.", "models.py"),
    )


def test_our_predictor_loses_nothing():
    """Everything that predict.py says of its inputs reaches the schema."""
    assert read(ROOT / "predict.py", "Predictor").dropped == ()
