"""The 8B model itself, on a GPU."""

import httpx
import pytest

from tests.samples import PAGE

pytestmark = pytest.mark.gpu


def test_granite_answers_the_model_pages_request(server):
    """Greedy, in the words that its page is about."""
    inputs = PAGE["input"] | {"temperature": 0, "max_tokens": 128}
    prediction = httpx.post(f"{server.url}/predictions", json={"input": inputs}, timeout=300).json()
    assert prediction["status"] == "succeeded", prediction
    text = "".join(prediction["output"])
    assert text.startswith("Perplexity")
    assert "language model" in text
    assert prediction["metrics"]["output_token_count"] == 128


def test_a_long_prompt_fits_the_context(server):
    """Tens of thousands of tokens, prefilled in pieces beside a seed."""
    inputs = {"prompt": "word " * 20_000 + "\nWhich word stands above?", "seed": 1, "max_tokens": 32}
    prediction = httpx.post(f"{server.url}/predictions", json={"input": inputs}, timeout=300).json()
    assert prediction["status"] == "succeeded", prediction
    assert prediction["metrics"]["input_token_count"] > 20_000
