"""What a request may hold together, and the prompt that it becomes."""

import json
import re
from pathlib import Path

import pytest

from granite.errors import InvalidInput
from granite.request.conversation import Conversation
from granite.request.prompt import PromptFormat
from tests import asked
from tests.asked import passed

FORMAT = PromptFormat(Path("chat_template.jinja"))
ASK = [{"role": "user", "content": "Why?"}]
DOCUMENTS = [{"text": "Because."}]
TOOLS = [{"type": "function", "function": {"name": "now"}}]
RAW = "<|start_of_role|>user<|end_of_role|>Hi<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"


def check(faults, inputs):
    return Conversation.checked(faults, inputs, trust_template=False)


def trusting(faults, inputs):
    return Conversation.checked(faults, inputs, trust_template=True)


def formatted(check=check, **given):
    return FORMAT.format(passed(check, **given))


def refused(**given):
    return asked.refused(check, **given)


def test_a_prompt_becomes_a_user_turn_under_the_default_system_text():
    """With today's date."""
    assert re.sub(r"Date: \w+ \d\d, \d{4}\.", "Date: TODAY.", formatted(prompt="Hi")) == (
        "<|start_of_role|>system<|end_of_role|> Knowledge Cutoff Date: April 2024.\n"
        " Today's Date: TODAY. You are Granite, developed by IBM. You are a helpful AI assistant.<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>Hi<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>"
    )


def test_a_system_prompt_replaces_the_default_text_without_a_word_added():
    """An empty one is one, too."""
    assert formatted(prompt="Hi", system_prompt="Be terse.") == (
        "<|start_of_role|>system<|end_of_role|>Be terse.<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>Hi<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>"
    )
    assert formatted(prompt="Hi", system_prompt="").startswith("<|start_of_role|>system<|end_of_role|><|end_of_text|>")


def test_thinking_asks_for_thoughts():
    """In the words of the training, by the input and by the model card's argument."""
    for given in ({"thinking": True}, {"chat_template_kwargs": {"thinking": True}}):
        assert "Write your thoughts between <think></think>" in formatted(prompt="Hi", **given)


def test_a_formatted_prompt_is_sent_as_it_is():
    """Whatever control tokens it holds."""
    assert formatted(prompt=RAW) == RAW


def test_a_hole_is_filled_between_its_tokens():
    """Also one at the very beginning or end of a text."""
    assert formatted(prompt="a =", suffix="\nb") == "<fim_prefix>a =<fim_suffix>\nb<fim_middle>"
    assert formatted(suffix="b") == "<fim_prefix><fim_suffix>b<fim_middle>"
    assert formatted(prompt="a", suffix="") == "<fim_prefix>a<fim_suffix><fim_middle>"


def test_a_chat_with_all_that_belongs_to_it():
    """Tools, documents, controls and turns, each where the template has its place."""
    prompt = formatted(
        messages=[{"role": "developer", "content": "Be brief."}, *ASK, {"role": "assistant", "content": "So."}, *ASK],
        tools=TOOLS,
        documents=[*DOCUMENTS, {"title": "More", "text": "Therefore."}],
        citations=True,
        length="short",
    )
    assert prompt == (
        "<|start_of_role|>system<|end_of_role|>Be brief.<|end_of_text|>\n"
        f"<|start_of_role|>available_tools<|end_of_role|>{json.dumps(TOOLS, indent=4)}<|end_of_text|>\n"
        '<|start_of_role|>document {"document_id": "1"}<|end_of_role|>\nBecause.<|end_of_text|>\n'
        '<|start_of_role|>document {"document_id": "More"}<|end_of_role|>\nTherefore.<|end_of_text|>\n'
        "<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>So.<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n"
        '<|start_of_role|>assistant {"citations": true, "length": "short"}<|end_of_role|>'
    )


def test_controls_come_as_inputs_or_as_the_model_card_writes_them():
    """A control that is off is not told."""
    typed = formatted(messages=ASK, documents=DOCUMENTS, citations=True, originality="extractive")
    controls = {"originality": "extractive", "citations": True, "hallucinations": False}
    assert formatted(messages=ASK, documents=DOCUMENTS, chat_template_kwargs={"controls": controls}) == typed
    assert typed.endswith('assistant {"citations": true, "originality": "extractive"}<|end_of_role|>')


def test_without_a_generation_prompt_the_last_turn_is_the_end():
    """The model goes on where the conversation stands."""
    assert formatted(messages=ASK, add_generation_prompt=False).endswith("Why?<|end_of_text|>\n")


