"""Requests that have a canary in every text of theirs, a word that no log may repeat.

Every field of both APIs is in one, on its way to an answer, to a refusal of ours, or to one of vLLM's.
"""

import json
import re

from tests.samples import MODEL

SPECIES = "zebrafinch"
FOUND = re.compile(rf"{SPECIES}_\w+", re.IGNORECASE)


def canary(name):
    """A word that says where it was."""
    return f"{SPECIES}_{name}"


def found(text):
    """The canaries in a text."""
    return sorted(set(FOUND.findall(text)))


PROMPT = {"prompt": canary("prompt")}
SCHEMA = {
    "type": "object",
    "title": canary("schema_title"),
    "properties": {
        canary("property"): {"type": "string", "enum": [canary("enum")], "description": canary("about_property")},
        "number": {"$ref": f"#/$defs/{canary('definition')}"},
    },
    "required": [canary("property"), "number"],
    "$defs": {canary("definition"): {"const": canary("const")}},
}
FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": canary("format"), "description": canary("about_format"), "schema": SCHEMA},
}
TOOL = {
    "type": "function",
    "function": {"name": canary("tool"), "description": canary("about_tool"), "parameters": SCHEMA},
}
NAMED = {"type": "function", "function": {"name": canary("tool")}}
CALL = {"name": canary("called"), "arguments": json.dumps({canary("argument"): canary("value")})}
CHAT = {
    "messages": [
        {"role": "system", "content": canary("system")},
        {"role": "user", "content": [{"type": "text", "text": canary("part")}], "name": canary("user_name")},
        {
            "role": "assistant",
            "content": canary("assistant"),
            "reasoning": canary("reasoning"),
            "tool_calls": [{"id": canary("call_id"), "type": "function", "function": CALL}],
        },
        {"role": "tool", "content": canary("result"), "tool_call_id": canary("call_id")},
        {"role": "user", "content": canary("user")},
    ],
    "max_tokens": 4,
}
ASKED = {"messages": [{"role": "user", "content": canary("asked")}], "max_tokens": 64}
DOCUMENTS = [{"doc_id": canary("doc_id"), "text": canary("document")}, {"title": canary("title"), "text": "x"}]
TAG = {"type": "tag", "begin": f"<{canary('begin')}>", "content": {"type": "any_text"}, "end": canary("end")}
CONSTRAINTS = {
    "json": SCHEMA,
    "regex": f"{canary('regex')} [0-9]",
    "choice": [canary("choice"), canary("choice_b")],
    "grammar": f'root ::= {canary("rule").replace("_", "-")}\n{canary("rule").replace("_", "-")} ::= "{canary("grammar")}"',
    "structural_tag": json.dumps({"type": "structural_tag", "format": TAG}),
}
TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}" + canary("template")

ANSWERED = {
    "a prompt": {"system_prompt": canary("system_prompt"), "stop": [canary("stop")], **PROMPT, "max_tokens": 4},
    "a gap": {"suffix": canary("suffix"), "stop_sequences": f"x,{canary('stop_sequence')}", **PROMPT, "max_tokens": 4},
    "bad words": {"sampling_params": {"bad_words": [canary("bad_word")]}, **PROMPT, "max_tokens": 4},
    "a chat": {"documents": DOCUMENTS, "citations": True, "stop": [canary("stop")], **CHAT},
    "tools": {"tools": [TOOL], **CHAT},
    "a forced call": {"tools": [TOOL], "tool_choice": NAMED, **ASKED},
    "a format": {"response_format": FORMAT, **ASKED},
    "a template": {
        "chat_template": TEMPLATE,
        "chat_template_kwargs": {canary("kwarg"): canary("kwarg_value")},
        **PROMPT,
        "max_tokens": 4,
    },
    **{name: {"sampling_params": {name: value}, **PROMPT, "max_tokens": 64} for name, value in CONSTRAINTS.items()},
}
"""Inputs of predictions that succeed."""


def message(**fields):
    return {"messages": [{"role": "user", "content": canary("user"), **fields}]}


def tool(**fields):
    return {"tools": [{"type": "function", "function": {"name": canary("tool"), **fields}}], **ASKED}


def of_format(schema):
    return {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}, **ASKED}


