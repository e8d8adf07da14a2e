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
EMPTY = {"messages": [], "documents": [], "tools": [], "response_format": {}, "chat_template_kwargs": {}}


def formatted(checks=CHECKS, **given):
    return TEMPLATE.render(request(checks=checks, **given).conversation)


@pytest.mark.parametrize(
    ("given", "prompt"),
    [
        ({"prompt": RAW, **EMPTY}, RAW),
        ({"prompt": "a =", "suffix": "\nb"}, "<fim_prefix>a =<fim_suffix>\nb<fim_middle>"),
        ({"suffix": "b"}, "<fim_prefix><fim_suffix>b<fim_middle>"),
        ({"prompt": "a", "suffix": ""}, "<fim_prefix>a<fim_suffix><fim_middle>"),
        ({"verbatim": "Once <fim_pad>"}, "Once <fim_pad>"),
        ({"verbatim": RAW}, RAW),
        ({"verbatim": "a", "suffix": "b"}, "<fim_prefix>a<fim_suffix>b<fim_middle>"),
        ({"prompt": "Hi", "system_prompt": ""}, f"<|start_of_role|>system<|end_of_role|><|end_of_text|>\n{RAW}"),
        ({"messages": [{"role": "system", "content": ""}, *ASK], "add_generation_prompt": False},
         "<|start_of_role|>system<|end_of_role|><|end_of_text|>\n<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n"),
    ],
)  # fmt: skip
def test_the_prompt_that_a_request_becomes(given, prompt):
    assert formatted(**given) == prompt


def test_a_prompt_becomes_the_turn_of_a_chat():
    assert formatted(prompt="Why?", **EMPTY) == formatted(messages=ASK)
    system = {"role": "system", "content": "Be terse."}
    assert formatted(prompt="Why?", system_prompt="Be terse.") == formatted(messages=[system, *ASK])


def test_token_ids_bypass_the_chat_template():
    assert request(verbatim=[1, 2]).conversation.verbatim == [1, 2]


MESSAGES = "requires `messages`; the answer to a prompt is text."
BESIDE_RAW = "cannot be combined with a prompt that begins with <|start_of_role|>; remove it."
ONE_AT_A_TIME = "Granite was trained for one at a time."
UNSAID = "`length` has no effect when `add_generation_prompt` is false; remove one of them."
TOKEN_IDS = "`prompt` must be a text or a list of token ids, which are whole numbers from 0."


