"""What a person types after script/predict."""

import json

import pytest

from granite.cli import inputs
from granite.errors import InvalidInput

SCHEMAS = {
    "prompt": {"type": "string"},
    "max_tokens": {"type": "integer", "minimum": 1},
    "top_p": {"type": "number", "minimum": 0, "maximum": 1},
    "thinking": {"type": "boolean"},
    "length": {"type": "string", "enum": ["short", "long"]},
    "stop": {"type": "array", "items": {"type": "string"}},
    "messages": {"type": "array", "items": {"type": "object"}},
    "tool_choice": {"anyOf": [{"type": "string"}, {"type": "object"}]},
}


@pytest.mark.parametrize(
    ("pairs", "read"),
    [
        (["prompt=7", "max_tokens=7.0", "thinking=true"], {"prompt": "7", "max_tokens": 7.0, "thinking": True}),
        (["prompt=[a=b", "top_p=1", "length=short"], {"prompt": "[a=b", "top_p": 1, "length": "short"}),
        (["stop=[a", "stop=b"], {"stop": ["[a", "b"]}),
        (["stop=a"], {"stop": ["a"]}),
        (['stop=["a", "b"]'], {"stop": ["a", "b"]}),
        (['messages={"role": "user"}', "messages={}"], {"messages": [{"role": "user"}, {}]}),
        (["tool_choice=auto"], {"tool_choice": "auto"}),
        (['tool_choice={"type": "function"}'], {"tool_choice": {"type": "function"}}),
    ],
)
def test_a_value_takes_the_type_of_its_input(pairs, read):
    assert inputs.read(pairs, None, SCHEMAS) == read


def test_an_at_sign_takes_a_files_text(tmp_path):
    """For one input and for all of them; pairs override the file."""
    (tmp_path / "prompt.txt").write_text("Erkläre 岩石", encoding="utf-8")
    (tmp_path / "request.json").write_text(json.dumps({"prompt": "x", "max_tokens": 8}))
    read = inputs.read([f"prompt=@{tmp_path}/prompt.txt"], f"@{tmp_path}/request.json", SCHEMAS)
    assert read == {"prompt": "Erkläre 岩石", "max_tokens": 8}


@pytest.mark.parametrize(
    ("pairs", "document", "sentence"),
    [
        (["max_token=8"], None, "There is no input `max_token`; did you mean `max_tokens`?"),
        (["xyz=8"], None, f"There is no input `xyz`; the inputs are {', '.join(SCHEMAS)}."),
        (["prompt"], None, "-i prompt has no value; write -i prompt=VALUE."),
        (["prompt=a", "prompt=b"], None, "`prompt` is given 2 times; give it once."),
        (["prompt=@/nowhere"], None, "@/nowhere cannot be read: No such file or directory."),
        (["prompt=caf\udce9"], None, "The input is not UTF-8 text."),
        (["max_tokens=many"], None, "`max_tokens` must be a whole number, got many."),
        (["max_tokens=5.5"], None, "`max_tokens` must be a whole number, got 5.5."),
        (["max_tokens=true"], None, "`max_tokens` must be a whole number, got true."),
        (["max_tokens=0"], None, "max_tokens must be at least 1, got 0."),
        (["top_p=1.7"], None, "top_p must be from 0 to 1, got 1.7."),
        (["top_p=NaN"], None, "`top_p` must be a number, got NaN."),
        (["top_p=1e999"], None, "`top_p` must be a number, got 1e999."),
        (["thinking=1"], None, "`thinking` must be true or false, got 1."),
        (["length=middle"], None, "`length` must be short or long, got middle."),
        (["stop=[1]"], None, "`stop` must be a list of texts, got a list."),
        (
            ['tool_choice={"'],
            None,
            "`tool_choice` is not valid JSON: Unterminated string starting at: line 1 column 2 (char 1).",
        ),
        (["messages=Hi"], None, "`messages` is not valid JSON: Expecting value: line 1 column 1 (char 0)."),
        ([], '{"tool_choice": 1}', "`tool_choice` must be a text or an object, got 1."),
        ([], '{"prompt": null}', "`prompt` must be a text, got null."),
        ([], "[]", '--json is not a JSON object such as {"prompt": "Hello"}.'),
        ([], "[1", "--json is not valid JSON: Expecting ',' delimiter: line 1 column 3 (char 2)."),
    ],
)
def test_a_mistake_is_one_sentence(pairs, document, sentence):
    with pytest.raises(InvalidInput) as caught:
        inputs.read(pairs, document, SCHEMAS)
    assert str(caught.value) == sentence
