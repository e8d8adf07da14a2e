"""More than one rank: what is refused, who computes on which cores, and that several answer as one does."""

import concurrent.futures
import json
import time
from pathlib import Path

import httpx
import psutil
import pytest
from tests.test_predict import DEADLINE, answer, events, predicted

from granite import hardware
from granite.cli.server import Server, free_port
from granite.engine import engine_args as profile
from granite.engine.parallel import Parallel, core_groups
from granite.errors import SettingsError
from granite.model import demo
from granite.model.demo import Form
from granite.model.weights import Weights
from granite.settings import Settings

PROMPTS = ("What is the capital of France?", "How is rain made?", "Name three rocks.", "Tell a story about a fox.")
MODEL = {"vocab_size": 49344, "num_attention_heads": 9}


@pytest.fixture
def checked(monkeypatch, tmp_path):
    """Check the sizes that some ENGINE_ARGS ask for, on a machine with so many GPUs."""
    (tmp_path / "config.json").write_text(json.dumps(MODEL))

    def check(gpus=None, **engine_args):
        monkeypatch.setattr(hardware, "has_gpu", lambda: gpus is not None)
        monkeypatch.setattr(hardware, "gpus", lambda: gpus or None)
        settings = Settings(engine_args=engine_args)
        Parallel.asked(settings).check(settings, Weights(Path(tmp_path)))

    return check


@pytest.mark.parametrize(
    ("gpus", "engine_args", "sentence"),
    [
        (
            None,
            {"data_parallel_size": 0},
            '{"data_parallel_size": 0} is refused: it must be a whole number of at least 1.',
        ),
        (
            None,
            {"tensor_parallel_size": "2"},
            '{"tensor_parallel_size": "2"} is refused: it must be a whole number of at least 1.',
        ),
        (
            None,
            {"pipeline_parallel_size": 2},
            '{"pipeline_parallel_size": 2} is refused: on a CPU vLLM dies of it at the first request; '
            "set tensor_parallel_size or data_parallel_size.",
        ),
        (
            None,
            {"distributed_executor_backend": "ray"},
            '{"distributed_executor_backend": "ray"} is refused: vLLM does not support Ray on a CPU; leave it out.',
        ),
        (
            8,
            {"tensor_parallel_size": 2},
            '{"tensor_parallel_size": 2} is refused: it must divide the model\'s 9 attention heads.',
        ),
        (
            None,
            {"tensor_parallel_size": 9},
            '{"tensor_parallel_size": 9} is refused: it must divide the model\'s 49344 rows of the padded vocabulary.',
        ),
    ],
)
def test_what_cannot_work_is_one_sentence(checked, gpus, engine_args, sentence):
    """Before vLLM is imported; it would find out later, or only at a request."""
    with pytest.raises(SettingsError) as caught:
        checked(gpus, **engine_args)
    assert str(caught.value) == f"ENGINE_ARGS={sentence}"


def test_more_ranks_than_gpus_are_one_sentence(checked):
    """Unless they run on other machines, or nobody can tell how many there are."""
    sizes = {"tensor_parallel_size": 3, "data_parallel_size": 2}
    with pytest.raises(SettingsError) as caught:
        checked(5, **sizes)
    assert str(caught.value) == (
        "ENGINE_ARGS asks for 6 ranks (tensor_parallel_size 3 x data_parallel_size 2 x pipeline_parallel_size 1), "
        "a GPU each, and this server has 5: lower a size, or give it more GPUs."
    )
    checked(6, **sizes)
    checked(0, **sizes)
    checked(5, **sizes, nnodes=2)


@pytest.mark.parametrize(
    ("visible", "count"),
    [
        (None, 2),
        ("0", 1),
        ("0,1,2", 3),
        ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", 1),
        ("", 0),
        ("MIG-41b36415", None),
    ],
)
def test_gpus_are_counted_as_cuda_shows_them(monkeypatch, tmp_path, visible, count):
    """By the driver's files, unless the operator names some."""
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia0x"):
        (tmp_path / name).touch()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert hardware.gpus(tmp_path) == count


