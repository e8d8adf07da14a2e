"""A whole request: the first fault, whatever JSON arrives, and in time that grows with its size only."""

import contextlib
import time

import pytest

from granite.errors import InvalidInput
from granite.request.request import Checks
from tests.inputs import DEFAULTS, inputs, refusal, request

ASK = {"role": "user", "content": "Why?"}

TOOLS = [{"type": "function", "function": {"name": "now"}}]


def nested(levels):
    """Lists within lists, in an object."""
    value = []
    for _ in range(levels - 1):
        value = [value]
    return {"a": value}


FAULTS = {
    "prompt": "<|tool_call|>", "system_prompt": "<|tool_call|>", "min_tokens": 513, "temperature": 0.001, "top_p": 0,
    "top_k": 2**63, "stop": [""], "seed": -1, "documents": [{}], "tools": [{}], "tool_choice": "auto",
    "response_format": {"type": "x"}, "citations": True, "suffix": "<|tool_call|>", "logprobs": 2,
    "sampling_params": {"n": 2}, "adapter": "legal", "chat_template": "x",
}  # fmt: skip
"""A fault of each input, beside a prompt, in the order of the inputs."""


@pytest.mark.parametrize("name", FAULTS)
def test_the_first_fault_in_the_order_of_the_inputs_is_raised(name):
    later = list(FAULTS)[list(FAULTS).index(name) :]
    # Beside a suffix, others are at fault for it.
    given = {each: FAULTS[each] for each in later if each != "suffix" or name == "suffix"}
    assert later == [each for each in vars(DEFAULTS) if each in later]
    assert name in refusal(**{"prompt": "x"} | given).split(" requires")[0]


@pytest.mark.parametrize("name", vars(DEFAULTS))
def test_any_json_passes_or_is_refused(name):
    """The OpenAI API passes on whatever a body holds."""
    for value in (None, True, 7, 1.5, "a", [], [7], {}, {"a": None}, [["a"]]):
        with contextlib.suppress(InvalidInput):
            request(**{"prompt": "x", name: value})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"messages": {"role": "user"}}, "`messages` must be a list, got an object."),
        ({"messages": [7]}, "`messages[0]` must be an object, got 7."),
        ({"thinking": "yes"}, "`thinking` must be true or false, got yes."),
        ({"suffix": 1}, "`suffix` must be a text, got 1."),
        ({"length": "middling"}, "`length` must be short or long, got middling."),
        ({"adapter": "legal"}, "Unknown adapter `legal`: this server has haiku."),
        ({"adapter": "haiku", "checks": Checks([], trust_chat_template=False)}, "Unknown adapter `haiku`: this server has none (ADAPTERS is not set)."),
    ],
)  # fmt: skip
def test_a_wrong_input_is_one_sentence(given, sentence):
    assert refusal(**{"prompt": "x"} | given) == sentence


@pytest.mark.parametrize("name", [None, "haiku"])
def test_an_adapter_of_the_servers(name):
    assert request(prompt="x", adapter=name).adapter == name


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"prompt": "Hi"}, "Hi"),
        ({"prompt": "Hi", "messages": [ASK, {"role": "assistant", "content": "x"}]}, "Why?"),
        ({"messages": [ASK, {"role": "user", "content": [{"type": "text", "text": "a"}, 7, {"text": 7}, {"text": "b"}]}]}, "ab"),
        ({"messages": [ASK, {"role": "user", "content": 7}]}, ""),
        ({"messages": [7, None, ["user"], {}, {"role": ["user"]}], "prompt": "Hi"}, "Hi"),
        ({"messages": {"role": "user"}, "prompt": ["Hi"]}, ""),
    ],
)  # fmt: skip
def test_user_prompt_is_what_the_user_said_last(given, text):
    """It is logged before anything is checked, and never fails."""
    assert inputs(**given).user_prompt == text


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        ({}, False),
        ({"tools": TOOLS}, True),
        ({"tools": TOOLS, "tool_choice": "none"}, False),
        ({"documents": [{"text": "a"}], "citations": True}, True),
        ({"documents": [{"text": "a"}], "chat_template_kwargs": {"controls": {"hallucinations": True}}}, True),
    ],
)
def test_special_tokens_are_parsed_where_the_answer_may_contain_them(given, parsed):
    assert request(messages=[ASK], **given).parsed == parsed


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"messages": [ASK] * 2049}, "`messages` has 2049 items, but the most is 2048; send fewer."),
        ({"documents": [{"text": "a"}] * 1025}, "`documents` has 1025 items, but the most is 1024; send fewer."),
        ({"tools": TOOLS * 257}, "`tools` has 257 items, but the most is 256; send fewer."),
        ({"stop": ["a"] * 65}, "`stop` has 65 items, but the most is 64; send fewer."),
        ({"prompt": "x" * (2**23 + 1)}, "The request contains more than 8388608 characters; send fewer."),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}] * 12_000}]},
            "The request contains more than 50000 texts, lists and objects; send fewer.",
        ),
        ({"sampling_params": {"a": [0] * 500_000}}, "The request contains more than 500000 values; send fewer."),
        ({"response_format": nested(100)}, "The request is nested deeper than 100 levels; flatten it."),
    ],
    ids=["messages", "documents", "tools", "stop", "characters", "parts", "values", "levels"],
)
def test_a_request_has_bounds(given, sentence):
    assert refusal(**{"prompt": "x", **given}) == sentence


@pytest.mark.parametrize(
    "given",
    [
        {"messages": [ASK] * 2048},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}] * 8000}]},
        {"prompt": "x", "documents": [{"text": "a"}] * 1024},
        {"messages": [ASK], "tools": [{"function": {"name": f"{'f' * 9999}{i}"}} for i in range(256)], "tool_choice": "required"},
    ],
    ids=["messages", "parts", "documents", "tools"],
)  # fmt: skip
def test_the_largest_requests_are_checked_at_once(given):
    """A quadratic check would take seconds, and the event loop waits."""
    begin = time.perf_counter()
    request(**given)
    assert time.perf_counter() - begin < 2
