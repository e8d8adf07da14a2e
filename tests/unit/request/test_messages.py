"""Turns, documents and tools in the forms that callers write."""

import pytest

from granite.request import documents, messages
from granite.request.further_sampling import FurtherSampling
from granite.request.sampling import Sampling
from granite.request.tools import Tools
from tests import asked
from tests.asked import passed

ASK = {"role": "user", "content": "Why?"}
CALL = {"id": "a", "type": "function", "function": {"name": "now", "arguments": '{"city": "Bonn"}'}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}


def of_messages(faults, inputs):
    return messages.checked(faults, inputs.messages)


def of_documents(faults, inputs):
    return documents.checked(faults, inputs.documents)


def of_tools(faults, inputs):
    return Tools.checked(faults, inputs.tools, inputs.tool_choice)


def test_turns_of_every_role():
    """`developer` is the newer name of `system`; a call's JSON is read."""
    given = [{"role": "developer", "content": "Be brief."}, ASK, CALLED, {"role": "tool", "content": "12:00"}]
    assert passed(of_messages, messages=given) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "now", "arguments": {"city": "Bonn"}}}],
        },
        {"role": "tool", "content": "12:00"},
    ]


def test_an_answer_can_be_sent_back_as_it_came():
    """With what Granite's prompt has no place for, and with fields that are null."""
    answer = {
        "role": "assistant",
        "content": "So.",
        "reasoning": "a",
        "reasoning_content": "a",
        "citations": [],
        "name": None,
    }
    assert passed(of_messages, messages=[ASK, answer])[1] == {"role": "assistant", "content": "So."}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"role": "narrator", "content": "x"}, "messages[1].role must be one of system, developer, user, assistant, tool, got narrator."),
        ({"content": "x"}, "messages[1].role must be one of system, developer, user, assistant, tool, got null."),
        ({"role": "a secret " * 9, "content": "x"}, "messages[1].role must be one of system, developer, user, assistant, tool, got a text of 81 characters."),
        ({"role": "user"}, "messages[1].content must be a text or a list of text parts, got null."),
        ({"role": "user", "content": 7}, "messages[1].content must be a text or a list of text parts, got 7."),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
            'messages[1].content[0] must be {"type": "text", "text": …}: Granite reads text.',
        ),
        ({"role": "user", "content": "x", "weight": 0}, "messages[1] holds weight, which no message has: leave it out."),
        (
            {"role": "user", "content": "x", "tool_calls": [CALL]},
            "messages[1].tool_calls must be left out of a turn that is not the assistant's.",
        ),
        ({"role": "user", "content": "x", "tool_calls": 0}, "messages[1].tool_calls must be left out of a turn that is not the assistant's."),
        (
            {"role": "assistant", "content": "", "function_call": {"name": "f"}},
            "messages[1] holds function_call, which no message has: leave it out.",
        ),
        ({"role": "assistant", "content": "x", "tool_calls": "now"}, "messages[1].tool_calls must be a list, got now."),
        (
            {"role": "assistant", "tool_calls": [{"function": {}}]},
            'messages[1].tool_calls[0] must name its function: write {"function": {"name": …}}.',
        ),
        *(
            (
                {"role": "assistant", "tool_calls": [{"function": {"name": "now", "arguments": arguments}}]},
                "messages[1].tool_calls[0].function.arguments must be a JSON object.",
            )
            for arguments in ("[]", "{", '{"a": NaN}', '{"a": "\\ud800"}', '{"a": ' + "[" * 2000 + "]" * 2000 + "}", 7)
        ),
    ],
)  # fmt: skip
def test_a_turn_that_is_none_is_one_sentence(given, sentence):
    """It names the place."""
    assert asked.refused(of_messages, messages=[ASK, given]) == sentence


def test_a_chat_without_a_user_is_none():
    """Nobody said anything yet."""
    for role in ("system", "assistant"):
        assert asked.refused(of_messages, messages=[{"role": role, "content": "x"}]) == (
            "messages must hold a turn of the user: add one with role user."
        )