NOT_ENFORCED = {
    "a keyword": {"type": "string", "enum": [canary("enum")], "not": {"const": canary("not")}},
    "a reference": {"$ref": canary("elsewhere")},
    "an unknown type": {"type": canary("type")},
    "an unknown definition": {"$ref": f"#/$defs/{canary('undefined')}"},
    "a pattern that does not compile": {"type": "string", "pattern": f"({canary('pattern')}"},
    "a pattern with a lookahead": {"type": "string", "pattern": f"(?={canary('lookahead')})x"},
    "a pattern with an anchor in it": {"type": "string", "pattern": f"{canary('anchor')}$x"},
}
INVALID = {
    "an unknown role": message(role=canary("role")),
    "an unknown field of a message": message(**{canary("field"): canary("value")}),
    "an unknown type of part": message(content=[{"type": canary("part_type"), "text": canary("part")}]),
    "a part that is none": message(content=[canary("part")]),
    "no arguments": message(role="assistant", tool_calls=[{"function": {"name": "f", "arguments": canary("value")}}]),
    "a control token": message(content=f"{canary('user')} <|end_of_text|>"),
    "an unknown field of a document": {"documents": [{"text": "x", canary("field"): canary("value")}], **CHAT},
    "a document without a text": {"documents": [{"doc_id": canary("doc_id"), "text": None}], **CHAT},
    "two tools of one name": {"tools": [TOOL, TOOL], **ASKED},
    "an unknown type of tool": {"tools": [{"type": canary("tool_type"), "function": {"name": "f"}}], **ASKED},
    "parameters that are no schema": tool(parameters=canary("parameters")),
    "an unknown choice": {"tools": [TOOL], "tool_choice": canary("chosen"), **ASKED},
    "an unknown function": {
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": canary("chosen")}},
        **ASKED,
    },
    "a forced call of an unknown type": tool(parameters={"type": canary("type")}) | {"tool_choice": "required"},
    "an unknown format": {"response_format": {"type": canary("format")}, **ASKED},
    "an unknown field of a format": {"response_format": {"type": "text", canary("field"): canary("value")}, **ASKED},
    "an unknown argument": {"chat_template_kwargs": {canary("kwarg"): canary("value")}, **ASKED},
    "an unknown control": {"chat_template_kwargs": {"controls": {"length": canary("length")}}, **ASKED},
    "a template that fails": {"chat_template": f"{{{{ raise_exception('{canary('raised')}') }}}}", **ASKED},
    "a template that is none": {"chat_template": f"{{% {canary('statement')} %}}", **ASKED},
    **{name: of_format(schema) for name, schema in NOT_ENFORCED.items()},
}
"""Chats that are refused at both APIs."""

FURTHER = {
    "an unknown field": {canary("field"): canary("value")},
    "a regex that does not compile": {"regex": f"({canary('regex')}"},
    "a regex with a lookahead": {"regex": f"(?={canary('regex')})x"},
    "a regex of another type": {"regex": [canary("regex")]},
    "an anchor": {"regex": f"{canary('regex')}$x"},
    "a choice of another type": {"choice": canary("choice")},
    "a grammar that does not compile": {"grammar": f"root ::= {canary('rule')} ("},
    "a Lark grammar that does not compile": {"grammar": f"start: {canary('rule')}\nx: /{canary('regex')}(/"},
    "a tag of an unknown type": {
        "structural_tag": json.dumps({"type": "structural_tag", "format": {"type": canary("tag")}})
    },
    "a tag that is no JSON": {"structural_tag": canary("tag")},
    "a bias of no token": {"logit_bias": {canary("token"): 1}},
    "a token that is a text": {"stop_token_ids": [canary("token")]},
    "bad words of another type": {"bad_words": canary("bad_word")},
    "a schema that is a text": {"json": canary("json")},
    "two constraints": {"regex": canary("regex"), "choice": [canary("choice")]},
    "a pattern": {"json": {"type": "string", "pattern": f"{canary('pattern')}$x"}},
    "a bad word that is empty": {"bad_words": ["", canary("bad_word")]},
}
"""Sampling parameters that are refused: `sampling_params` of the Cog API, fields of the OpenAI API."""

COG_REFUSED = {
    **INVALID,
    **{name: {"sampling_params": fields, **PROMPT} for name, fields in FURTHER.items()},
    "an unknown adapter": {"adapter": canary("adapter"), **PROMPT},
    "two stops": {"stop": [canary("stop")], "stop_sequences": canary("stop_sequence"), **PROMPT},
    "a long prompt": {"prompt": f"{canary('prompt')} " * 400_000},  # Cog writes 6 MiB and more to a file
}

