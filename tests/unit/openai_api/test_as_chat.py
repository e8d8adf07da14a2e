"""The Responses API in the form of a chat."""

from granite.openai_api import as_chat


def test_items_become_turns():
    """Texts under other names, calls of one turn together, an earlier answer's thoughts left out."""
    body = {
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": "Weather?"},
            {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]},
            {"type": "function_call", "call_id": "1", "name": "get_weather", "arguments": "{}"},
            {"type": "function_call", "call_id": "2", "name": "get_time", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "Rain."},
            {"type": "function_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "Noon."}]},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "It "}, {"type": "output_text", "text": "rains."}],
            },
            {"type": "web_search_call"},
        ],
    }
    calls = [
        {"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}},
        {"id": "2", "type": "function", "function": {"name": "get_time", "arguments": "{}"}},
    ]
    assert as_chat.messages(body) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "1", "content": "Rain."},
        {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "Noon."}]},
        {"role": "assistant", "content": [{"type": "text", "text": "It "}, {"type": "text", "text": "rains."}]},
        {"type": "web_search_call"},
    ]
    assert as_chat.messages({"input": "Hi."}) == [{"role": "user", "content": "Hi."}]


def test_tools_and_forms_get_the_wrapping_of_a_chat():
    """What is none is left for the check to refuse."""
    function = {"type": "function", "name": "f", "description": None, "parameters": {"type": "object"}}
    body = {
        "tools": [function, {"type": "web_search"}],
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": {"type": "json_schema", "name": "book", "schema": {}}},
    }
    assert as_chat.tools(body) == [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},
        {"type": "web_search"},
    ]
    assert as_chat.tool_choice(body) == {"type": "function", "function": {"name": "f"}}
    assert as_chat.response_format(body) == {"type": "json_schema", "json_schema": {"name": "book", "schema": {}}}
    assert (as_chat.tools({}), as_chat.tool_choice({"tool_choice": "auto"}), as_chat.response_format({})) == (None,) * 3


def test_switches_stand_beside_a_chat_or_in_its_keyword_arguments():
    """What is of no use as one is left for the check to refuse."""
    assert as_chat.switches({}) is None
    assert as_chat.switches({"thinking": True, "length": "short", "citations": None}) == {
        "thinking": True,
        "controls": {"length": "short"},
    }
    given = {"thinking": False, "controls": {"length": "long"}}
    assert as_chat.switches({"chat_template_kwargs": given, "originality": "extractive"}) == {
        "thinking": False,
        "controls": {"length": "long", "originality": "extractive"},
    }
    assert as_chat.switches({"chat_template_kwargs": {"controls": "x"}, "length": "short"}) == {"controls": "x"}
