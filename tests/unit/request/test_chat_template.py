"""chat_template.jinja: Granite's prompt format, byte for byte."""

import itertools
import json
import re
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from granite.request.prompt import PromptTemplate
from tests.inputs import request

FILE = Path("chat_template.jinja")
CASES = {case["name"]: case for case in json.loads(Path("tests/data/prompts.json").read_text(encoding="utf-8"))}
DATE = "April 15, 2025"
TOKENIZER = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
ASK = {"role": "user", "content": "Why?"}


def rendered(messages, **given):
    """As transformers' users call it, on a frozen date."""
    template = FILE.read_text(encoding="utf-8")
    return TOKENIZER.apply_chat_template(messages, chat_template=template, date_string=DATE, tokenize=False, **given)


@pytest.mark.parametrize("name", CASES)
def test_the_template_renders_what_granite_was_trained_on(name):
    assert rendered(**CASES[name]["input"]) == CASES[name]["prompt"]


@pytest.mark.parametrize("name", CASES)
def test_a_request_renders_the_same(name):
    """On today's date, with the controls as inputs and as the model card writes them."""
    given = dict(CASES[name]["input"])
    arguments = {name: given.pop(name) for name in ("thinking", "controls") if name in given}
    inputs = {"thinking": arguments.get("thinking", False), **arguments.get("controls", {})}
    for more in ({"chat_template_kwargs": arguments}, inputs):
        prompt = PromptTemplate(FILE).render(request(**given, **more).conversation)
        assert re.sub(r"(?<=Today's Date: )\w+ \d\d, \d{4}", DATE, prompt) == CASES[name]["prompt"]


def system_of(name):
    """A golden case's default system prompt."""
    return CASES[name]["prompt"].split("<|end_of_text|>")[0]


def turn_of(name, role):
    """The turns of a role in a golden case."""
    turns = re.findall(r"<\|start_of_role\|>.*?<\|end_of_text\|>\n", CASES[name]["prompt"], re.DOTALL)
    return "".join(turn for turn in turns if turn.startswith(f"<|start_of_role|>{role}"))


TOOLS, DOCUMENTS = (CASES["tools_documents"]["input"][name] for name in ("tools", "documents"))
DEFAULTS = {("tools", "documents"): "tools_documents", ("tools",): "tools", ("documents",): "documents"}
CONTROLS = ({"citations": True}, {"hallucinations": True}, {"length": "short"}, {"originality": "extractive"})
CHOICES = ("system", "tools", "documents", "thinking", "generate", *CONTROLS)


def test_every_combination_follows_from_the_golden_cases():
    """Also those that predict() refuses: 512 conversations, put together from parts of the cases."""
    for chosen in itertools.product((False, True), repeat=len(CHOICES)):
        system, tools, documents, thinking, generate, *given = chosen
        controls = {name: value for control in itertools.compress(CONTROLS, given) for name, value in control.items()}
        names = tuple(itertools.compress(("tools", "documents"), (tools, documents)))
        expected = system_of(DEFAULTS.get(names, "thinking" if thinking else "sample"))
        for name, before in (("citations", "documents"), ("hallucinations", "citations")):
            if documents and name in controls:
                expected += system_of(name).removeprefix(system_of(before))
        expected = turn_of("system", "system") if system else f"{expected}<|end_of_text|>\n"
        expected += turn_of("tools", "available_tools") if tools else ""
        expected += turn_of("documents", "document") if documents else ""
        expected += "<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n"
        if generate:
            role = f"assistant {json.dumps(controls)}" if controls else "assistant"
            expected += f"<|start_of_role|>{role}<|end_of_role|>"
        assert expected == rendered(
            [{"role": "system", "content": "You are terse."}, ASK] if system else [ASK],
            tools=TOOLS if tools else None,
            documents=DOCUMENTS if documents else None,
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


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ({}, "2"),
        ({"doc_id": None, "title": "B"}, "B"),
        ({"doc_id": "", "title": ""}, "2"),
        ({"doc_id": 7, "title": "D"}, "7"),
        ({"doc_id": 0}, "0"),
    ],
)
def test_a_document_without_an_id_gets_its_title_or_its_number(document, name):
    head = f'<|start_of_role|>document {{"document_id": "{name}"}}<|end_of_role|>'
    assert f"{head}\nb<|end_of_text|>\n" in turns(ASK, documents=[{"text": "a"}, document | {"text": "b"}])


def test_text_parts_are_joined():
    """In every turn, the system's included."""
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert rendered([{"role": role, "content": parts} for role in ("system", "user")]) == (
        "<|start_of_role|>system<|end_of_role|>ab<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>ab<|end_of_text|>\n"
    )