def test_where_the_driver_has_no_files_gpus_are_not_counted(monkeypatch, tmp_path):
    """As on WSL 2."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert hardware.gpus(tmp_path) is None


@pytest.mark.parametrize(
    ("cores", "ranks", "groups"),
    [
        ([0, 1], 1, [[0, 1]]),
        ([0, 1], 2, [[0], [1]]),
        ([0, 1], 3, [[0], [1], [1]]),
        ([4, 5, 6, 7, 9], 2, [[4, 5, 6], [7, 9]]),
        ([0], 3, [[0], [0], [0]]),
    ],
)
def test_each_rank_has_cores_of_its_own_where_there_are_enough(cores, ranks, groups):
    """None has no core."""
    assert core_groups(cores, ranks) == groups


def test_ranks_on_a_cpu_share_its_cores_and_memory(monkeypatch):
    """vLLM wants a group of cores for each, and takes the cache's size for each."""
    monkeypatch.setattr(hardware, "has_gpu", lambda: False)
    monkeypatch.setattr(hardware, "has_compiler", lambda: True)
    monkeypatch.setattr(hardware, "cores", lambda: [0, 1])
    assert profile.cpu_environment(3)["VLLM_CPU_OMP_THREADS_BIND"] == "0|1|1"

    def changed(**engine_args):
        plain, given = profile.cpu_profile(Settings()), profile.cpu_profile(Settings(engine_args=engine_args))
        return {name: value for name, value in given.items() if plain[name] != value}

    assert changed(tensor_parallel_size=3) == {"kv_cache_memory_bytes": 2 * 2**30 // 3, "enforce_eager": True}
    assert changed(data_parallel_size=2) == {"kv_cache_memory_bytes": 2**30, "enforce_eager": True}
    assert changed(data_parallel_size=8)["kv_cache_memory_bytes"] == 2**29


def ranks(**engine_args):
    """A server in float32: in bfloat16 ranks that add up parts of a sum round it in another order."""
    return Server(
        {
            "ENGINE_ARGS": json.dumps({"enforce_eager": True, "dtype": "float32", **engine_args}),
            "COG_WEIGHTS": str(demo.write(form=Form.EXACT)),
            "OPENAI_PORT": str(free_port()),
        }
    )


def answers(url):
    """Greedy, of all prompts at once."""
    with httpx.Client(base_url=url, timeout=DEADLINE) as client, concurrent.futures.ThreadPoolExecutor(4) as threads:
        return list(threads.map(lambda prompt: answer(client, prompt=prompt, temperature=0, max_tokens=24), PROMPTS))


def answered(server):
    """The first prompt's answer at the second door."""
    body = {"model": "granite-demo", "messages": [{"role": "user", "content": PROMPTS[0]}]}
    url = f"http://127.0.0.1:{server.variables['OPENAI_PORT']}/v1/chat/completions"
    said = httpx.post(url, json={**body, "temperature": 0, "max_tokens": 24}, timeout=DEADLINE).json()
    return said["choices"][0]["message"]["content"]


def seconds(processes):
    """The processor time that each has used."""
    return [sum(process.cpu_times()[:2]) for process in processes]


@pytest.fixture(scope="module")
def alone():
    """What one rank answers."""
    with ranks() as server:
        server.wait()
        return answers(server.url)


def family(server):
    """The server's processes, by the name that vLLM gives its own."""
    return psutil.Process(server.pid).children(recursive=True)


def workers(server):
    return [process for process in family(server) if process.name().startswith("VLLM::Worker")]


@pytest.mark.slow
@pytest.mark.parametrize(("size", "count"), [("data_parallel_size", 2), ("tensor_parallel_size", 3)])
def test_several_ranks_answer_as_one(alone, size, count):
    """All of them work; one that dies makes the server unhealthy; none outlives it."""
    with ranks(**{size: count}) as server:
        server.wait()
        processes = workers(server)
        assert len(processes) == count
        assert answers(server.url) == alone
        assert answered(server) == alone[0]
        before = seconds(processes)
        with (
            httpx.Client(base_url=server.url, timeout=DEADLINE) as client,
            concurrent.futures.ThreadPoolExecutor(8) as threads,
        ):
            asked = {"prompt": "Tell a story.", "max_tokens": 64, "min_tokens": 64}
            made = list(threads.map(lambda seed: predicted(client, **asked, seed=seed), range(8)))
        assert {prediction["status"] for prediction in made} == {"succeeded"}
        used = [after - early for early, after in zip(before, seconds(processes), strict=True)]
        # Half of an even share: a rank without requests uses next to nothing.
        assert min(used) > sum(used) / count / 2, used
        assert server.health()["status"] == "READY"
        everyone = family(server)
        dies(server, processes[-1])
        server.stop()
    assert [process for process in everyone if process.is_running()] == []


def dies(server, process):
    """A rank's death fails what runs, and the status says so."""
    error = None
    with httpx.Client(base_url=server.url, timeout=DEADLINE) as client:
        for name, data, _ in events(client, {"prompt": "Tell a story.", "max_tokens": 4000, "min_tokens": 4000}):
            if name == "output" and process.is_running():
                process.kill()
            elif name == "completed":
                error = data["error"]
    assert error == (
        "Prediction failed: Generator iteration error: EngineDied: "
        "The engine died while it ran this request: send it again once the server is back."
    )
    deadline = time.monotonic() + DEADLINE
    while server.health()["status"] != "UNHEALTHY":
        assert time.monotonic() < deadline
