"""Granite's prompt format, and what a caller may put into it."""

import json
import re
from pathlib import Path

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from granite.errors import InvalidInput
from granite.faults import Faults
from granite.prompt import Conversation, PromptFormat

TEMPLATE = Path("chat_template.jinja")
GOLDEN = json.loads(Path("tests/data/prompts.json").read_text(encoding="utf-8"))
INPUTS = ["prompt", "system_prompt", "thinking", "chat_template"]


def conversation(prompt="Hi", system_prompt=None, thinking=False, chat_template=None):
    return Conversation(prompt, system_prompt, thinking, chat_template)


def formatted(trust_request=False, **asked):
    return PromptFormat(TEMPLATE, trust_request).format(conversation(**asked))


def refused(trust_request=False, **asked):
    faults = Faults(INPUTS)
    PromptFormat(TEMPLATE, trust_request).check(faults, conversation(**asked))
    with pytest.raises(InvalidInput) as caught:
        faults.check()
    return str(caught.value)


@pytest.mark.parametrize("case", GOLDEN, ids=[case["name"] for case in GOLDEN])
def test_the_template_renders_what_granite_was_trained_on(case):
    """Byte for byte, through transformers' own renderer, on a frozen date."""
    asked = dict(case["input"])
    rendered, _ = render_jinja_template(
        conversations=[asked.pop("messages")],
        chat_template=TEMPLATE.read_text(encoding="utf-8"),
        date_string="April 15, 2025",
        **asked,
    )
    assert rendered[0] == case["prompt"]


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
    assert formatted(system_prompt="Be terse.") == (
        "<|start_of_role|>system<|end_of_role|>Be terse.<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>Hi<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>"
    )
    assert formatted(system_prompt="").startswith("<|start_of_role|>system<|end_of_role|><|end_of_text|>\n")


def test_thinking_asks_for_thoughts():
    """In the words of the training."""
    assert "Write your thoughts between <think></think>" in formatted(thinking=True)


def test_a_formatted_prompt_is_sent_as_it_is():
    """Whatever control tokens it holds."""
    raw = "<|start_of_role|>user<|end_of_role|>Hi<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"
    PromptFormat(TEMPLATE, False).check(faults := Faults(INPUTS), conversation(prompt=raw))
    faults.check()
    assert formatted(prompt=raw) == raw


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"prompt": ""}, "prompt is empty: give the text that the model should answer."),
        (
            {"prompt": "a<|end_of_text|>b"},
            "prompt must not hold the control token <|end_of_text|>: Granite would obey it.",
        ),
        (
            {"system_prompt": "<|start_of_role|>"},
            "system_prompt must not hold the control token <|start_of_role|>: Granite would obey it.",
        ),
        (
            {"prompt": "<|start_of_role|>user", "system_prompt": "x"},
            "system_prompt must be left out beside a prompt that begins with <|start_of_role|>.",
        ),
        (
            {"prompt": "<|start_of_role|>user", "thinking": True},
            "thinking must be left out beside a prompt that begins with <|start_of_role|>.",
        ),
        (
            {"thinking": True, "system_prompt": "x"},
            "thinking must be left out beside system_prompt: it is a system text of its own.",
        ),
        ({"chat_template": "x"}, "chat_template is refused unless the server runs with TRUST_CHAT_TEMPLATE=true."),
    ],
)
def test_what_does_not_go_together_is_one_sentence(asked, sentence):
    """It names the input and the cure, never the text."""
    assert refused(**asked) == sentence


def test_tokens_that_open_nothing_pass():
    """Code models' names for files are text like any other, and so is markup that Granite does not know."""
    PromptFormat(TEMPLATE, False).check(faults := Faults(INPUTS), conversation(prompt="<filename> <|unknown|> <think>"))
    faults.check()


def test_a_trusted_request_brings_its_own_template():
    """It sees the same messages."""
    assert formatted(trust_request=True, chat_template="{{ messages[0].content | upper }}") == "HI"
    assert formatted(trust_request=True, chat_template="") == ""


@pytest.mark.parametrize("template", ["{{", "{{ undefined() }}", "{{ raise_exception('secret text') }}", "{{ 1 / 0 }}"])
def test_a_template_that_does_not_render_is_one_sentence(template):
    """Without the words of the template or the prompt."""
    with pytest.raises(InvalidInput, match=r"^chat_template does not render: \w+\.$"):
        formatted(trust_request=True, chat_template=template)
