"""chat_template.jinja: Granite's prompt format, byte for byte."""

import itertools
import json
import re
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import render_jinja_template

from granite.request.prompt import PromptTemplate
from tests.inputs import request

TEMPLATE = Path("chat_template.jinja").read_text(encoding="utf-8")
GOLDEN = json.loads(Path("tests/data/prompts.json").read_text(encoding="utf-8"))
CASES = {case["name"]: case for case in GOLDEN}
DATE = "April 15, 2025"


def rendered(messages, **given):
    return render_jinja_template(conversations=[messages], chat_template=TEMPLATE, date_string=DATE, **given)[0][0]


@pytest.mark.parametrize("case", GOLDEN, ids=CASES)
def test_the_template_renders_what_granite_was_trained_on(case):
    """On a frozen date, by transformers' renderer and as its users call it."""
    given = dict(case["input"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
    applied = tokenizer.apply_chat_template(
        given.pop("messages"), chat_template=TEMPLATE, tokenize=False, date_string=DATE, **given
    )
    assert (rendered(**case["input"]), applied) == (case["prompt"], case["prompt"])


@pytest.mark.parametrize("case", GOLDEN, ids=CASES)
def test_a_request_renders_the_same(case):
    """On today's date, with the controls as inputs and as the model card writes them."""
    given = dict(case["input"])
    arguments = {name: given.pop(name) for name in ("thinking", "controls") if name in given}
    inputs = {"thinking": arguments.get("thinking", False), **arguments.get("controls", {})}
    template = PromptTemplate(Path("chat_template.jinja"))
    prompts = [
        template.render(request(**given, **more).conversation) for more in ({"chat_template_kwargs": arguments}, inputs)
    ]
    undated = re.compile(r"(?<=Today's Date: )\w+ \d\d, \d{4}")
    assert [undated.sub("", prompt) for prompt in prompts] == [undated.sub("", case["prompt"])] * 2


SYSTEM = "<|start_of_role|>system<|end_of_role|>"
HEAD = CASES["sample"]["prompt"].split("You are a helpful AI assistant.")[0]


def text_of(name):
    """What a golden case's default system prompt says after the date."""
    return CASES[name]["prompt"].removeprefix(HEAD).split("<|end_of_text|>")[0]


TEXTS = {
    (True, True): text_of("tools_documents"),
    (True, False): text_of("tools"),
    (False, True): text_of("documents"),
    (False, False): text_of("sample"),
}
CITATIONS = text_of("citations").removeprefix(text_of("documents"))
HALLUCINATIONS = text_of("hallucinations").removeprefix(text_of("citations"))
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
    """Also those that predict() refuses: 512 conversations, put together from parts of the cases."""
    for system, tools, documents, thinking, citations, hallucinations, length, originality, generate in COMBINATIONS:
        controls = {
            "citations": citations,
            "hallucinations": hallucinations,
            "length": length,
            "originality": originality,
        }
        controls = {name: value for name, value in controls.items() if value}
        if system is None:
            text = TEXTS[bool(tools), bool(documents)]
            text = text_of("thinking") if thinking and not tools and not documents else text
            text += CITATIONS if documents and citations else ""
            text += HALLUCINATIONS if documents and hallucinations else ""
        expected = (
            (f"{HEAD}{text}<|end_of_text|>\n" if system is None else f"{SYSTEM}{system}<|end_of_text|>\n")
            + (TOOLS_TURN if tools else "")
            + (DOCUMENT_TURNS if documents else "")
            + "<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n"
        )
        if generate:
            role = f"assistant {json.dumps(controls)}" if controls else "assistant"
            expected += f"<|start_of_role|>{role}<|end_of_role|>"
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


def test_tool_calls_and_their_results():
    """Arguments come as an object or as JSON; a result takes Granite's role."""
    calls = [
        {"id": "a", "type": "function", "function": {"name": "now", "arguments": {"city": "Zürich"}}},
        {"id": "b", "type": "function", "function": {"name": "now", "arguments": '{"city": "Bonn"}'}},
    ]
    assert turns({"role": "assistant", "content": None, "tool_calls": calls}, {"role": "tool", "content": "12:00"}) == (
        '<|start_of_role|>assistant<|end_of_role|><|tool_call|>[{"name": "now", "arguments": {"city": "Zürich"}}, '
        '{"name": "now", "arguments": {"city": "Bonn"}}]<|end_of_text|>\n'
        "<|start_of_role|>tool_response<|end_of_role|>12:00<|end_of_text|>\n"
    )


def test_a_document_without_an_id_gets_its_title_or_its_number():
    documents = [
        {"text": "a"},
        {"doc_id": None, "title": "B", "text": "b"},
        {"doc_id": "", "title": "", "text": "c"},
        {"doc_id": 7, "title": "D", "text": "d"},
        {"doc_id": 0, "text": "e"},
    ]
    assert turns(documents=documents) == "".join(
        f'<|start_of_role|>document {{"document_id": "{name}"}}<|end_of_role|>\n{text}<|end_of_text|>\n'
        for name, text in zip(("1", "B", "3", "7", "0"), "abcde", strict=True)
    )


def test_text_parts_are_joined():
    """In every turn, the system's included."""
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert rendered([{"role": "system", "content": parts}, {"role": "user", "content": parts}]) == (
        f"{SYSTEM}ab<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>ab<|end_of_text|>\n"
    )
