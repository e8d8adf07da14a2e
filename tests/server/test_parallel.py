"""Several ranks answer as one does."""

import concurrent.futures
import json
import time

import httpx
import psutil
import pytest

from granite.cli.server import Server, free_port
from tests.predictions import DEADLINE, answer, events, predicted
from tests.samples import EXACT

PROMPTS = ("What is the capital of France?", "How is rain made?", "Name three rocks.", "Tell a story about a fox.")

pytestmark = pytest.mark.slow


def start(**engine_args):
    """A server in float32: in bfloat16, ranks that add up parts of a sum round it in another order."""
    arguments = {**EXACT, **engine_args}
    return Server({"ENGINE_ARGS": json.dumps(arguments), "OPENAI_PORT": str(free_port())})


def answers(server):
    """The greedy answers to all prompts, sent at once."""
    with (
        httpx.Client(base_url=server.url, timeout=DEADLINE) as client,
        concurrent.futures.ThreadPoolExecutor(4) as threads,
    ):
        return list(threads.map(lambda prompt: answer(client, prompt=prompt, temperature=0, max_tokens=24), PROMPTS))


def openai_answer(server):
    """The first prompt's answer from the OpenAI API."""
    body = {"model": "granite-demo", "messages": [{"role": "user", "content": PROMPTS[0]}]}
    url = f"{server.openai_url}/v1/chat/completions"
    completion = httpx.post(url, json={**body, "temperature": 0, "max_tokens": 24}, timeout=DEADLINE).json()
    return completion["choices"][0]["message"]["content"]


def seconds(processes):
    """The processor time of each."""
    return [sum(process.cpu_times()[:2]) for process in processes]


@pytest.fixture(scope="module")
def expected():
    """The answers of one rank."""
    with start() as server:
        server.wait()
        return answers(server)


def family(server):
    return psutil.Process(server.pid).children(recursive=True)


def workers(server):
    """By the name that vLLM gives its processes."""
    return [process for process in family(server) if process.name().startswith("VLLM::Worker")]


@pytest.mark.parametrize(("size", "count"), [("data_parallel_size", 2), ("tensor_parallel_size", 3)])
def test_several_ranks_answer_as_one(expected, size, count):
    """All of them work; if one dies, the server becomes unhealthy; none outlives it."""
    with start(**{size: count}) as server:
        server.wait()
        processes = workers(server)
        assert len(processes) == count
        assert answers(server) == expected
        assert openai_answer(server) == expected[0]
        before = seconds(processes)
        with (
            httpx.Client(base_url=server.url, timeout=DEADLINE) as client,
            concurrent.futures.ThreadPoolExecutor(8) as threads,
        ):
            inputs = {"prompt": "Tell a story.", "max_tokens": 64, "min_tokens": 64}
            predictions = list(threads.map(lambda seed: predicted(client, **inputs, seed=seed), range(8)))
        assert {prediction["status"] for prediction in predictions} == {"succeeded"}
        used = [after - early for early, after in zip(before, seconds(processes), strict=True)]
        # Half of an even share: a rank without requests uses next to nothing.
        assert min(used) > sum(used) / count / 2, used
        assert server.health()["status"] == "READY"
        processes_before = family(server)
        kill_during_a_request(server, processes[-1])
        server.stop()
    assert [process for process in processes_before if process.is_running()] == []


def kill_during_a_request(server, process):
    """The request fails with one sentence, and the server reports that it is unhealthy."""
    error = None
    with httpx.Client(base_url=server.url, timeout=DEADLINE) as client:
        for name, data, _ in events(client, {"prompt": "Tell a story.", "max_tokens": 4000, "min_tokens": 4000}):
            if name == "output" and process.is_running():
                process.kill()
            elif name == "completed":
                error = data["error"]
    assert error == (
        "Prediction failed: Generator iteration error: EngineDied: "
        "The engine died while it ran this request; send it again once the server is back."
    )
    deadline = time.monotonic() + DEADLINE
    while server.health()["status"] != "UNHEALTHY":
        assert time.monotonic() < deadline
