"""vLLM's arguments and environment for the hardware."""

import dataclasses
import sysconfig
from pathlib import Path

import pytest

from granite import cache
from granite.engine import engine_args
from granite.model.adapters import Adapter
from granite.model.weights import Weights
from granite.settings import Settings
from tests import checkpoints
from tests.machines import CPU, GPU

ADAPTERS = [Adapter(f"a{rank}", rank, Path(f"/adapters/a{rank}"), rank + 31) for rank in range(1, 10)]


@pytest.fixture
def build(tmp_path):
    weights = Weights(checkpoints.write(tmp_path))
    (tmp_path / "config.json").write_text(Path("tests/data/config.json").read_text())
    return lambda machine, loras=(), **given: engine_args.build(Settings(**given), machine, weights, loras)


def test_a_gpu_serves_the_whole_context_and_a_cpu_never_splits_a_prefill(build, tmp_path):
    common = {
        "model": str(tmp_path),
        "served_model_name": "granite-3.3-8b-instruct",
        "quantization": None,
        "generation_config": "vllm",
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
        "max_num_seqs": 256,
    }
    assert build(GPU) == common | {"dtype": "bfloat16", "max_model_len": -1, "safetensors_load_strategy": "prefetch"}
    assert build(CPU) == common | {
        "dtype": "float32",
        "max_model_len": 8192,
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": 8192,
        "kv_cache_memory_bytes": 2 * 2**30,
        "enforce_eager": False,
        "worker_extension_cls": "granite.engine.worker.QuietWorker",
    }


TENSOR, DATA = {"tensor_parallel_size": 4}, {"data_parallel_size": 2}
LORA = {"enable_lora": True, "max_lora_rank": 64}
BOTH_APIS = {"cog_max_concurrency": 32, "openai_port": 8000, "openai_max_concurrency": 8}


@pytest.mark.parametrize(
    ("hardware", "loras", "settings", "changed"),
    [
        (dataclasses.replace(CPU, bfloat16=True), (), {}, {"dtype": "bfloat16"}),
        (dataclasses.replace(CPU, compiler=False), (), {}, {"enforce_eager": True}),
        (CPU, (), BOTH_APIS, {"max_num_seqs": 40}),
        (GPU, (), {"quantization": "fp8_per_channel"}, {"quantization": "fp8_per_channel"}),
        (GPU, (), {"engine_args": {"max_model_len": 4096, "seed": 1}}, {"max_model_len": 4096, "seed": 1}),
        # vLLM reads the size as that of each rank.
        (CPU, (), {"engine_args": TENSOR}, TENSOR | {"kv_cache_memory_bytes": 2**29, "enforce_eager": True}),
        (CPU, (), {"engine_args": DATA}, DATA | {"kv_cache_memory_bytes": 2**30, "enforce_eager": True}),
        (GPU, ADAPTERS, {}, LORA | {"max_loras": 8, "max_cpu_loras": 9}),
        # One slot stays empty: requests without an adapter get what the last one holds.
        (CPU, ADAPTERS, {}, LORA | {"max_loras": 10, "max_cpu_loras": 10, "enforce_eager": True}),
    ],
)
def test_what_the_machine_and_the_operator_change(build, hardware, loras, settings, changed):
    assert build(hardware, loras, **settings) == build(GPU if hardware.gpus else CPU) | changed


@pytest.mark.parametrize(
    ("hardware", "variables"),
    [
        (GPU, {"VLLM_WORKER_MULTIPROC_METHOD": "spawn", "VLLM_USE_FLASHINFER_SAMPLER": "0"}),
        (CPU, {"VLLM_CPU_OMP_THREADS_BIND": "0|1|1", "VLLM_USE_AOT_COMPILE": "0"}),
    ],
)
def test_the_environment_follows_the_hardware_unless_the_operator_has_set_it(hardware, variables):
    settings = Settings(engine_args={"tensor_parallel_size": 3})
    variables |= {"VLLM_NO_USAGE_STATS": "1", "VLLM_XGRAMMAR_CACHE_MB": "0", "VLLM_ENGINE_READY_TIMEOUT_S": "1800"}
    variables |= {name: str(cache.directory() / folder) for name, folder in engine_args.COMPILED.items()}
    path = {"PATH": f"/usr/bin:{sysconfig.get_path('scripts')}"}
    environ, operators = {"PATH": "/usr/bin"}, dict.fromkeys(variables, "the operator's") | path
    engine_args.set_environment(settings, hardware, environ)
    assert environ == variables | path
    engine_args.set_environment(settings, hardware, operators)
    assert operators == dict.fromkeys(variables, "the operator's") | path


def test_the_engine_may_take_as_long_as_cog_waits():
    environ = {"COG_SETUP_TIMEOUT": "900"}
    engine_args.set_environment(Settings(), CPU, environ)
    assert environ["VLLM_ENGINE_READY_TIMEOUT_S"] == "900"
