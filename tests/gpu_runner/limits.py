"""How much of each of vLLM's sampling fields a request may set, and what stands before the GPU's worker beyond it.

The worker itself raises, which ends the engine, only for the fields of `granite/engine/limits.py`.
"""

from dataclasses import dataclass, field
from typing import Any

from granite.request.sampling import CONSTRAINTS, FIELDS
from tests.samples import BOSTON, TOOLS
from tests.samples import CONSTRAINTS as GUIDES

RAW = "<|start_of_role|>user<|end_of_role|>Say hello.<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"
RAW_TOKENS, CONTEXT, VOCABULARY = 12, 8192, 49344
"""Tokens: of that prompt, of the demo model's context on a CPU, and of its vocabulary."""

OURS, WORKERS, VLLMS = "granite/request", "granite/engine/limits.py", "vLLM's SamplingParams"
UNFIT = "cannot be enforced by guided decoding: "


@dataclass(frozen=True)
class Limit:
    """`most` is answered; `beyond` is refused by `check` with `sentence`, of which one that ends with a colon is the start.

    `schema`: Cog's own words, if its schema refuses first. `beside`: other inputs.
    """

    name: str
    check: str
    most: Any
    beyond: Any
    sentence: str
    schema: str = ""
    beside: dict[str, Any] = field(default_factory=dict)

    def cog(self, value):
        """The inputs of a prediction."""
        given = {"prompt": RAW, "temperature": 0, "max_tokens": 4, **self.beside}
        if "messages" in given:
            del given["prompt"]
        if self.name in (*FIELDS, *CONSTRAINTS):
            return given | {"sampling_params": {**given.get("sampling_params", {}), self.name: value}}
        return given | {self.name: value}

    def openai(self, value):
        """The same as a route and its body."""
        body = self.cog(value)
        further = body.pop("sampling_params", {})
        guides = {name: further.pop(name) for name in CONSTRAINTS if name in further}
        body |= further | ({"structured_outputs": guides} if guides else {})
        return ("chat/completions" if "messages" in body else "completions"), body


NEVER = [f"never {number}" for number in range(65)]
"""Texts that no answer here contains."""


def ids(count):
    """Token ids that a greedy answer does not need."""
    return [*range(1000, 1000 + count)]


def biases(count):
    return {str(token): 1 for token in ids(count)}


def nested(levels):
    """A schema of so many objects within each other, each but the last in its `items`."""
    schema = {"type": "integer"}
    for _ in range(levels - 1):
        schema = {"type": "array", "items": schema}
    return schema


def outside(name):
    return f"`{name}` has the token id {VOCABULARY}, but they go from 0 to {VOCABULARY - 1}; remove it."


def too_many(name, size, most, note=""):
    return f"`{name}` has {size} tokens, but the engine takes {most}{note}; shorten it."


WITH_MIN = " when `min_tokens` is set, the end of text included"
AT_ONCE = {"sampling_params": {"allowed_token_ids": [0]}}
"""Ends an answer with its first token."""

WORKER = (
    Limit("allowed_token_ids", WORKERS, ids(1024), ids(1025), too_many("allowed_token_ids", 1025, 1024)),
    Limit("logit_bias", WORKERS, biases(1024), biases(1025), too_many("logit_bias", 1025, 1024)),
    Limit(
        *("logit_bias", WORKERS, biases(1023), biases(1024)),
        too_many("logit_bias", 1025, 1024, ", the one that `tool_choice` none adds included"),
        beside={"messages": BOSTON, "tools": TOOLS, "tool_choice": "none"},
    ),
    Limit(
        *("stop_token_ids", WORKERS, ids(127), ids(128), too_many("stop_token_ids", 129, 128, WITH_MIN)),
        beside={"min_tokens": 1},
    ),
    Limit(
        *("stop_token_ids", WORKERS, ids(127), ids(128), too_many("stop_token_ids", 129, 128, WITH_MIN)),
        beside={"min_tokens": 1, "sampling_params": {"ignore_eos": True}},
    ),
    Limit(
        *("bad_words", WORKERS, ["zz"] + [f"{word} " * 9 for word in range(39)]),
        ["zz"] + [f"{word} " * 9 for word in range(49)],
        "`bad_words` has ",
    ),
)
"""The worker raises beyond them. Of bad words it counts tokens, some 26 in each here; the unit tests have the exact number."""

