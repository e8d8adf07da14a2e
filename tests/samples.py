"""Requests that several tests send."""

import json
from pathlib import Path

FILES = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path("tests/requests").glob("*.json"))
}
"""A request for each input that sets it."""

PAGE = json.loads(Path("tests/data/model_page.json").read_text(encoding="utf-8"))
"""The prediction that the public model page shows."""

EXACT = {"enforce_eager": True, "dtype": "float32"}
"""Engine arguments. Eager: compiling takes longer than all tests. In float32: bfloat16's likeliest token can change with the
batch.
"""

MODEL = "granite-demo"
FRANCE = [{"role": "user", "content": "What is the capital of France?"}]
BOSTON = [{"role": "user", "content": "What is the weather in Boston?"}]
GREEDY = {"temperature": 0, "max_tokens": 24}
TOOLS = FILES["tool_choice"]["tools"]
TOOL_SCHEMAS = {tool["function"]["name"]: tool["function"]["parameters"] for tool in TOOLS}
NAMED = {"type": "function", "function": {"name": "get_time"}}
BOOK = FILES["response_format"]["response_format"]

OTHER_FORM = {"logprobs", "sampling_params", "adapter", "stream"}
"""Inputs of predict() that the OpenAI API has in another form."""

CHATS = {
    **{name: request for name, request in FILES.items() if "messages" in request and not OTHER_FORM & request.keys()},
    "named": FILES["tool_choice"] | {"tool_choice": NAMED},
    "tools that must not be called": FILES["tool_choice"] | {"tool_choice": "none"},
    "a schema": {"messages": FRANCE, "response_format": BOOK},
    "a schema after thoughts": {"messages": FRANCE, "response_format": BOOK, "thinking": True},
    "text parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "granite?"}]}]},
    "the model card's controls": {"messages": FRANCE, "chat_template_kwargs": {"controls": {"length": "short"}}},
    "a stop text": {"messages": FRANCE, "stop": ["Paris"]},
}  # fmt: skip
"""Chats that both APIs take as they are."""

CONSTRAINTS = {
    "regex": "[a-z]{4} [0-9]{2}",
    "choice": ["Lyon is the capital", "Nice is the capital"],
    "grammar": 'root ::= "Yes, " ("it" | "he") " is"',
    "json": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
    "structural_tag": json.dumps(
        {
            "type": "structural_tag",
            "format": {
                "type": "tag",
                "begin": "<a>",
                "content": {"type": "json_schema", "json_schema": BOOK["json_schema"]["schema"]},
                "end": "</a>",
            },
        }
    ),
}
"""Of vLLM's structured outputs, each with a value."""
