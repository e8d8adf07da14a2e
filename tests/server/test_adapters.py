"""A server with LoRA adapters answers as transformers does with each adapter added to the weights."""

import concurrent.futures
import json
from pathlib import Path

import httpx
import openai
import pytest

from tests.adapters import PROMPT, answers
from tests.predictions import DEADLINE, answer, predicted

GREEDY = {"prompt": PROMPT, "temperature": 0, "max_tokens": 24}


@pytest.fixture(scope="module")
def expected(lora_directory):
    """transformers' answers without an adapter and with each."""
    return answers(lora_directory, PROMPT, GREEDY["max_tokens"])


def answer_of(operated_cog, name):
    return answer(operated_cog, **GREEDY, **({} if name is None else {"adapter": name}))


def test_an_adapter_answers_as_its_sum_with_the_weights(operated_cog, expected):
    """Without one, or with one that changes nothing, the model is as it was."""
    assert {name: answer_of(operated_cog, name) for name in expected} == expected
    assert len(set(expected.values())) == 3
    assert answer_of(operated_cog, "idle") == expected[None]


def test_requests_in_one_batch_have_an_adapter_each(operated_cog, expected):
    """Also where the prefix cache holds another's. On a CPU, vLLM gives those without one what its last slot holds."""
    names = [*expected] * 4
    with concurrent.futures.ThreadPoolExecutor(len(names)) as threads:
        assert list(threads.map(lambda name: answer_of(operated_cog, name), names)) == [
            expected[name] for name in names
        ]


def test_a_request_with_an_adapter_logs_the_same_six_lines(operated_cog):
    """None of them vLLM's."""
    prediction = predicted(operated_cog, **json.loads(Path("tests/requests/adapter.json").read_text()))
    assert prediction["status"] == "succeeded", prediction["error"]
    assert [json.loads(line)["event"][:9] for line in prediction["logs"].splitlines()] == [
        "predict()", "Formatted", "SamplingP", "result", "Generatio", "predict()",
    ]  # fmt: skip
    assert "lora" not in prediction["logs"].lower()


@pytest.mark.parametrize(("inputs", "model"), [({}, "granite-demo"), ({"adapter": "legal"}, "legal")])
def test_a_chats_model_is_the_adapter(operated_cog, inputs, model):
    messages = [{"role": "user", "content": "How is rain made?"}]
    prediction = predicted(operated_cog, messages=messages, max_tokens=4, **inputs)
    assert json.loads("".join(prediction["output"]))["model"] == model


def test_the_openai_api_chooses_an_adapter_by_the_models_name(expected, operated):
    """It lists each with the model that it changes, and answers as the Cog API does."""
    url = f"{operated.openai_url}/v1"
    client = openai.OpenAI(base_url=url, api_key="-", max_retries=0, timeout=DEADLINE)
    parents = {model.id: model.parent for model in client.models.list().data}
    assert parents == {"granite-demo": None, "haiku": "granite-demo", "idle": "granite-demo", "legal": "granite-demo"}

    def text(name):
        return client.completions.create(model=name or "granite-demo", **GREEDY).choices[0].text

    assert {name: text(name) for name in expected} == expected
    with pytest.raises(openai.NotFoundError, match="There is no model `haikus`"):
        client.completions.create(model="haikus", **GREEDY)


def test_scoring_a_prompt_is_refused(operated):
    """On a CPU it would end the engine as soon as two requests share a batch."""
    body = {"model": "haiku", "prompt": "Rain is", "echo": True, "max_tokens": 1}
    url = f"{operated.openai_url}/v1/completions"
    response = httpx.post(url, json={**body, "logprobs": 1, "n": 2}, timeout=DEADLINE)
    sentence = "`echo` with `logprobs` is not supported on a CPU with LoRA adapters; remove one of them."
    assert (response.status_code, response.json()["error"]["message"]) == (400, sentence)
    assert httpx.post(url, json=body, timeout=DEADLINE).status_code == 200


def test_an_unknown_adapter_is_refused_with_the_known_ones(operated_cog):
    prediction = predicted(operated_cog, **GREEDY | {"adapter": "haikus"})
    assert prediction["status"] == "failed"
    assert prediction["error"].endswith(": InvalidInput: Unknown adapter `haikus`: this server has haiku, idle, legal.")


def test_a_server_without_adapters_refuses_any(server):
    with httpx.Client(base_url=server.url, timeout=DEADLINE) as client:
        prediction = predicted(client, prompt="x", adapter="haiku")
    assert prediction["error"].endswith(
        ": InvalidInput: Unknown adapter `haiku`: this server has none (ADAPTERS is not set)."
    )