def test_an_empty_list_asks_for_nothing():
    """Clients send one for what they do not have."""
    assert formatted(prompt="Hi", messages=[], documents=[], tools=[], chat_template_kwargs={}) == formatted(
        prompt="Hi"
    )
    assert formatted(prompt=RAW, documents=[], chat_template_kwargs={}) == RAW


def test_a_tool_keeps_the_order_that_people_write():
    """Cog sorts the keys of objects; properties follow `required`."""
    sorted_by_cog = {
        "function": {
            "description": "Weather.",
            "name": "get_weather",
            "parameters": {
                "properties": {"city": {"description": "Where.", "type": "string"}, "at": {"type": "string"}},
                "required": ["city"],
                "type": "object",
            },
        },
        "type": "function",
    }
    parameters = {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "Where."}, "at": {"type": "string"}},
        "required": ["city"],
    }
    tool = {
        "type": "function",
        "function": {"name": "get_weather", "description": "Weather.", "parameters": parameters},
    }
    assert json.dumps([tool], indent=4) in formatted(messages=ASK, tools=[sorted_by_cog])


NEEDS = "needs messages: the answer to a prompt is plain text, as it is generated."
BESIDE_RAW = "must be left out beside a prompt that begins with <|start_of_role|>."
THINKING = "Granite was trained for one of them."
UNSAID = "must be left out where add_generation_prompt is false, which leaves it unsaid."


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "prompt is empty: give the text that the model should answer, or messages."),
        ({"prompt": "Hi", "messages": ASK}, "Give either prompt or messages, not both."),
        (
            {"system_prompt": "x", "messages": ASK},
            "system_prompt must be left out beside messages: write a message with role system.",
        ),
        ({"suffix": "x", "messages": ASK}, "suffix must be left out beside messages: prompt holds the text before the hole."),
        ({"prompt": "Hi", "tools": TOOLS}, f"tools {NEEDS}"),
        ({"prompt": "Hi", "citations": True, "documents": DOCUMENTS}, f"citations {NEEDS}"),
        ({"prompt": "Hi", "hallucinations": True, "documents": DOCUMENTS}, f"hallucinations {NEEDS}"),
        ({"prompt": "Hi", "stream": True}, f"stream {NEEDS}"),
        ({"prompt": "Hi", "logprobs": 0}, f"logprobs {NEEDS}"),
        ({"messages": ASK, "citations": True}, "citations needs documents."),
        ({"messages": ASK, "hallucinations": True, "documents": []}, "hallucinations needs documents."),
        ({"messages": ASK, "chat_template_kwargs": {"controls": {"citations": True}}}, "citations needs documents."),
        (
            {"prompt": "Hi", "documents": DOCUMENTS, "chat_template_kwargs": {"controls": {"citations": True}}},
            f"citations {NEEDS}",
        ),
        (
            {"messages": ASK, "documents": DOCUMENTS, "citations": True, "tools": TOOLS, "tool_choice": "required"},
            "citations must be left out beside a tool_choice that forces a call: there is no answer.",
        ),
        ({"prompt": "Hi", "thinking": True, "system_prompt": "x"}, f"thinking must be left out beside system_prompt: {THINKING}"),
        (
            {"messages": [{"role": "system", "content": "x"}, *ASK], "thinking": True},
            f"thinking must be left out beside a system message: {THINKING}",
        ),
        (
            {"messages": [*ASK, {"role": "system", "content": "x"}], "thinking": True},
            f"thinking must be left out beside a system message: {THINKING}",
        ),
        (
            {"messages": ASK, "chat_template_kwargs": {"controls": []}},
            'chat_template_kwargs.controls must be an object such as {"length": "short"}, got a list.',
        ),
        ({"messages": ASK, "thinking": True, "tools": TOOLS}, f"thinking must be left out beside tools: {THINKING}"),
        ({"prompt": "Hi", "thinking": True, "documents": DOCUMENTS}, f"thinking must be left out beside documents: {THINKING}"),
        ({"messages": ASK, "length": "short", "add_generation_prompt": False}, f"length {UNSAID}"),
        ({"messages": ASK, "tool_choice": "auto"}, "tool_choice needs tools: give them, or leave it out."),
        (
            {"messages": ASK, "tools": TOOLS, "response_format": {"type": "json_object"}},
            "response_format must be text beside tools, whose calls have a form of their own, unless tool_choice is none.",
        ),
        ({"prompt": "Hi", "chat_template": "x"}, "chat_template is refused unless the server runs with TRUST_CHAT_TEMPLATE=true."),
        ({"prompt": RAW, "system_prompt": "x"}, f"system_prompt {BESIDE_RAW}"),
        ({"prompt": RAW, "thinking": True}, f"thinking {BESIDE_RAW}"),
        ({"prompt": RAW, "documents": DOCUMENTS}, f"documents {BESIDE_RAW}"),
        ({"prompt": RAW, "length": "short"}, f"length {BESIDE_RAW}"),
        ({"prompt": RAW, "chat_template_kwargs": {"thinking": True}}, f"chat_template_kwargs {BESIDE_RAW}"),
        ({"prompt": RAW, "add_generation_prompt": False}, f"add_generation_prompt {BESIDE_RAW}"),
        ({"prompt": RAW, "suffix": "x"}, f"suffix {BESIDE_RAW}"),
        ({"prompt": "a", "suffix": "x", "documents": DOCUMENTS}, "documents must be left out beside suffix."),
        ({"prompt": "a", "suffix": "x", "system_prompt": "b"}, "system_prompt must be left out beside suffix."),
        ({"suffix": ""}, "prompt and suffix are both empty: give the text before the hole or the one after it."),
        (
            {"prompt": "a<fim_suffix>", "suffix": "x"},
            "prompt must not hold <fim_suffix> beside suffix, which writes it: leave it out.",
        ),
        (
            {"messages": ASK, "chat_template_kwargs": {"thoughts": True}},
            "chat_template_kwargs holds thoughts: it can hold thinking, controls.",
        ),
        (
            {"messages": ASK, "chat_template_kwargs": {"controls": {"size": "short"}}},
            "chat_template_kwargs.controls holds size: it can hold citations, hallucinations, length, originality.",
        ),
        (
            {"messages": ASK, "chat_template_kwargs": {"controls": {"length": "middling"}}},
            "chat_template_kwargs.controls.length must be short or long, got middling.",
        ),
        (
            {"messages": ASK, "chat_template_kwargs": {"controls": "short"}},
            'chat_template_kwargs.controls must be an object such as {"length": "short"}, got short.',
        ),
        (
            {"messages": ASK, "chat_template_kwargs": {"thinking": 1}},
            "chat_template_kwargs.thinking must be true or false, got 1.",
        ),
        (
            {"messages": ASK, "length": "short", "chat_template_kwargs": {"controls": {"length": "long"}}},
            "chat_template_kwargs.controls.length is long, but the input length is short: give one of them.",
        ),
        (
            {"messages": ASK, "thinking": True, "chat_template_kwargs": {"thinking": False}},
            "chat_template_kwargs.thinking is false, but the input thinking is true: give one of them.",
        ),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_one_sentence(given, sentence):
    """It names the input and the cure, never the text."""
    assert refused(**given) == sentence