COG_INVALID = {
    "a number": {"max_tokens": canary("number"), **PROMPT},
    "a choice": {"length": canary("length"), **PROMPT},
    "a list": {"stop": canary("stop"), **PROMPT},
    "an object": {"response_format": canary("format"), **PROMPT},
    "messages": {"messages": [canary("message")]},
}
"""Inputs that Cog itself refuses."""


def nested(fields):
    """Sampling parameters as fields of the OpenAI API, where constraints are in an object of their own."""
    constraints = {name: value for name, value in fields.items() if name in CONSTRAINTS}
    others = {name: value for name, value in fields.items() if name not in CONSTRAINTS}
    return others | ({"structured_outputs": constraints} if constraints else {})


IGNORED = {"user": canary("user_id"), "metadata": {canary("key"): canary("value")}, "safety_identifier": canary("id")}
OPENAI_ANSWERED = {
    "a chat": ("chat/completions", {"documents": DOCUMENTS, "stop": canary("stop"), **IGNORED, **CHAT}),
    "tools": ("chat/completions", {"tools": [TOOL], **CHAT}),
    "a forced call": ("chat/completions", {"tools": [TOOL], "tool_choice": NAMED, **ASKED}),
    "a format": ("chat/completions", {"response_format": FORMAT, **ASKED}),
    "bad words": ("chat/completions", {"bad_words": [canary("bad_word")], **CHAT}),
    "a completion": ("completions", {"suffix": canary("suffix"), "stop": [canary("stop")], **IGNORED, **PROMPT}),
    "an echo": ("completions", {"echo": True, "max_tokens": 0, "prompt": [canary("prompt")]}),
    "a response": (
        "responses",
        {
            "instructions": canary("instructions"),
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": canary("part")}]},
                {"type": "function_call", "call_id": canary("call_id"), **CALL},
                {"type": "function_call_output", "call_id": canary("call_id"), "output": canary("output")},
            ],
            "tools": [{"type": "function", **TOOL["function"]}],
            "tool_choice": {"type": "function", "name": canary("tool")},
            "max_output_tokens": 64,
            **IGNORED,
        },
    ),
    "a text format": (
        "responses",
        {"input": canary("input"), "text": {"format": {"type": "json_schema", "schema": SCHEMA, "name": canary("format")}}},
    ),
    **{
        f"{name} in a {kind}": (path, {"structured_outputs": {name: value}, **fields})
        for name, value in CONSTRAINTS.items()
        for kind, path, fields in (
            ("chat", "chat/completions", ASKED),
            ("completion", "completions", {**PROMPT, "max_tokens": 64}),
            ("response", "responses", {"input": canary("input"), "max_output_tokens": 64}),
        )
    },
}  # fmt: skip
OPENAI_REFUSED = {
    **{name: ("chat/completions", inputs) for name, inputs in INVALID.items()},
    **{f"{name} in a chat": ("chat/completions", {**nested(fields), **ASKED}) for name, fields in FURTHER.items()},
    **{f"{name} in a completion": ("completions", {**nested(fields), **PROMPT}) for name, fields in FURTHER.items()},
    **{
        f"{name} in a response": ("responses", {"input": canary("input"), **nested(fields)})
        for name, fields in FURTHER.items()
    },
    "another route's field": ("completions", {"messages": canary("messages"), **PROMPT}),
    "an unsupported field": ("chat/completions", {"functions": [canary("function")], **ASKED}),
    "an unknown effort": ("chat/completions", {"reasoning_effort": canary("effort"), **ASKED}),
    "an unknown adapter": ("chat/completions", {**ASKED, "model": canary("model")}),
    "an item of an unknown type": ("responses", {"input": [{"type": canary("item")}]}),
    "an unknown text format": ("responses", {"input": "x", "text": {"format": {"type": canary("format")}}}),
    "an earlier response": ("responses", {"input": "x", "previous_response_id": canary("response_id")}),
    "a number": ("completions", {"n": canary("number"), **PROMPT}),
    "a prompt of another type": ("completions", {"prompt": [[canary("token")]]}),
    "messages of another type": ("chat/completions", {"messages": canary("messages")}),
}


def body(fields):
    """Of the OpenAI API."""
    return {"model": MODEL, **fields}
