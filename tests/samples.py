"""Requests that several tests send."""

import json
from pathlib import Path

FILES = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path("tests/requests").glob("*.json"))
}
"""A request for each input that sets it."""

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
