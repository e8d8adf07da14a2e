"""What a person types after script/predict."""

import json

import pytest

from granite.cli import inputs

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
        (
            ["prompt=7", "max_tokens=7.0", "top_p=1", "thinking=true", "length=short"],
            {"prompt": "7", "max_tokens": 7.0, "top_p": 1, "thinking": True, "length": "short"},
        ),
        (["stop=a", "stop=b"], {"stop": ["a", "b"]}),
        (["stop=a"], {"stop": ["a"]}),
        (['stop=["a", "b"]'], {"stop": ["a", "b"]}),
        (
            ['messages={"role": "user"}', 'messages={"role": "tool"}'],
            {"messages": [{"role": "user"}, {"role": "tool"}]},
        ),
        (["tool_choice=auto"], {"tool_choice": "auto"}),
        (['tool_choice={"type": "function"}'], {"tool_choice": {"type": "function"}}),
        (["prompt=a=b"], {"prompt": "a=b"}),
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


def refusal(pairs, document=None):
    with pytest.raises(inputs.InputError) as caught:
        inputs.read(pairs, document, SCHEMAS)
    return str(caught.value)


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("max_token=8", "There is no input `max_token`; did you mean `max_tokens`?"),
        ("xyz=8", f"There is no input `xyz`; the inputs are {', '.join(SCHEMAS)}."),
        ("prompt", "-i prompt has no value; write -i prompt=VALUE."),
        ("max_tokens=many", "`max_tokens` must be a whole number, got many."),
        ("max_tokens=5.5", "`max_tokens` must be a whole number, got 5.5."),
        ("max_tokens=true", "`max_tokens` must be a whole number, got true."),
        ("max_tokens=null", "`max_tokens` must be a whole number, got null."),
        ("max_tokens=0", "max_tokens must be at least 1, got 0."),
        ("top_p=1.7", "top_p must be from 0 to 1, got 1.7."),
        ("top_p=NaN", "`top_p` must be a number, got NaN."),
        ("top_p=1e999", "`top_p` must be a number, got 1e999."),
        ("thinking=1", "`thinking` must be true or false, got 1."),
        ("length=middle", "`length` must be short or long, got middle."),
        ("stop=[1]", "`stop` must be a list of texts, got a list."),
        ("messages=Hi", "`messages` is not valid JSON: Expecting value: line 1 column 1 (char 0)."),
        ('messages=[{"role"', "`messages` is not valid JSON: Expecting ':' delimiter: line 1 column 9 (char 8)."),
        (
            'tool_choice={"',
            "`tool_choice` is not valid JSON: Unterminated string starting at: line 1 column 2 (char 1).",
        ),
        ("prompt=@/nowhere", "@/nowhere cannot be read: No such file or directory."),
        ("prompt=caf\udce9", "The input is not UTF-8 text."),
    ],
)
def test_a_mistake_is_one_sentence(pair, sentence):
    assert refusal([pair]) == sentence


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("{", "--json is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."),
        ("[]", '--json is not a JSON object such as {"prompt": "Hello"}.'),
        ('{"prompt": null}', "`prompt` must be a text, got null."),
        ('{"top_p": Infinity}', "--json is not valid JSON: it has no number Infinity."),
        (
            '{"prompt": "\\ud800"}',
            "--json is not valid JSON: 'utf-8' codec can't encode character '\\ud800' in position 12: surrogates not allowed.",
        ),
    ],
)
def test_an_invalid_document_is_one_sentence(document, sentence):
    assert refusal([], document) == sentence


def test_a_repeated_name_needs_a_list():
    assert refusal(["prompt=a", "prompt=b"]) == "`prompt` is given 2 times; give it once."
