"""The programs of tests/clients: running them in the clients' environment, and what they should receive."""

import json
import os
import subprocess
from pathlib import Path

from granite.cli import environment
from tests.predictions import DEADLINE, chunks_of
from tests.samples import BOOK, BOSTON, FRANCE, GREEDY, MODEL, TOOLS

DIRECTORY = Path("tests/clients")
MOBY_DICK = [{"role": "user", "content": "Describe the book Moby Dick."}]
WEATHER = {"type": "function", "function": {"name": "get_weather"}}
QUESTION = FRANCE[0]["content"]
RAW = f"<|start_of_role|>user<|end_of_role|>{QUESTION}<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"
RESULT = '{"temperature": 21}'
LONG = {**GREEDY, "max_tokens": 96}
"""Enough for a call."""

REQUEST = {
    "model": MODEL,
    "max_tokens": LONG["max_tokens"],
    "question": QUESTION,
    "raw": RAW,
    "weather": BOSTON[0]["content"],
    "tools": TOOLS,
    "named": WEATHER,
    "result": RESULT,
    "book": MOBY_DICK[0]["content"],
    "schema": BOOK["json_schema"]["schema"],
}
"""What the programs send."""

OFFLINE = {"HF_HUB_OFFLINE": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


def python():
    """The Python of the clients' environment, which is installed on first use."""
    return str(environment.ensure("requirements-clients.txt") / "bin" / "python")


def run(command, home, **variables):
    """What a command prints, run with an empty home, and without this package or a key in its environment."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "OPENAI_API_KEY")}
    own = {**inherited, **OFFLINE, "HOME": str(home), **variables}
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, env=own)
    assert done.returncode == 0, done.stderr
    return done.stdout


def received(program, home, url, key, request, **variables):
    """What the client in a program received."""
    return json.loads(run([python(), str(DIRECTORY / program), url, key, json.dumps(request)], home, **variables))


def ask(cog, messages, **inputs):
    """What the Cog API answers to a chat, greedily: see `text_or_calls`."""
    return text_or_calls(chunks_of(cog, messages=messages, **LONG, **inputs))


def text_or_calls(chunks):
    """The calls, without their random ids, or else the text, in an answer of any kind."""
    if not chunks[0].startswith('{"object": "chat.completion'):
        return "".join(chunks)
    text, calls = "", []
    for choice in (choice for chunk in chunks for choice in json.loads(chunk)["choices"]):
        message = choice.get("message") or choice["delta"]
        text += message.get("content") or ""
        for call in message.get("tool_calls") or []:
            if call.get("id"):
                calls.append({"name": "", "arguments": ""})
            for key, value in call["function"].items():
                calls[-1][key] += value or ""
    return calls or text


def turns(calls):
    """The messages that follow a question: the calls, and each one's result."""
    made = [{"id": f"call_{n}", "type": "function", "function": call} for n, call in enumerate(calls)]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": RESULT} for call in made]
    return [{"role": "assistant", "content": None, "tool_calls": made}, *results]