def test_documents_go_by_id_title_or_number():
    """Ids are texts."""
    given = [
        {"text": "a"},
        {"title": "B", "text": "b"},
        {"doc_id": 7, "title": "C", "text": "c"},
        {"doc_id": "", "text": "d"},
    ]
    assert passed(of_documents, documents=given) == [
        {"doc_id": "1", "text": "a"},
        {"doc_id": "B", "text": "b"},
        {"doc_id": "7", "text": "c"},
        {"doc_id": "4", "text": "d"},
    ]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"title": "x"}, 'documents[0] must hold its text: write {"text": …}.'),
        ({"text": "x", "url": "y"}, "documents[0] holds url: a document has doc_id, title, text."),
        ({"text": "x", "doc_id": 1.5}, "documents[0].doc_id must be a text or a whole number, got 1.5."),
        ({"text": "x", "title": ["y"]}, "documents[0].title must be a text or a whole number, got a list."),
    ],
)
def test_a_document_that_is_none_is_one_sentence(given, sentence):
    """It names the place."""
    assert asked.refused(of_documents, documents=[given]) == sentence


def tool(name, **function):
    return {"type": "function", "function": {"name": name, **function}}


NAMED = {"type": "function", "function": {"name": "now"}}


@pytest.mark.parametrize(
    ("choice", "made"),
    [
        (None, ("auto", None)),
        ("auto", ("auto", None)),
        ("none", ("none", None)),
        ("required", ("required", None)),
        (NAMED, ("required", "now")),
        ('{"type":"function","function":{"name":"now"}}', ("required", "now")),
    ],
)
def test_choices_of_a_tool(choice, made):
    """A named function is an object, or the same as JSON, which is how langchain-replicate sends it."""
    tools = passed(of_tools, tools=[tool("now"), tool("then")], tool_choice=choice)
    assert (tools.choice, tools.named) == made


def test_forced_tools_have_arguments_by_their_schema():
    """One function, or any; one without parameters takes any object."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    given = [tool("now", parameters=schema), tool("then")]
    assert passed(of_tools, tools=given, tool_choice="required").forced == {"now": schema, "then": {"type": "object"}}
    assert passed(of_tools, tools=given, tool_choice=NAMED).forced == {"now": schema}
    assert passed(of_tools, tools=given).forced == {}


def test_a_call_that_must_not_be_is_kept_out():
    """The model is told of the tools, and its token for a call is made unlikely beyond measure."""
    given = {"prompt": "x", "tools": [tool("now")], "tool_choice": "none", "sampling_params": {"logit_bias": {"7": 1}}}

    def sampled(faults, inputs):
        further = FurtherSampling.checked(faults, inputs)
        return Sampling.checked(faults, inputs, further.sampled, of_tools(faults, inputs).bias)

    assert passed(sampled, **given).further == {"logit_bias": {7: 1.0, 49154: -100.0}}
    assert passed(sampled, **given | {"tool_choice": "auto"}).further == {"logit_bias": {7: 1.0}}


CHOICES = (
    "tool_choice must be auto, none, required or a named function such as "
    '{"type": "function", "function": {"name": "get_weather"}}, got'
)


@pytest.mark.parametrize(
    ("tools", "choice", "sentence"),
    [
        ([{"type": "function", "function": {}}], None, "tools[0].function.name must be the function's name, got null."),
        ([{"name": "now"}], None, 'tools[0] must be {"type": "function", "function": {"name": …}}.'),
        ([{"type": "retrieval"}], None, 'tools[0] must be {"type": "function", "function": {"name": …}}.'),
        ([tool("now"), tool("now")], None, "tools must have a name each, but two are called now."),
        (
            [tool("now", parameters="none")],
            None,
            "tools[0].function.parameters must be a JSON schema of type object, got none.",
        ),
        ([tool("now")], "sometimes", f"{CHOICES} sometimes."),
        ([tool("now")], "now", f"{CHOICES} now."),
        ([tool("now")], {"name": "now"}, f"{CHOICES} an object."),
        ([tool("now")], "[" * 200_000, f"{CHOICES} a text of 200000 characters."),
        *(
            (
                [{"type": "function", "function": {"name": ["a"]}}, tool("now")],
                forced,
                "tools[0].function.name must be the function's name, got a list.",
            )
            for forced in ("required", NAMED)
        ),
        (
            [tool("now", parameters=[1])],
            "required",
            "tools[0].function.parameters must be a JSON schema of type object, got a list.",
        ),
        (
            [tool("now"), tool("then")],
            {"type": "function", "function": {"name": "when"}},
            "tool_choice names the function when, but tools has now, then.",
        ),
    ],
)
def test_a_tool_or_choice_that_is_none_is_one_sentence(tools, choice, sentence):
    """It names the place, the value and what there is."""
    assert asked.refused(of_tools, tools=tools, tool_choice=choice) == sentence
