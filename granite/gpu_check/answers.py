"""Whether answers are right: greedy, seeded, at the context's end, with numbers, with adapters."""

import math
from typing import Any

from granite.gpu_check.calls import Calls, at_once
from granite.gpu_check.checks import Failure, Figures, Skipped

PAGE = {"prompt": "How is perplexity measured for LLMs and why is it useful?", "temperature": 0}
"""The request of the public model page, greedy."""

CODE = "basalt"
NEEDLE = "The code word is {}. {}\nWhat is the code word? Answer with it alone."
"""A fact at the start of a long prompt, and the question at its end."""


def page(calls: Calls, tokens: int) -> Figures:
    # The first fills the prefix cache, so that the other two are computed alike.
    first, second, third = (calls.text(**PAGE, max_tokens=tokens) for _ in range(3))
    figures = {"as_first": second == first, "text": third}
    if second != third:
        raise Failure("The same greedy request gave two answers.", figures | {"other": second})
    if calls.trained and not (third.startswith("Perplexity") and "language model" in third):
        raise Failure("The answer is not about perplexity.", figures)
    return figures


def seeds(calls: Calls, times: int, among: int, tokens: int) -> Figures:
    """The same seed alone and among others. Rounding depends on the batch, so some may differ."""
    requests: list[dict[str, Any]] = [
        {"prompt": f"Name {2 + seed % 7} colours.", "seed": seed, "max_tokens": tokens}
        for seed in range(min(among, calls.slots))
    ]
    alone = [calls.text(**request) for request in requests[:times]]
    together = at_once(lambda request: calls.text(**request), requests)
    equal = sum(one == other for one, other in zip(alone, together, strict=False))
    figures = {"equal": equal, "of": len(alone), "among": len(requests), "different_answers": len({*together})}
    if not equal or figures["different_answers"] == 1:
        raise Failure("A seed does not decide the answer.", figures)
    return figures


def context(calls: Calls) -> Figures:
    """The longest prompt is answered; a longer one is refused with the same sentence at both APIs."""

    def request(words: int) -> dict[str, Any]:
        return {"prompt": NEEDLE.format(CODE, "stone " * words), "temperature": 0, "max_tokens": 8}

    def tokens(words: int) -> int:
        return int(calls.predict(**request(words))["metrics"]["input_token_count"])

    low, high = tokens(16), tokens(80)
    most = 16 + (calls.context - 8 - low) * 64 // (high - low)
    prediction = calls.predict(**request(most))
    if prediction["status"] != "succeeded":
        raise Failure(f"A prompt of {most} words, which fits, failed: {prediction['error']}")
    text, metrics = "".join(prediction["output"]), prediction["metrics"]
    figures: Figures = {
        "context": calls.context,
        "prompt_tokens": metrics["input_token_count"],
        "first_token_s": round(metrics["time_to_first_token"], 2),
        "found_the_word": CODE in text.lower(),
        "text": text,
    }
    beyond = request(most + 100)
    sentence = calls.refusal(**beyond)
    chat = {"messages": [{"role": "user", "content": beyond["prompt"]}], "max_tokens": 8}
    if sentence is None or sentence != calls.openai_refusal("chat/completions", **chat):
        raise Failure(f"A prompt beyond the context was not refused alike at both APIs: {sentence}", figures)
    return figures | {"sentence": sentence}


def logprobs(calls: Calls, tokens: int) -> Figures:
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    content = calls.choice(messages=messages, logprobs=5, temperature=0, max_tokens=tokens)["logprobs"]["content"]
    values = [top["logprob"] for token in content for top in (token, *token["top_logprobs"])]
    figures = {"tokens": len(content), "highest": round(max(values), 4), "lowest": round(min(values), 4)}
    if not all(map(math.isfinite, values)) or max(values) > 0:
        raise Failure("A log probability is not a finite number up to 0.", figures)
    if any(sum(math.exp(top["logprob"]) for top in token["top_logprobs"]) > 1.001 for token in content):
        raise Failure("The probabilities of five alternatives are above 1 together.", figures)
    return figures


def penalties(calls: Calls, tokens: int) -> Figures:
    request = {"prompt": "Write the word stone again and again.", "temperature": 0, "max_tokens": tokens}
    penalty = {"frequency_penalty": 2, "presence_penalty": 2, "repetition_penalty": 1.5}
    texts = {"without": calls.text(**request), "with": calls.text(**request, **penalty)}
    if texts["without"] == texts["with"]:
        raise Failure("Penalties do not change the answer.", texts)
    return texts


def adapters(calls: Calls, tokens: int) -> Figures:
    if not calls.adapters:
        raise Skipped("ADAPTERS is not set")
    return {name: calls.text(**PAGE, max_tokens=tokens, adapter=name) for name in calls.adapters}
