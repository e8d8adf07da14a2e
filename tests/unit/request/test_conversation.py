"""What a request may combine, and the prompt that it becomes."""

from pathlib import Path

import pytest

from granite.errors import InvalidInput
from granite.request.prompt import PromptTemplate
from granite.request.request import Checks
from tests.inputs import CHECKS, refusal, request

TEMPLATE = PromptTemplate(Path("chat_template.jinja"))
TRUSTING = Checks([], trust_chat_template=True)
ASK = [{"role": "user", "content": "Why?"}]
DOCUMENTS = [{"text": "Because."}]
TOOLS = [{"type": "function", "function": {"name": "now"}}]
RAW = "<|start_of_role|>user<|end_of_role|>Hi<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"


def formatted(checks=CHECKS, **given):
    return TEMPLATE.render(request(checks=checks, **given).conversation)


def test_a_prompt_becomes_a_user_turn():
    prompt = formatted(prompt="Hi", system_prompt="Be terse.")
    assert prompt == formatted(messages=[{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Hi"}])
    assert formatted(prompt="Hi") == formatted(messages=[{"role": "user", "content": "Hi"}])
    assert formatted(prompt="Hi", system_prompt="").startswith("<|start_of_role|>system<|end_of_role|><|end_of_text|>")


@pytest.mark.parametrize(
    ("given", "prompt"),
    [
        ({"prompt": RAW}, RAW),
        ({"prompt": RAW, "documents": [], "tools": [], "chat_template_kwargs": {}}, RAW),
        ({"prompt": "a =", "suffix": "\nb"}, "<fim_prefix>a =<fim_suffix>\nb<fim_middle>"),
        ({"suffix": "b"}, "<fim_prefix><fim_suffix>b<fim_middle>"),
        ({"prompt": "a", "suffix": ""}, "<fim_prefix>a<fim_suffix><fim_middle>"),
        ({"verbatim": "Once <fim_pad>"}, "Once <fim_pad>"),
        ({"verbatim": RAW}, RAW),
        ({"verbatim": "a", "suffix": "b"}, "<fim_prefix>a<fim_suffix>b<fim_middle>"),
    ],
)
def test_a_prompt_that_bypasses_the_chat_template(given, prompt):
    """Already formatted, with a gap, or of /v1/completions."""
    assert formatted(**given) == prompt


def test_token_ids_bypass_the_chat_template():
    conversation = request(verbatim=[1, 2]).conversation
    assert (conversation.token_ids, conversation.text) == ([1, 2], None)


def test_tools_beside_a_prompt_are_in_the_prompt_and_the_answer_is_text():
    """`stream` changes nothing there: langchain-replicate sends it with every prompt."""
    made = request(prompt="Hi", tools=TOOLS, stream=True)
    assert "available_tools" in TEMPLATE.render(made.conversation)
    assert (made.chat, made.parsed) == (False, False)


def test_without_a_generation_prompt_the_last_turn_is_the_end():
    assert formatted(messages=ASK, add_generation_prompt=False).endswith("Why?<|end_of_text|>\n")


def test_an_empty_list_counts_as_not_given():
    empty = {"messages": [], "documents": [], "tools": [], "chat_template_kwargs": {}}
    assert formatted(prompt="Hi", **empty) == formatted(prompt="Hi")


MESSAGES = "requires `messages`; the answer to a prompt is text."
BESIDE_RAW = "cannot be combined with a prompt that begins with <|start_of_role|>; remove it."
ONE_AT_A_TIME = "Granite was trained for one at a time."
UNSAID = "has no effect when `add_generation_prompt` is false; remove one of them."
FORCED = {"tools": TOOLS, "tool_choice": "required"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "`prompt` is empty; give a text, or `messages`."),
        ({"suffix": ""}, "`prompt` is empty; give a text."),
        ({"prompt": "Hi", "messages": ASK}, "Give either prompt or messages, not both."),
        ({"system_prompt": "x", "messages": ASK}, "`system_prompt` cannot be combined with `messages`; add a message with role system instead."),
        ({"suffix": "x", "messages": ASK}, "`suffix` cannot be combined with `messages`; it fills in the middle after `prompt`."),
        ({"prompt": "Hi", "tools": TOOLS, "tool_choice": "auto"}, f"`tool_choice` {MESSAGES}"),
        ({"prompt": "Hi", "citations": True, "documents": DOCUMENTS}, f"`citations` {MESSAGES}"),
        ({"prompt": "Hi", "hallucinations": True, "documents": DOCUMENTS}, f"`hallucinations` {MESSAGES}"),
        ({"prompt": "Hi", "documents": DOCUMENTS, "chat_template_kwargs": {"controls": {"citations": True}}}, f"`citations` {MESSAGES}"),
        ({"prompt": "Hi", "logprobs": 0}, f"`logprobs` {MESSAGES}"),
        ({"messages": ASK, "citations": True}, "`citations` requires `documents`."),
        ({"messages": ASK, "hallucinations": True, "documents": []}, "`hallucinations` requires `documents`."),
        ({"messages": ASK, "chat_template_kwargs": {"controls": {"citations": True}}}, "`citations` requires `documents`."),
        ({"messages": ASK, "documents": DOCUMENTS, "citations": True, **FORCED}, "`citations` cannot be combined with a `tool_choice` that forces a call; remove one of them."),
        ({"messages": ASK, "documents": DOCUMENTS, "citations": True, "response_format": {"type": "json_object"}}, "`citations` cannot be combined with `response_format`; remove one of them."),
        ({"prompt": "Hi", "thinking": True, "system_prompt": "x"}, f"`thinking` cannot be combined with `system_prompt`; {ONE_AT_A_TIME}"),
        ({"messages": [*ASK, {"role": "developer", "content": "x"}], "thinking": True}, f"`thinking` cannot be combined with a system message; {ONE_AT_A_TIME}"),
        ({"messages": ASK, "thinking": True, "tools": TOOLS}, f"`thinking` cannot be combined with `tools`; {ONE_AT_A_TIME}"),
        ({"prompt": "Hi", "thinking": True, "documents": DOCUMENTS}, f"`thinking` cannot be combined with `documents`; {ONE_AT_A_TIME}"),
        ({"prompt": "Hi", "chat_template_kwargs": {"thinking": True}, "documents": DOCUMENTS}, f"`thinking` cannot be combined with `documents`; {ONE_AT_A_TIME}"),
        ({"messages": ASK, "length": "short", "add_generation_prompt": False}, f"`length` {UNSAID}"),
        ({"messages": ASK, "chat_template_kwargs": {"controls": {"length": "short"}}, "add_generation_prompt": False}, f"`length` {UNSAID}"),
        ({"prompt": "Hi", "chat_template": "x"}, "`chat_template` is refused unless the server runs with TRUST_CHAT_TEMPLATE=true."),
        *(
            ({"prompt": RAW, name: value}, f"`{name}` {BESIDE_RAW}")
            for name, value in {
                "system_prompt": "x", "thinking": True, "documents": DOCUMENTS, "tools": TOOLS, "length": "short",
                "originality": "abstractive", "suffix": "x", "chat_template_kwargs": {"thinking": True},
                "add_generation_prompt": False,
            }.items()
        ),
        ({"prompt": "a", "suffix": "x", "documents": DOCUMENTS}, "`documents` cannot be combined with `suffix`; remove it."),
        ({"prompt": "a", "suffix": "x", "system_prompt": "b"}, "`system_prompt` cannot be combined with `suffix`; remove it."),
        ({"verbatim": ""}, "`prompt` is empty; give a text."),
        ({"verbatim": "a<|tool_call|>"}, "`prompt` contains the control token <|tool_call|>; remove it."),
        ({"verbatim": RAW, "suffix": "x"}, f"`suffix` {BESIDE_RAW}"),
        ({"verbatim": [1], "suffix": "x"}, "`suffix` requires a text as `prompt`, not token ids."),
        *(
            ({"verbatim": ids}, "`prompt` must be a text or a list of token ids, which are whole numbers from 0.")
            for ids in ([], [1, -1], [True], [1.0], ["a"], [[1]])
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_combined_is_one_sentence(given, sentence):
    """It names the inputs and the fix, never the text."""
    assert refusal(**given) == sentence


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"thoughts": True}, "`chat_template_kwargs` has an unknown field `thoughts`; remove it."),
        ({"controls": []}, "`chat_template_kwargs.controls` must be an object, got a list."),
        ({"controls": {"size": "short"}}, "`chat_template_kwargs.controls` has an unknown field `size`; remove it."),
        ({"controls": {"length": "mid"}}, "`chat_template_kwargs.controls.length` must be short or long, got mid."),
        ({"thinking": 1}, "`chat_template_kwargs.thinking` must be true or false, got 1."),
        ({"controls": {"length": "long"}}, "`chat_template_kwargs` sets `length` to long, but the input `length` is short; remove one of them."),
    ],
)  # fmt: skip
def test_a_wrong_argument_of_the_template_is_one_sentence(given, sentence):
    assert refusal(messages=ASK, length="short", chat_template_kwargs=given) == sentence