def controls(**given):
    return {"chat_template_kwargs": {"controls": given}}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "`prompt` is empty; give a text, or `messages`."),
        ({"prompt": "Hi", "messages": ASK}, "Give either prompt or messages, not both."),
        ({"system_prompt": "x", "messages": ASK}, "`system_prompt` cannot be combined with `messages`; remove one of them."),
        ({"suffix": "x", "messages": ASK}, "`suffix` cannot be combined with `messages`; remove one of them."),
        ({"prompt": "Hi", "tools": TOOLS, "tool_choice": "auto"}, f"`tool_choice` {MESSAGES}"),
        ({"prompt": "Hi", "citations": True, "documents": DOCUMENTS}, f"`citations` {MESSAGES}"),
        ({"prompt": "Hi", "documents": DOCUMENTS, **controls(hallucinations=True)}, f"`hallucinations` {MESSAGES}"),
        ({"prompt": "Hi", "logprobs": 0}, f"`logprobs` {MESSAGES}"),
        ({"messages": ASK, "hallucinations": True, "documents": []}, "`hallucinations` requires `documents`."),
        ({"messages": ASK, **controls(citations=True)}, "`citations` requires `documents`."),
        ({"prompt": "Hi", "thinking": True, "system_prompt": "x"}, f"`thinking` cannot be combined with `system_prompt`; {ONE_AT_A_TIME}"),
        ({"messages": [*ASK, {"role": "developer", "content": "x"}], "thinking": True}, f"`thinking` cannot be combined with a system message; {ONE_AT_A_TIME}"),
        ({"messages": ASK, "thinking": True, "tools": TOOLS}, f"`thinking` cannot be combined with `tools`; {ONE_AT_A_TIME}"),
        ({"prompt": "Hi", "chat_template_kwargs": {"thinking": True}, "documents": DOCUMENTS}, f"`thinking` cannot be combined with `documents`; {ONE_AT_A_TIME}"),
        ({"messages": ASK, "length": "short", "add_generation_prompt": False}, UNSAID),
        ({"messages": ASK, **controls(length="short"), "add_generation_prompt": False}, UNSAID),
        ({"prompt": "Hi", "chat_template": "x"}, "`chat_template` is refused unless the server runs with TRUST_CHAT_TEMPLATE=true."),
        ({"checks": TRUSTING, "prompt": RAW, "chat_template": "x"}, f"`chat_template` {BESIDE_RAW}"),
        *(
            ({"prompt": RAW, name: value}, f"`{name}` {BESIDE_RAW}")
            for name, value in {
                "system_prompt": "x", "thinking": True, "documents": DOCUMENTS, "tools": TOOLS, "length": "short",
                "originality": "abstractive", "suffix": "x", "add_generation_prompt": False,
            }.items()
        ),
        ({"prompt": RAW, **controls(length="short")}, f"`length` {BESIDE_RAW}"),
        ({"prompt": "a", "suffix": "x", "documents": DOCUMENTS}, "`documents` cannot be combined with `suffix`; remove one of them."),
        ({"verbatim": ""}, "`prompt` is empty; give a text."),
        ({"verbatim": "a<|tool_call|>"}, "`prompt` contains the control token <|tool_call|>; remove it."),
        ({"verbatim": RAW, "suffix": "x"}, f"`suffix` {BESIDE_RAW}"),
        ({"verbatim": [1], "suffix": "x"}, "`suffix` requires a text as `prompt`, not token ids."),
        *(({"verbatim": ids}, TOKEN_IDS) for ids in ([], [1, -1], [True], [1.0], ["a"], [[1]])),
        ({"messages": ASK, "chat_template_kwargs": {"thoughts": True}}, "`chat_template_kwargs` has an unknown field `thoughts`; remove it."),
        ({"messages": ASK, "chat_template_kwargs": {"thinking": 1}}, "`chat_template_kwargs.thinking` must be true or false, got 1."),
        ({"messages": ASK, **controls(size="short")}, "`chat_template_kwargs.controls` has an unknown field `size`; remove it."),
        ({"messages": ASK, **controls(length="mid")}, "`chat_template_kwargs.controls.length` must be short or long, got mid."),
        ({"messages": ASK, "length": "short", **controls(length="long")}, "`chat_template_kwargs` contradicts the input `length`; remove one of them."),
    ],
)  # fmt: skip
def test_what_cannot_be_combined_is_one_sentence(given, sentence):
    """It names the inputs and the fix, never the text."""
    assert refusal(**given) == sentence


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        ("{{ messages[0].content | upper }} {{ mood }}", "HI fine"),
        ("", "`chat_template` renders an empty prompt; the model needs a text."),
        ("{{", "`chat_template` cannot be rendered: TemplateSyntaxError."),
        ("{{ undefined() }}", "`chat_template` cannot be rendered: UndefinedError."),
        ("{{ raise_exception('secret text') }}", "`chat_template` cannot be rendered: TemplateError."),
        ("{{ 1 / 0 }}", "`chat_template` cannot be rendered: ZeroDivisionError."),
    ],
)
def test_a_trusted_request_brings_its_own_template(template, prompt):
    """It sees the same messages, and any argument that it reads; an error omits its words and the prompt's."""
    try:
        made = formatted(TRUSTING, prompt="Hi", chat_template=template, chat_template_kwargs={"mood": "fine"})
    except InvalidInput as error:
        made = str(error)
    assert made == prompt


def test_an_argument_cannot_replace_what_was_checked():
    with pytest.raises(InvalidInput, match=r"^`chat_template` cannot be rendered: TypeError\.$"):
        formatted(TRUSTING, prompt="Hi", chat_template="x", chat_template_kwargs={"conversations": []})
