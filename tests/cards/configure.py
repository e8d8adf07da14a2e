"""Print what vLLM's CUDA build makes of our arguments on every card, as JSON. Run by the GPU lock's Python.

`configure.py MODEL SETTING …`: a setting is a variable as an operator sets it, such as `QUANTIZATION=fp8_per_tensor`;
`ADAPTERS=3` stands for three adapters. What a setting does not change is left out.
"""

import dataclasses
import json
import sys
from multiprocessing import get_context
from pathlib import Path

from granite.engine import engine_args
from granite.engine.cards import CARDS
from granite.model.adapters import Adapter
from granite.model.weights import Weights
from granite.settings import Settings
from tests.cards import fake_card
from tests.machines import GPU, gpus


def configure(card, model, settings):
    """The whole configuration without a setting, then what each one changes."""
    fake_card.install(card)
    hardware = dataclasses.replace(GPU, gpus=gpus(card, fake_card.GPUS))
    plain = resolve(hardware, model, "")
    table = {"": plain}
    for setting in settings:
        found = resolve(hardware, model, setting)
        changed = {key: value for key, value in found.items() if key not in plain or plain[key] != value}
        table |= {setting: changed} if changed else {}
    return table


def resolve(hardware, model, setting):
    """The configuration, or the error."""
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.usage.usage_lib import UsageContext

    variable, _, value = setting.partition("=")
    adapters = [Adapter(f"a{n}", n, Path("a"), 32) for n in range(int(value))] if variable == "ADAPTERS" else []
    given = Settings(**{variable.lower(): value} if setting and not adapters else {})
    try:
        arguments = engine_args.build(given, hardware, Weights(model), adapters)
        return describe(AsyncEngineArgs(**arguments).create_engine_config(UsageContext.OPENAI_API_SERVER))
    except Exception as error:
        return {"error": str(error)}


def describe(config):
    from vllm.config import set_current_vllm_config
    from vllm.v1.sample.ops.topk_topp_sampler import flashinfer_sampler_supported

    with set_current_vllm_config(config):
        attention, linear = attention_backend(config), linear_kernel(config)
    cache, compilation, scheduler = config.cache_config, config.compilation_config, config.scheduler_config
    lora, parallel, sizes = config.lora_config, config.parallel_config, compilation.cudagraph_capture_sizes
    return {
        "runner": "V2" if config.use_v2_model_runner else "V1",
        "attention": attention,
        "max_model_len": config.model_config.max_model_len,
        "max_num_batched_tokens": scheduler.max_num_batched_tokens,
        "max_num_seqs": scheduler.max_num_seqs,
        "watermark": scheduler.watermark,
        "async_scheduling": scheduler.async_scheduling,
        "graphs": f"{compilation.cudagraph_mode.name}, {len(sizes)} sizes up to {max(sizes, default=0)}",
        "fuse_allreduce_rms": compilation.pass_config.fuse_allreduce_rms,
        "gpu_memory_utilization": cache.gpu_memory_utilization,
        "kv_cache_dtype": cache.cache_dtype,
        "quantization": config.model_config.quantization,
        "linear": linear,
        "lora": lora and {key: getattr(lora, key) for key in ("max_loras", "max_cpu_loras", "max_lora_rank")},
        "tensor_parallel_size": parallel.tensor_parallel_size,
        "data_parallel_size": parallel.data_parallel_size,
        "flashinfer_sampler": flashinfer_sampler_supported(),
    }


def attention_backend(config):
    """Its name, and FlashAttention's version."""
    from vllm.v1.attention.backends.fa_utils import get_flash_attn_version
    from vllm.v1.attention.selector import get_attn_backend

    model, size = config.model_config, config.model_config.get_head_size()
    heads = model.get_num_attention_heads(config.parallel_config)
    name = get_attn_backend(size, model.dtype, config.cache_config.cache_dtype, num_heads=heads).get_name()
    return f"{name} {get_flash_attn_version(head_size=size)}" if name == "FLASH_ATTN" else name


def linear_kernel(config):
    """The class that multiplies by quantized weights, chosen as a layer is built; None for bf16."""
    if config.quant_config is None:
        return None
    from torch.nn import Module
    from vllm.model_executor import parameter
    from vllm.model_executor.layers.linear import QKVParallelLinear

    parameter.get_tensor_model_parallel_rank, parameter.get_tensor_model_parallel_world_size = (lambda: 0), (lambda: 1)
    name, width = "model.layers.0.self_attn.qkv_proj", config.model_config.get_hidden_size()
    method = config.quant_config.resolve_quant_method_cls(QKVParallelLinear, name)[-1]()
    arguments = {"input_size": width, "output_size": width, "params_dtype": config.model_config.dtype}
    method.create_weights(Module(), width, [width], **arguments, weight_loader=lambda *_: None)
    return type(method.fp8_linear).__name__


def main():
    model, *settings = sys.argv[1:]
    engine_args.set_environment(Settings(), GPU)
    fake_card.install(None)
    # Imported before the processes fork, which saves seconds for each. The rest asks for the card as it is imported.
    import vllm.engine.arg_utils
    import vllm.v1.attention.backends.flashinfer
    import vllm.v1.attention.selector  # noqa: F401

    work = [(card.name, Path(model), settings) for card in CARDS]
    with get_context("fork").Pool(1, maxtasksperchild=1) as pool:  # vLLM asks for the card once in a process
        tables = pool.starmap(configure, work, chunksize=1)
    lines = []
    for card, table in zip(CARDS, tables, strict=True):
        rows = ",\n".join(f"    {json.dumps(setting)}: {json.dumps(row)}" for setting, row in table.items())
        lines.append(f"  {json.dumps(card.name)}: {{\n{rows}\n  }}")
    print("{\n" + ",\n".join(lines) + "\n}")


if __name__ == "__main__":
    main()
