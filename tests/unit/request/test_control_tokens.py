"""No text of a caller's opens a role: control tokens are refused wherever such a text enters the prompt."""

import itertools
import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from granite.model.demo import source, tokenizer, vocabulary
from granite.model.demo.source import Source
from granite.request.control_tokens import CONTROL_TOKENS, END_OF_TEXT_ID, FIM_TOKENS, TOOL_CALL_ID
from granite.request.prompt import PromptTemplate
from tests.inputs import refusal, request

TEMPLATE = PromptTemplate(Path("chat_template.jinja"))
ASK = {"role": "user", "content": "Why?"}


def calls(**function):
    return {"messages": [ASK, {"role": "assistant", "tool_calls": [{"function": {"name": "now", **function}}]}]}


def tools(**function):
    return {"messages": [ASK], "tools": [{"type": "function", "function": {"name": "now", **function}}]}


def documents(**document):
    return {"prompt": "Hi", "documents": [{"text": "a", **document}]}


ENTRIES = {
    "prompt": lambda text: {"prompt": f"a{text}"},
    "system_prompt": lambda text: {"prompt": "Hi", "system_prompt": text},
    "suffix": lambda text: {"prompt": "a", "suffix": text},
    "prompt before suffix": lambda text: {"prompt": f"a{text}", "suffix": "b"},
    "messages[0].content": lambda text: {"messages": [{"role": "user", "content": text}]},
    "messages[0].content of the system": lambda text: {"messages": [{"role": "system", "content": text}, ASK]},
    "messages[1].content": lambda text: {"messages": [ASK, {"role": "assistant", "content": text}]},
    "messages[1].content of a tool": lambda text: {"messages": [ASK, {"role": "tool", "content": text}]},
    "messages[0].content in parts": lambda text: {
        "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]
    },
    "messages[1].tool_calls name": lambda text: calls(name=text),
    "messages[1].tool_calls argument": lambda text: calls(arguments={"city": text}),
    "messages[1].tool_calls argument's name": lambda text: calls(arguments={text: 1}),
    "messages[1].tool_calls JSON": lambda text: calls(arguments=json.dumps({"city": text})),
    "documents[0]": lambda text: documents(text=text),
    "documents[0] id": lambda text: documents(doc_id=text),
    "documents[0] title": lambda text: documents(title=text),
    "tools[0] name": lambda text: tools(name=text),
    "tools[0] description": lambda text: tools(description=text),
    "tools[0] parameter": lambda text: tools(parameters={"type": "object", "properties": {text: {}}}),
    "tools[0] enum": lambda text: tools(parameters={"type": "object", "properties": {"city": {"enum": [text]}}}),
    "tools[0] key": lambda text: tools(**{text: 1}),
}
"""Wherever a caller's text enters the prompt, by the path in the error."""


@pytest.fixture(scope="module")
def granite(tmp_path_factory):
    """The demo's tokenizer: Granite's special tokens at Granite's ids."""
    directory, model = tmp_path_factory.mktemp("tokenizer"), Source(source.path())
    words = vocabulary.build(model["tokenizer.ggml.tokens"])
    tokenizer.save(words.ids, model["tokenizer.ggml.merges"], directory)
    return Tokenizer.from_file(str(directory / "tokenizer.json"))


def special(granite, **given):
    """The control tokens in the prompt that a request becomes."""
    control = {granite.token_to_id(token) for token in CONTROL_TOKENS}
    text = TEMPLATE.render(request(**given).conversation)
    return [token for token in granite.encode(text, add_special_tokens=False).ids if token in control]


def test_the_ids_are_the_tokenizers(granite):
    assert granite.token_to_id("<|end_of_text|>") == END_OF_TEXT_ID
    assert granite.token_to_id("<|tool_call|>") == TOOL_CALL_ID
    assert None not in {granite.token_to_id(token) for token in (*CONTROL_TOKENS, *FIM_TOKENS)}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_whole_token_is_refused_by_name(entry):
    for token in CONTROL_TOKENS:
        sentence = refusal(**ENTRIES[entry](f"x{token}y"))
        assert sentence == f"`{entry.split()[0]}` contains the control token {token}; remove it."


def test_pieces_that_join_are_refused():
    """A content's parts are one text, however they are cut."""
    for token in CONTROL_TOKENS:
        for cut in range(1, len(token)):
            parts = [{"type": "text", "text": text} for text in (token[:cut], token[cut:])]
            sentence = refusal(messages=[{"role": "user", "content": parts}])
            assert sentence == f"`messages[0].content` contains the control token {token}; remove it."


@pytest.mark.parametrize("entry", ENTRIES)
def test_pieces_that_do_not_join_open_nothing(granite, entry):
    """Nor do they join the template's own text around them."""
    plain = special(granite, **ENTRIES[entry]("x"))
    for token in CONTROL_TOKENS:
        for cut in range(1, len(token)):
            for piece in (token[:cut], token[cut:]):
                assert special(granite, **ENTRIES[entry](piece)) == plain


def test_neighbouring_texts_do_not_join(granite):
    """The template's text is between them."""
    for token in CONTROL_TOKENS:
        for first, second in ((token[:cut], token[cut:]) for cut in range(1, len(token))):
            for given in (
                {"prompt": second, "system_prompt": first},
                {"messages": [{"role": "user", "content": first}, {"role": "user", "content": second}]},
                {"prompt": "a", "documents": [{"text": first, "doc_id": second}, {"text": second, "doc_id": first}]},
                {"prompt": first, "suffix": second},
                tools(name=first, description=second),
                calls(name=first, arguments={second: first}),
            ):
                plain = json.dumps(given).replace(json.dumps(first), '"x"').replace(json.dumps(second), '"y"')
                assert special(granite, **given) == special(granite, **json.loads(plain))


def test_fill_in_the_middle_refuses_its_own_tokens():
    for token, name in itertools.product(FIM_TOKENS, ("prompt", "suffix")):
        sentence = refusal(**{"prompt": "a", "suffix": "b", name: f"x{token}"})
        assert sentence == f"`{name}` contains the control token {token}; remove it."


def test_tokens_that_open_nothing_pass():
    """Code models' names for files are text like any other, and so is markup that Granite does not know."""
    text = "<filename> <|unknown|> <think> <fim_prefix>"
    assert text in TEMPLATE.render(request(prompt=text).conversation)