def test_all_faults_are_told_at_once_in_the_order_of_the_inputs():
    """A sentence each."""
    assert refused(
        prompt="Hi",
        messages=ASK,
        thinking=True,
        documents=DOCUMENTS,
        tool_choice="auto",
        chat_template_kwargs={"controls": {"length": "middling"}},
    ) == (
        "Give either prompt or messages, not both. "
        f"thinking must be left out beside documents: {THINKING} "
        "tool_choice needs tools: give them, or leave it out. "
        "chat_template_kwargs.controls.length must be short or long, got middling."
    )


def test_of_thousands_of_faults_twenty_are_told():
    """And the number of the others."""
    sentences = refused(prompt="Hi", documents=[{}] * 10_000)
    assert sentences.count("must hold its text") == 20
    assert sentences.endswith(" And 9980 more.")


def test_a_trusted_request_brings_its_own_template():
    """It sees the same messages, and any argument that it reads."""
    template = "{{ messages[0].content | upper }} {{ mood }}"
    assert formatted(trusting, prompt="Hi", chat_template=template, chat_template_kwargs={"mood": "fine"}) == "HI fine"


def test_a_template_that_says_nothing_is_one_sentence():
    """There is nothing to answer."""
    with pytest.raises(InvalidInput, match=r"^chat_template renders nothing: the model needs a prompt\.$"):
        formatted(trusting, prompt="Hi", chat_template="")


def test_a_templates_arguments_are_not_its_renderers():
    """Which would be given twice."""
    sentence = asked.refused(
        trusting, prompt="Hi", chat_template="x", chat_template_kwargs={"continue_final_message": True}
    )
    assert sentence == "chat_template_kwargs cannot set continue_final_message: leave it out."


@pytest.mark.parametrize("template", ["{{", "{{ undefined() }}", "{{ raise_exception('secret text') }}", "{{ 1 / 0 }}"])
def test_a_template_that_does_not_render_is_one_sentence(template):
    """Without the words of the template or the prompt."""
    with pytest.raises(InvalidInput, match=r"^chat_template does not render: \w+\.$"):
        formatted(trusting, prompt="Hi", chat_template=template)
