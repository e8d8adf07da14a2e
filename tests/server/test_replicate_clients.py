"""Replicate's client libraries and IBM's langchain-replicate: what they send, and what they receive."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from unittest.mock import ANY

import pytest

from tests.client_programs import (
    DIRECTORY,
    MOBY_DICK,
    QUESTION,
    REQUEST,
    WEATHER,
    ask,
    python,
    received,
    run,
    text_or_calls,
    turns,
)
from tests.conftest import KEY
from tests.predictions import DEADLINE, answer, chunks_of
from tests.replicate_api import MODEL as HOSTED
from tests.replicate_api import VERSION, ReplicateAPI
from tests.samples import BOOK, BOSTON, FILES, FRANCE, GREEDY, MODEL, TOOLS

SHORT = {"prompt": QUESTION, **GREEDY}
LONG = {"prompt": "Count.", "max_tokens": 4000, "min_tokens": 4000}
INPUTS = {"model": HOSTED, "version": VERSION, "input": SHORT, "long": LONG}


@pytest.fixture
def replicate(server):
    with ReplicateAPI(server.url) as api:
        yield api


def test_replicates_python_client(cog, replicate, tmp_path):
    """Run, stream, wait and cancel; by the model's name and by its version."""
    text = answer(cog, **SHORT)
    tokens = json.loads(answer(cog, messages=FRANCE, **GREEDY))["usage"]["completion_tokens"]
    assert received("replicate_client.py", tmp_path, replicate.url, KEY, INPUTS) == {
        "run": text,
        "run, version": text,
        "run, polled": text,
        "stream": text,
        "created": ["succeeded", text, tokens],
        "canceled": "canceled",
    }
    assert replicate.inputs == [SHORT, LONG, SHORT, SHORT, SHORT, SHORT]


def test_replicates_node_client(cog, replicate, tmp_path):
    """Run, at once and polled, and stream."""
    if missing := [tool for tool in ("node", "npm") if shutil.which(tool) is None]:
        pytest.skip(f"{' and '.join(missing)} is not installed here")
    for name in ("package.json", "package-lock.json", "replicate.mjs"):
        shutil.copy(DIRECTORY / name, tmp_path)
    install = subprocess.run(["npm", "ci"], cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE)
    if unreachable := re.search("ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN", install.stderr):
        pytest.skip(f"npm's registry cannot be reached from here: {unreachable[0]}")
    assert install.returncode == 0, install.stderr
    text = answer(cog, **SHORT)
    got = run(["node", str(tmp_path / "replicate.mjs"), replicate.url, KEY, json.dumps(INPUTS)], tmp_path)
    assert json.loads(got) == {"run": text, "run, polled": text, "stream": text}
    assert replicate.inputs == [SHORT] * 3


BOOK_TOOL = {"name": "Book", "description": "A book.", "parameters": BOOK["json_schema"]["schema"]}
BOOK_CALL = {
    "tools": [{"type": "function", "function": BOOK_TOOL}],
    "tool_choice": {"type": "function", "function": {"name": "Book"}},
}
RECORDED = json.loads((DIRECTORY / "langchain_replicate.json").read_text(encoding="utf-8"))["sent"]
MEANT = {
    "text": lambda cog: answer(cog, **SHORT),
    "stopped text": lambda cog: answer(cog, **SHORT).partition(" is")[0],
    "call": lambda cog: ask(cog, BOSTON, tools=TOOLS, tool_choice=WEATHER),
    "calls": lambda cog: ask(cog, BOSTON, tools=TOOLS, tool_choice="required"),
    "text after a call": lambda cog: ask(
        cog, [*BOSTON, *turns(ask(cog, BOSTON, tools=TOOLS, tool_choice=WEATHER))], tools=TOOLS
    ),
    "book": lambda cog: ask(cog, MOBY_DICK, response_format=BOOK),
    "book as a call": lambda cog: ask(cog, MOBY_DICK, **BOOK_CALL),
}


def test_langchain_replicate_sends_what_is_recorded(replicate, tmp_path):
    """Run where it is installed: IBM's package is on no index."""
    if not [*Path(python()).parents[1].glob("lib/python3*/site-packages/langchain_replicate")]:
        pytest.skip("langchain-replicate is not in the clients' environment: it is on no index")
    received("langchain_replicate_client.py", tmp_path, replicate.url, KEY, REQUEST | {"model": HOSTED})
    assert replicate.inputs == [recorded["input"] for recorded in RECORDED]


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded["by"])
def test_what_langchain_replicate_sends(cog, recorded):
    """Each input that it sent when it last ran is answered as meant."""
    assert text_or_calls(chunks_of(cog, **recorded["input"])) == MEANT[recorded["for"]](cog)


KINDS = {
    "plain": {},
    "documents": {"documents": FILES["documents"]["documents"]},
    "tools": {"tools": TOOLS},
    "schema": {"response_format": BOOK},
    "thinking": {"thinking": True},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_request_has_its_shape(cog, kind):
    """Text for a prompt; for messages one completion, or with `stream` its chunks, one per line."""
    prompt, messages = {"prompt": QUESTION, **KINDS[kind], **GREEDY}, {"messages": FRANCE, **KINDS[kind], **GREEDY}
    text = answer(cog, **prompt, stream=False)
    assert answer(cog, **prompt, stream=True) == text
    (whole,) = map(json.loads, chunks_of(cog, **messages, stream=False))
    common = {"id": ANY, "created": ANY, "model": MODEL}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None}
    message = {"role": "assistant", "content": text}
    assert whole == common | {
        "object": "chat.completion",
        "choices": [choice | {"message": message}],
        "usage": {"prompt_tokens": ANY, "completion_tokens": ANY, "total_tokens": ANY},
    }
    lines = chunks_of(cog, **messages, stream=True)
    assert all(line.find("\n") == len(line) - 1 for line in lines)
    common["object"] = "chat.completion.chunk"
    *pieces, end, usage = map(json.loads, lines)
    contents = [piece["choices"][0]["delta"]["content"] for piece in pieces]
    assert "".join(contents) == text
    deltas = [{"content": content} for content in contents]
    deltas[0]["role"] = "assistant"
    assert pieces == [common | {"choices": [choice | {"finish_reason": None, "delta": delta}]} for delta in deltas]
    assert end == common | {"choices": [choice | {"delta": {}}]}
    assert usage == common | {"choices": [], "usage": whole["usage"]}
