"""What a person types after script/predict."""

import json

import pytest

from granite.cli import inputs

PROPERTIES = {
    "prompt": {"type": "string"},
    "max_tokens": {"type": "integer", "minimum": 1},
    "top_p": {"type": "number", "minimum": 0, "maximum": 1},
    "thinking": {"type": "boolean"},
    "stop": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    "messages": {"type": "array", "items": {"type": "object"}},
}


def read(*pairs, document=None):
    return inputs.read(pairs, document, PROPERTIES)


def refused(*pairs, document=None):
    with pytest.raises(inputs.InputError) as caught:
        read(*pairs, document=document)
    return str(caught.value)


def test_a_value_takes_the_type_of_its_input():
    """A text stays a text, whatever it looks like."""
    assert read("prompt=7", "max_tokens=7", "top_p=1", "thinking=true", 'messages=[{"role": "user"}]') == {
        "prompt": "7",
        "max_tokens": 7,
        "top_p": 1,
        "thinking": True,
        "messages": [{"role": "user"}],
    }


def test_a_repeated_name_is_a_list():
    """As in `cog predict`; a JSON list is one, too, and one text is a text."""
    assert read("stop=a", "stop=b") == {"stop": ["a", "b"]}
    assert read('stop=["a", "b"]') == {"stop": ["a", "b"]}
    assert read("stop=a") == {"stop": "a"}


def test_an_at_sign_takes_a_files_text(tmp_path):
    """For one input and for all of them; pairs are laid over the file."""
    (tmp_path / "prompt.txt").write_text("Erkläre 岩石", encoding="utf-8")
    (tmp_path / "request.json").write_text(json.dumps({"prompt": "x", "max_tokens": 8}))
    assert read(f"prompt=@{tmp_path}/prompt.txt", document=f"@{tmp_path}/request.json") == {
        "prompt": "Erkläre 岩石",
        "max_tokens": 8,
    }


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("max_token=8", "There is no input max_token: did you mean max_tokens?"),
        (
            "xyz=8",
            "There is no input xyz: the inputs are prompt, max_tokens, top_p, thinking, stop, messages.",
        ),
        ("prompt", "-i prompt has no value: write -i prompt=VALUE."),
        ("max_tokens=many", "max_tokens must be of type integer, got str."),
        ("max_tokens=true", "max_tokens must be of type integer, got bool."),
        ("thinking=1", "thinking must be of type boolean, got int."),
        ("max_tokens=0", "max_tokens must be at least 1, got 0."),
        ("top_p=1.7", "top_p must be from 0 to 1, got 1.7."),
        ("prompt=@/nowhere", "@/nowhere cannot be read: No such file or directory."),
    ],
)
def test_a_mistake_is_one_sentence(pair, sentence):
    """Before a server is started."""
    assert refused(pair) == sentence


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("{", "--json is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."),
        ("[]", '--json is not a JSON object such as {"prompt": "Hello"}.'),
        ('{"prompt": null}', "prompt must be of type string, got NoneType."),
    ],
)
def test_a_document_that_is_no_request_is_one_sentence(document, sentence):
    """The same for a file, by its name."""
    assert refused(document=document) == sentence
