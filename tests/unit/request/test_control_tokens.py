"""No text of a caller's opens a role: control tokens are refused wherever such a text enters the prompt."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from granite.model import weights
from granite.request.control_tokens import CONTROL_TOKENS, END_OF_TEXT_ID, TOOL_CALL_ID
from granite.request.conversation import Conversation
from granite.request.prompt import PromptFormat
from granite.settings import Settings
from tests import asked
from tests.asked import passed

FORMAT = PromptFormat(Path("chat_template.jinja"))
ASK = {"role": "user", "content": "Why?"}


def check(faults, inputs):
    return Conversation.checked(faults, inputs, trust_template=False)


def calls(**function):
    return [ASK, {"role": "assistant", "tool_calls": [{"function": {"name": "now", **function}}]}]


def tools(**function):
    return {"messages": [ASK], "tools": [{"type": "function", "function": {"name": "now", **function}}]}


PLACES = {
    "prompt": lambda text: {"prompt": f"a{text}"},
    "system_prompt": lambda text: {"prompt": "Hi", "system_prompt": text},
    "suffix": lambda text: {"prompt": "a", "suffix": text},
    "prompt before suffix": lambda text: {"prompt": f"a{text}", "suffix": "b"},
    "messages": lambda text: {"messages": [{"role": "user", "content": text}]},
    "messages of the system": lambda text: {"messages": [{"role": "system", "content": text}, ASK]},
    "messages of the assistant": lambda text: {"messages": [ASK, {"role": "assistant", "content": text}]},
    "messages of a tool": lambda text: {"messages": [ASK, {"role": "tool", "content": text}]},
    "messages in parts": lambda text: {"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]},
    "messages: a call's name": lambda text: {"messages": calls(name=text)},
    "messages: a call's arguments": lambda text: {"messages": calls(arguments={"city": text})},
    "messages: a call's argument": lambda text: {"messages": calls(arguments={text: 1})},
    "messages: a call's arguments as JSON": lambda text: {"messages": calls(arguments=json.dumps({"city": text}))},
    "documents": lambda text: {"prompt": "Hi", "documents": [{"text": text}]},
    "documents: an id": lambda text: {"prompt": "Hi", "documents": [{"text": "a", "doc_id": text}]},
    "documents: a title": lambda text: {"prompt": "Hi", "documents": [{"text": "a", "title": text}]},
    "tools: a name": lambda text: tools(name=text),
    "tools: a description": lambda text: tools(description=text),
    "tools: a parameter": lambda text: tools(parameters={"type": "object", "properties": {text: {}}}),
    "tools: a parameter's description": lambda text: tools(
        parameters={"type": "object", "properties": {"city": {"description": text}}}
    ),
    "tools: a key": lambda text: tools(**{text: 1}),
}
"""Every place where a caller's text enters the prompt."""


@pytest.fixture(scope="module")
def tokenizer():
    """The demo's: Granite's special tokens at Granite's ids."""
    return Tokenizer.from_file(f"{weights.find(Settings()).directory}/tokenizer.json")


def special(tokenizer, **given):
    """The ids of the control tokens in the prompt that a request becomes."""
    control = {tokenizer.token_to_id(token) for token in CONTROL_TOKENS}
    ids = tokenizer.encode(FORMAT.format(passed(check, **given)), add_special_tokens=False).ids
    return [token for token in ids if token in control]


def test_the_ids_are_the_tokenizers(tokenizer):
    """Those that the code names by number."""
    assert tokenizer.token_to_id("<|end_of_text|>") == END_OF_TEXT_ID
    assert tokenizer.token_to_id("<|tool_call|>") == TOOL_CALL_ID
    assert None not in {tokenizer.token_to_id(token) for token in CONTROL_TOKENS}


@pytest.mark.parametrize("token", CONTROL_TOKENS)
@pytest.mark.parametrize("place", PLACES)
def test_a_whole_token_is_refused_by_name(place, token):
    """In every place, whatever stands around it."""
    name = place.split()[0].removesuffix(":")
    sentence = asked.refused(check, **PLACES[place](f"x{token}y"))
    assert sentence.startswith(name)
    assert sentence.endswith(f" must not hold the control token {token}: Granite would obey it.")


@pytest.mark.parametrize("token", CONTROL_TOKENS)
def test_pieces_that_join_are_refused(token):
    """A content's parts are one text, however they are cut."""
    for cut in range(1, len(token)):
        parts = [{"type": "text", "text": text} for text in (token[:cut], token[cut:])]
        sentence = asked.refused(check, messages=[{"role": "user", "content": parts}])
        assert sentence == f"messages[0].content must not hold the control token {token}: Granite would obey it."


@pytest.mark.parametrize("place", PLACES)
def test_pieces_that_do_not_join_open_nothing(tokenizer, place):
    """At the end or beginning of a text, beside the template's own: the prompt has the control tokens of a plain one."""
    plain = special(tokenizer, **PLACES[place]("x"))
    for token in CONTROL_TOKENS:
        for cut in range(1, len(token)):
            for piece in (token[:cut], token[cut:]):
                assert special(tokenizer, **PLACES[place](piece)) == plain


def test_two_texts_that_stand_side_by_side_do_not_join(tokenizer):
    """Neighbours in the prompt have the template's text between them."""
    for token in CONTROL_TOKENS:
        for cut in range(1, len(token)):
            first, second = token[:cut], token[cut:]
            for given in (
                {"prompt": second, "system_prompt": first},
                {"messages": [{"role": "user", "content": first}, {"role": "user", "content": second}]},
                {"prompt": "a", "documents": [{"text": first, "doc_id": second}, {"text": second, "doc_id": first}]},
                {"prompt": first, "suffix": second},
                tools(name=first, description=second),
                {"messages": calls(name=first, arguments={second: first})},
            ):
                plain = json.loads(
                    json.dumps(given).replace(json.dumps(first), '"x"').replace(json.dumps(second), '"y"')
                )
                assert special(tokenizer, **given) == special(tokenizer, **plain)


def test_tokens_that_open_nothing_pass():
    """Code models' names for files are text like any other, and so is markup that Granite does not know."""
    assert "<filename> <|unknown|> <think>" in FORMAT.format(passed(check, prompt="<filename> <|unknown|> <think>"))