def test_a_trusted_request_brings_its_own_template():
    """It sees the same messages, and any argument that it reads."""
    template = "{{ messages[0].content | upper }} {{ mood }}"
    assert formatted(TRUSTING, prompt="Hi", chat_template=template, chat_template_kwargs={"mood": "fine"}) == "HI fine"


def test_an_argument_of_the_renderer_is_refused():
    given = {"prompt": "Hi", "chat_template": "x", "chat_template_kwargs": {"continue_final_message": True}}
    assert refusal(checks=TRUSTING, **given) == "`chat_template_kwargs` cannot set `continue_final_message`; remove it."


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("", "`chat_template` renders an empty prompt; the model needs a text."),
        ("{{", "`chat_template` cannot be rendered: TemplateSyntaxError."),
        ("{{ undefined() }}", "`chat_template` cannot be rendered: UndefinedError."),
        ("{{ raise_exception('secret text') }}", "`chat_template` cannot be rendered: TemplateError."),
        ("{{ 1 / 0 }}", "`chat_template` cannot be rendered: ZeroDivisionError."),
    ],
)
def test_a_template_that_does_not_render_is_one_sentence(template, sentence):
    """Without the words of the template or the prompt."""
    with pytest.raises(InvalidInput) as caught:
        formatted(TRUSTING, prompt="Hi", chat_template=template)
    assert str(caught.value) == sentence
