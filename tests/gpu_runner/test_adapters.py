"""LoRA adapters on V2 answer as they do on V1: as transformers does, with each added to the weights."""

import httpx
import pytest

from tests.adapters import PROMPT, answers
from tests.predictions import DEADLINE, answer, at_once
from tests.samples import MODEL

GREEDY = {"prompt": PROMPT, "temperature": 0, "max_tokens": 8}


@pytest.mark.slow
def test_each_adapter_answers_as_its_sum_with_the_weights(lora_directory, lora_runner):
    """At both APIs, all in one batch. Without one, or with one that changes nothing, the model is as it was."""
    expected = answers(lora_directory, PROMPT, GREEDY["max_tokens"])
    expected["idle"] = expected[None]
    assert len({*expected.values()}) == 3
    adapters = {name: {"adapter": name} if name else {} for name in expected}
    with httpx.Client(base_url=lora_runner.url, timeout=DEADLINE) as cog:
        assert at_once(adapters, lambda adapter: answer(cog, **GREEDY, **adapter)) == expected
    models = {name: {"model": name or MODEL} for name in expected}
    with httpx.Client(base_url=lora_runner.openai_url, timeout=DEADLINE) as http:

        def complete(model):
            return http.post("/v1/completions", json=GREEDY | model).json()["choices"][0]["text"]

        assert at_once(models, complete) == expected