OTHERS = (
    Limit("allowed_token_ids", WORKERS, [VOCABULARY - 1], [VOCABULARY], outside("allowed_token_ids")),
    Limit("logit_bias", WORKERS, {str(VOCABULARY - 1): 1}, {str(VOCABULARY): 1}, outside("logit_bias")),
    Limit("stop_token_ids", WORKERS, [VOCABULARY - 1], [VOCABULARY], outside("stop_token_ids")),
    Limit(
        *("bad_words", VLLMS, [f"w{number}" for number in range(64)], [f"w{number}" for number in range(129)]),
        "Too many bad words after tokenization: 129. The max number is 128.",
    ),
    Limit("presence_penalty", VLLMS, 2, 2.1, "presence_penalty must be in [-2, 2], got 2.1.", "2.1 is greater than the maximum of 2"),
    Limit("frequency_penalty", VLLMS, -2, -2.1, "frequency_penalty must be in [-2, 2], got -2.1.", "-2.1 is less than the minimum of -2"),
    Limit("repetition_penalty", OURS, 1e30, 1e31, "repetition_penalty must be from 1e-30 to 1e+30, got 1e+31."),
    Limit("repetition_penalty", OURS, 1e-30, 1e-31, "repetition_penalty must be from 1e-30 to 1e+30, got 1e-31."),
    Limit("temperature", VLLMS, 2, 2.1, "temperature must be in [0, 2], got 2.1.", "2.1 is greater than the maximum of 2"),
    Limit("temperature", OURS, 0.01, 0.009, "temperature must be 0 or at least 0.01, got 0.009."),
    Limit("top_p", OURS, 1e-300, 0, "top_p must be above 0 and at most 1, got 0.", beside={"temperature": 1}),
    Limit("top_k", VLLMS, 2**63 - 1, -2, "top_k must be 0 (disable), or at least 1, got -2.", "-2 is less than the minimum of -1", {"temperature": 1}),
    Limit("min_p", VLLMS, 1, 1.1, "min_p must be in [0, 1], got 1.1.", "1.1 is greater than the maximum of 1", {"temperature": 1}),
    Limit("seed", OURS, 2**63 - 1, -1, "seed must be from 0 to 2**63 - 1, got -1.", beside={"temperature": 1}),
    Limit("stop", OURS, NEVER[:64], NEVER, "`stop` has 65 items, but the most is 64; send fewer."),
    Limit("stop", OURS, NEVER[:1], [""], "`stop` contains an empty text or a NUL character; remove it."),
    Limit("ignore_eos", VLLMS, True, "x", "`ignore_eos` must be of type bool, got str."),
    Limit("include_stop_str_in_output", VLLMS, True, "x", "`include_stop_str_in_output` must be of type bool, got str."),
    Limit("skip_reading_prefix_cache", VLLMS, True, "x", "`skip_reading_prefix_cache` must be of type bool | null, got str."),
    Limit(
        *("max_tokens", OURS, CONTEXT - RAW_TOKENS, CONTEXT - RAW_TOKENS + 1),
        f"The prompt has {RAW_TOKENS} tokens and max_tokens is {CONTEXT - RAW_TOKENS + 1}, together above the model's context of {CONTEXT}; shorten the prompt or lower max_tokens to {CONTEXT - RAW_TOKENS}.",
        beside=AT_ONCE,
    ),
    Limit("min_tokens", OURS, 4, 5, "min_tokens must be at most max_tokens, which is 4, got 5."),
    Limit("stream_interval", VLLMS, 2**63 - 1, 0, "stream_interval must be at least 1, got 0."),
    Limit(
        *("repetition_detection", VLLMS, {"max_pattern_size": 2**63 - 1, "min_count": 2**63 - 1}, {"max_pattern_size": 1, "min_count": 1}),
        "min_count must be >= 2 to detect repetitive patterns in engine output. If you do not wish to detect repetitive patterns, set max_pattern_size to 0.",
    ),
    Limit("json", VLLMS, nested(64), nested(65), f"`json` {UNFIT}The JSON schema is nested too deeply: objects and arrays may nest at most 64 levels."),
    Limit("regex", VLLMS, "a{0,2000000000}", "a{99999999999999999999}", f"`regex` {UNFIT}"),
    Limit("choice", OURS, [f"c{number}" for number in range(1000)], [""], "`sampling_params.choice[0]` must not be empty."),
    Limit("grammar", VLLMS, 'root ::= root "a" | "a"', f'root ::= {"(" * 20000}"a"{")" * 20000}', f"`grammar` {UNFIT}"),
    Limit("structural_tag", VLLMS, GUIDES["structural_tag"], "{}", f"`structural_tag` {UNFIT}"),
)  # fmt: skip
"""Each is checked before the engine, and the largest does it no harm."""

COMPLETIONS = {
    "n": ({"n": 32}, {"n": 33}, "The request asks for 33 answers, but the server generates at most 32 at once; lower n or send fewer prompts."),
    "logprobs": ({"logprobs": 20}, {"logprobs": 21}, "logprobs must be from 0 to 20, got 21."),
    "prompt_logprobs": ({"echo": True, "logprobs": 20}, {"echo": True, "logprobs": -1}, "logprobs must be from 0 to 20, got -1."),
    "prompt": ({"prompt": [VOCABULARY - 1]}, {"prompt": [VOCABULARY]}, outside("prompt")),
    "structured_outputs": (
        {"structured_outputs": {"regex": "a"}},
        {"structured_outputs": {"regex": "a", "choice": ["a"]}},
        "`regex` and `choice` both constrain the output; use one.",
    ),
}  # fmt: skip
"""What /v1/completions takes, or takes in another form than the Cog API: the most, one beyond, and its sentence."""

NOT_ACCEPTED = {"json_object", "disable_any_whitespace", "disable_additional_properties", "whitespace_pattern"}
"""Of StructuredOutputsParams: unknown to a request. Those of SamplingParams are NOT_OFFERED, each with a reason."""
