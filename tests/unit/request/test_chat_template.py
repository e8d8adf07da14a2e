"""chat_template.jinja: Granite's prompt format, byte for byte."""

import itertools
import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer
from transformers.utils.chat_template_utils import render_jinja_template

from granite.engine import engine_args as profile
from granite.model import weights
from granite.settings import Settings

TEMPLATE = Path("chat_template.jinja").read_text(encoding="utf-8")
GOLDEN = json.loads(Path("tests/data/prompts.json").read_text(encoding="utf-8"))
CASES = {case["name"]: case for case in GOLDEN}
DATE = "April 15, 2025"


def rendered(messages, **given):
    return render_jinja_template(conversations=[messages], chat_template=TEMPLATE, date_string=DATE, **given)[0][0]


@pytest.mark.parametrize("case", GOLDEN, ids=CASES)
def test_the_template_renders_what_granite_was_trained_on(case):
    """Through transformers' own renderer, on a frozen date."""
    assert rendered(**case["input"]) == case["prompt"]


@pytest.fixture(scope="module")
def tokenizer():
    """The demo's, which has Granite's special tokens."""
    return AutoTokenizer.from_pretrained(weights.find(Settings()).directory)


@pytest.mark.parametrize("case", GOLDEN, ids=CASES)
def test_a_tokenizer_renders_the_same(tokenizer, case):
    """`apply_chat_template`, as transformers' users call it."""
    asked = dict(case["input"])
    prompt = tokenizer.apply_chat_template(
        asked.pop("messages"), chat_template=TEMPLATE, tokenize=False, date_string=DATE, **asked
    )
    assert prompt == case["prompt"]


@pytest.mark.parametrize("case", GOLDEN, ids=CASES)
def test_vllm_renders_the_same(tokenizer, case):
    """It drops every keyword argument that it does not find in the template."""
    profile.set_environment()
    from vllm.renderers.hf import safe_apply_chat_template

    asked = dict(case["input"])
    prompt = safe_apply_chat_template(
        None, tokenizer, asked.pop("messages"), chat_template=TEMPLATE, tokenize=False, date_string=DATE, **asked
    )
    assert prompt == case["prompt"]


SYSTEM = "<|start_of_role|>system<|end_of_role|>"
HEAD = CASES["sample"]["prompt"].split("You are a helpful AI assistant.")[0]


def told(name):
    """What a golden case's default system text says after the date."""
    return CASES[name]["prompt"].removeprefix(HEAD).split("<|end_of_text|>")[0]


TEXTS = {
    (True, True): told("tools_documents"),
    (True, False): told("tools"),
    (False, True): told("documents"),
    (False, False): told("sample"),
}
CITATIONS = told("citations").removeprefix(told("documents"))
HALLUCINATIONS = told("hallucinations").removeprefix(told("citations"))
TOOLS, DOCUMENTS = CASES["tools_documents"]["input"]["tools"], CASES["tools_documents"]["input"]["documents"]
TOOLS_TURN = (
    "<|start_of_role|>available_tools"
    + CASES["tools"]["prompt"].split("available_tools")[1].split("<|start_of_role|>")[0]
)
DOCUMENT_TURNS = (
    '<|start_of_role|>document {"document_id": "1"}<|end_of_role|>\nGranite is an intrusive igneous rock.<|end_of_text|>\n'
    '<|start_of_role|>document {"document_id": "2"}<|end_of_role|>\nBasalt cools fast.\nIt is fine grained.<|end_of_text|>\n'
)
COMBINATIONS = list(
    itertools.product(
        [None, "Be brief."], [None, TOOLS], [None, DOCUMENTS], [False, True], [False, True], [False, True],
        [None, "short"], [None, "extractive"], [False, True],
    )
)  # fmt: skip


def test_every_combination_follows_from_the_golden_cases():
    """Also those that predict() refuses: 512 conversations, put together from the cases' own pieces."""
    for system, tools, documents, thinking, citations, hallucinations, length, originality, generate in COMBINATIONS:
        controls = {
            "citations": citations,
            "hallucinations": hallucinations,
            "length": length,
            "originality": originality,
        }
        controls = {name: value for name, value in controls.items() if value}
        if system is None:
            text = told("thinking") if thinking and not tools and not documents else TEXTS[bool(tools), bool(documents)]
            text += CITATIONS if documents and citations else ""
            text += HALLUCINATIONS if documents and hallucinations else ""
            system_turn = f"{HEAD}{text}<|end_of_text|>\n"
        else:
            system_turn = f"{SYSTEM}{system}<|end_of_text|>\n"
        expected = (
            system_turn
            + (TOOLS_TURN if tools else "")
            + (DOCUMENT_TURNS if documents else "")
            + "<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n"
        )
        if generate:
            expected += (
                "<|start_of_role|>assistant" + (f" {json.dumps(controls)}" if controls else "") + "<|end_of_role|>"
            )
        messages = [{"role": "user", "content": "Why?"}]
        assert expected == rendered(
            messages if system is None else [{"role": "system", "content": system}, *messages],
            tools=tools,
            documents=documents,
            thinking=thinking,
            controls=controls,
            add_generation_prompt=generate,
        )


def turns(*messages, **given):
    """The prompt after its system turn."""
    return rendered([{"role": "system", "content": ""}, *messages], **given).split("<|end_of_text|>\n", 1)[1]


def test_calls_of_the_assistant_and_what_came_of_them():
    """A tool's turn takes Granite's role; arguments come as an object or as JSON."""
    calls = [
        {"id": "a", "type": "function", "function": {"name": "now", "arguments": {"city": "Zürich"}}},
        {"id": "b", "type": "function", "function": {"name": "now", "arguments": '{"city": "Bonn"}'}},
    ]
    assert turns({"role": "assistant", "content": None, "tool_calls": calls}, {"role": "tool", "content": "12:00"}) == (
        '<|start_of_role|>assistant<|end_of_role|><|tool_call|>[{"name": "now", "arguments": {"city": "Zürich"}}, '
        '{"name": "now", "arguments": {"city": "Bonn"}}]<|end_of_text|>\n'
        "<|start_of_role|>tool_response<|end_of_role|>12:00<|end_of_text|>\n"
    )


def test_a_document_without_an_id_takes_its_title_or_its_number():
    """The number counts from 1, over all documents; a number is an id, too."""
    documents = [
        {"text": "a"},
        {"doc_id": None, "title": "B", "text": "b"},
        {"doc_id": "", "title": "", "text": "c"},
        {"doc_id": 7, "title": "D", "text": "d"},
        {"doc_id": 0, "text": "e"},
    ]
    ids = [
        f'<|start_of_role|>document {{"document_id": "{name}"}}<|end_of_role|>' for name in ("1", "B", "3", "7", "0")
    ]
    assert turns(documents=documents) == "".join(
        f"{turn}\n{text}<|end_of_text|>\n" for turn, text in zip(ids, "abcde", strict=True)
    )


def test_text_parts_are_joined():
    """OpenAI's form of a content, in every turn, the system's included."""
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert rendered([{"role": "system", "content": parts}, {"role": "user", "content": parts}]) == (
        f"{SYSTEM}ab<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>ab<|end_of_text|>\n"
    )
