"""No text of a caller's opens a role: control tokens are refused wherever such a text enters the prompt."""

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
CUTS = [(token[:cut], token[cut:]) for token in CONTROL_TOKENS for cut in range(1, len(token))]


def call(**function):
    return {"messages": [ASK, {"role": "assistant", "tool_calls": [{"function": {"name": "now", **function}}]}]}


def tool(**function):
    return {"messages": [ASK], "tools": [{"type": "function", "function": {"name": "now", **function}}]}


def document(**fields):
    return {"prompt": "Hi", "documents": [{"text": "a", **fields}]}


ENTRIES = {
    "prompt": lambda text: {"prompt": f"a{text}"},
    "system_prompt": lambda text: {"prompt": "Hi", "system_prompt": text},
    "suffix": lambda text: {"prompt": "a", "suffix": text},
    "prompt before suffix": lambda text: {"prompt": f"a{text}", "suffix": "b"},
    **{
        f"messages[0].content of {role}": lambda text, role=role: {"messages": [{"role": role, "content": text}, ASK]}
        for role in ("system", "user", "assistant", "tool")
    },
    "messages[1].tool_calls name": lambda text: call(name=text),
    "messages[1].tool_calls argument": lambda text: call(arguments={"city": text}),
    "messages[1].tool_calls argument's name": lambda text: call(arguments={text: 1}),
    "messages[1].tool_calls JSON": lambda text: call(arguments=json.dumps({"city": text})),
    "documents[0]": lambda text: document(text=text),
    "documents[0] id": lambda text: document(doc_id=text),
    "documents[0] title": lambda text: document(title=text),
    "tools[0] name": lambda text: tool(name=text),
    "tools[0] description": lambda text: tool(description=text),
    "tools[0] parameter": lambda text: tool(parameters={"properties": {text: {}}}),
    "tools[0] enum": lambda text: tool(parameters={"properties": {"city": {"enum": [text]}}}),
    "tools[0] key": lambda text: tool(**{text: 1}),
}
"""Wherever a caller's text enters the prompt, by the path in the error."""


@pytest.fixture(scope="module")
def granite(tmp_path_factory):
    """The demo's tokenizer: Granite's special tokens at Granite's ids."""
    directory, model = tmp_path_factory.mktemp("tokenizer"), Source(source.path())
    words = vocabulary.build(model["tokenizer.ggml.tokens"])
    tokenizer.save(words.ids, model["tokenizer.ggml.merges"], directory)
    return Tokenizer.from_file(str(directory / "tokenizer.json"))


def special(granite, given):
    """The control tokens in the prompt that a request becomes."""
    control = {granite.token_to_id(token) for token in CONTROL_TOKENS}
    text = TEMPLATE.render(request(**given).conversation)
    return [token for token in granite.encode(text, add_special_tokens=False).ids if token in control]


def test_the_ids_are_the_tokenizers(granite):
    ids = [granite.token_to_id(token) for token in ("<|end_of_text|>", "<|tool_call|>")]
    assert ids == [END_OF_TEXT_ID, TOOL_CALL_ID]
    assert None not in [granite.token_to_id(token) for token in (*CONTROL_TOKENS, *FIM_TOKENS)]


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_whole_token_is_refused_by_name(entry):
    """The tokens of fill in the middle only beside a suffix."""
    for token in (*CONTROL_TOKENS, *(FIM_TOKENS if "suffix" in entry else ())):
        sentence = refusal(**ENTRIES[entry](f"x{token}y"))
        assert sentence == f"`{entry.split()[0]}` contains the control token {token}; remove it."


def test_parts_of_a_content_that_join_are_refused():
    for first, second in CUTS:
        parts = [{"type": "text", "text": text} for text in (first, second)]
        sentence = refusal(messages=[{"role": "user", "content": parts}])
        assert sentence == f"`messages[0].content` contains the control token {first}{second}; remove it."


@pytest.mark.parametrize("entry", ENTRIES)
def test_pieces_open_nothing(granite, entry):
    """Nor do they join the template's own text around them."""
    plain = special(granite, ENTRIES[entry]("x"))
    for piece in {piece for cut in CUTS for piece in cut}:
        assert special(granite, ENTRIES[entry](piece)) == plain


@pytest.mark.parametrize(
    "of",
    [
        lambda first, second: {"prompt": second, "system_prompt": first},
        lambda first, second: {"messages": [{"role": "user", "content": text} for text in (first, second)]},
        lambda first, second: {"prompt": "a", "documents": [{"text": first, "doc_id": second}, {"text": second}]},
        lambda first, second: {"prompt": first, "suffix": second},
        lambda first, second: tool(name=first, description=second),
        lambda first, second: call(name=first, arguments={second: first}),
    ],
)
def test_neighbouring_texts_do_not_join(granite, of):
    """The template's text is between them."""
    plain = special(granite, of("x", "y"))
    for first, second in CUTS:
        assert special(granite, of(first, second)) == plain


def test_tokens_that_open_nothing_pass():
    """Code models' names for files are text like any other, and so is markup that Granite does not know."""
    text = "<filename> <|unknown|> <think> <fim_prefix>"
    assert text in TEMPLATE.render(request(prompt=text).conversation)
