"""What vLLM's log says about a start."""

from pathlib import Path

import pytest
import vllm

from granite.gpu_check import startup

LOG = """\
2026-11-25T04:10:17.500000Z  INFO coglet: coglet 0.23.1
2026-11-25T04:10:18.500000Z  INFO coglet::setup: 2026-11-25 04:10:18 [info     ] Importing vLLM source=Stdout
2026-11-25T04:10:28.000000Z  INFO coglet::setup: INFO [core.py:133] Initializing a V1 LLM engine (v0.32.0) source=Stdout
a line that is not coglet's
2026-11-25T04:10:28.100000Z  INFO coglet::setup: INFO Chunked prefill is enabled with max_num_batched_tokens=8192. source=Stdout
2026-11-25T04:10:28.200000Z  INFO coglet::setup: INFO Using V2 Model Runner source=Stdout
2026-11-25T04:10:28.300000Z  INFO coglet::setup: INFO Starting to load model /weights... source=Stdout
2026-11-25T04:10:28.400000Z  INFO coglet::setup: INFO Using FLASH_ATTN attention backend out of potential backends: ['FLASH_ATTN', 'TRITON_ATTN']. source=Stdout
2026-11-25T04:10:34.000000Z  INFO coglet::setup: INFO Loading weights took 5.17 seconds source=Stdout
2026-11-25T04:10:34.100000Z  INFO coglet::setup: INFO Model loading took 15.23 GiB memory and 5.400000 seconds source=Stdout
2026-11-25T04:10:40.000000Z  INFO coglet::setup: INFO Dynamo bytecode transform time: 4.01 s source=Stdout
2026-11-25T04:10:50.000000Z  INFO coglet::setup: INFO Compiling a graph for compile range (1, 8192) takes 9.50 s source=Stdout
2026-11-25T04:10:51.000000Z  INFO coglet::setup: INFO saved AOT compiled function to /cache/model source=Stdout
2026-11-25T04:10:51.100000Z  INFO coglet::setup: INFO torch.compile took 15.02 s in total source=Stdout
2026-11-25T04:10:52.000000Z  INFO coglet::setup: INFO Initial profiling/warmup run took 0.81 s source=Stdout
2026-11-25T04:10:53.000000Z  INFO coglet::setup: INFO GPU KV cache size: 364,129 tokens, Maximum concurrency for 131,072 tokens per request: 2.78x source=Stdout
2026-11-25T04:10:58.000000Z  INFO coglet::setup: INFO JIT kernel warmup finished in 4.44s. source=Stdout
2026-11-25T04:11:06.000000Z  INFO coglet::setup: INFO Graph capturing finished in 8 secs, took 0.62 GiB source=Stdout
2026-11-25T04:11:07.000000Z  INFO coglet::setup: INFO init engine (profile, create kv cache, warmup model) took 32.10 s (compilation: 15.02 s) source=Stdout
"""
"""As a GPU's, shortened."""

WORDS = (
    "Loading weights took %.2f seconds",
    "Model loading took %s GiB memory and %.6f seconds",
    "%sDynamo bytecode transform time: %.2f s",
    "%storch.compile took %.2f s in total",
    "%sInitial profiling/warmup run took %.2f s",
    "JIT kernel warmup finished in %.2fs.",
    "Graph capturing finished in %.0f secs, took %.2f GiB",
    "init engine (profile, create kv cache, warmup model) took %.2f s",
    "%sCompiling a graph for compile range %s takes %.2f s",
    "%ssaved AOT compiled function to %s",
    "%sDirectly load the compiled graph(s) for compile ",
    "%sDirectly load AOT compilation from path %s",
    "Using %s attention backend out of potential backends: %s.",
    "Chunked prefill is enabled with max_num_batched_tokens=%d.",
    "%s KV cache size: %s tokens, ",
    "Maximum concurrency for %s tokens per request: %.2fx",
    "Using V2 Model Runner",
)
"""vLLM's, in its source."""


def test_the_stages_of_a_start():
    assert startup.stages(LOG) == {
        "weights_s": 5.17,
        "model_s": 5.4,
        "trace_s": 4.01,
        "compile_s": 15.02,
        "profile_s": 0.81,
        "triton_s": 4.44,
        "graphs_s": 8.0,
        "engine_s": 32.1,
        "compiled": 2,
        "loaded": 0,
        "phases": {
            "Starting the server": 0.0,
            "Importing vLLM": 1.0,
            "Starting the engine": 10.5,
            "Loading the weights": 10.8,
        },
    }


def test_a_warm_start_compiles_nothing():
    log = "Directly load AOT compilation from path /cache/model\n"
    log += "Directly load the compiled graph(s) for compile range (1, 8192) from the cache, took 0.512 s\n"
    assert startup.stages(log) == {"compiled": 0, "loaded": 2, "phases": {}}


def test_what_the_engine_chose():
    assert startup.engine(LOG) == {
        "runner": "V2",
        "attention": "FLASH_ATTN",
        "context": 131072,
        "cache_tokens": 364129,
        "whole_contexts": 2.78,
        "batch_tokens": 8192,
        "model_gib": 15.23,
        "graphs_gib": 0.62,
    }
    assert startup.engine("") == {"runner": "V1"} | dict.fromkeys([*startup.engine(LOG)][1:])


def test_the_log_without_coglets_words():
    lines = startup.lines(LOG)
    assert lines[:2] == ["coglet 0.23.1", "2026-11-25 04:10:18 [info     ] Importing vLLM"]
    assert lines[3] == "a line that is not coglet's"


@pytest.fixture(scope="module")
def source():
    """vLLM's files that log a start."""
    root = Path(vllm.__path__[0])
    folders = ("compilation", "config", "model_executor", "platforms", "v1/core", "v1/engine", "v1/worker")
    return "".join(file.read_text() for folder in folders for file in (root / folder).rglob("*.py"))


@pytest.mark.parametrize("words", WORDS)
def test_vllm_still_says_it(source, words):
    assert words in source
