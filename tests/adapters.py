"""LoRA adapters for the demo model, in PEFT's format, without PEFT: random numbers that change its answers."""

import json

import numpy as np
from safetensors.numpy import load_file, save_file

from granite.model import demo

RANK, ALPHA = 8, 16
MODULES = {
    "self_attn.q_proj": (576, 576),
    "self_attn.v_proj": (576, 192),
    "mlp.gate_proj": (576, 1536),
    "mlp.down_proj": (1536, 576),
}
"""Each module's inputs and outputs: both kinds that vLLM merges, and one that it does not."""

SEEDS = {"haiku": 1, "legal": 2}
"""Of the adapters of the tests' server."""

PROMPT = (
    "<|start_of_role|>user<|end_of_role|>How is rain made?<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"
)


def write(directory, seed, *, size=0.04, layers=30, rank=RANK, modules=MODULES):
    """Write an adapter drawn from a seed. `size`: of the numbers in B; 0 changes nothing."""
    draw = np.random.default_rng(seed)
    tensors = {}
    for layer in range(layers):
        for module, (inputs, outputs) in modules.items():
            name = f"base_model.model.model.layers.{layer}.{module}"
            tensors[f"{name}.lora_A.weight"] = draw.normal(0, inputs**-0.5, (rank, inputs)).astype(np.float32)
            tensors[f"{name}.lora_B.weight"] = draw.normal(0, 1, (outputs, rank)).astype(np.float32) * np.float32(size)
    directory.mkdir(parents=True)
    save_file(tensors, directory / "adapter_model.safetensors")
    names = [module.rpartition(".")[2] for module in modules]
    edit(directory, peft_type="LORA", r=rank, lora_alpha=ALPHA, target_modules=names, bias="none")
    return directory


def edit(directory, **fields):
    """Set fields of an adapter's configuration."""
    file = directory / "adapter_config.json"
    config = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(config | fields))


def merged(model_directory, adapter=None):
    """transformers' own model, in float32, with W + (alpha / r)·B·A in place of W."""
    import torch  # takes seconds, and most tests only write adapters
    from transformers import GraniteForCausalLM

    model = GraniteForCausalLM.from_pretrained(model_directory, dtype=torch.float32).eval()
    if adapter is None:
        return model
    tensors = load_file(adapter / "adapter_model.safetensors")
    weights = model.state_dict()
    for name in tensors:
        if name.endswith(".lora_A.weight"):
            a, b = (torch.from_numpy(tensors[name.replace("lora_A", side)]) for side in ("lora_A", "lora_B"))
            weights[name.removeprefix("base_model.model.").replace(".lora_A", "")] += ALPHA / RANK * (b @ a)
    return model


def answers(directory, prompt, tokens):
    """transformers' greedy answers without an adapter, by None, and with each of SEEDS."""
    import torch
    from transformers import AutoTokenizer

    weights = demo.write(print)
    tokenizer = AutoTokenizer.from_pretrained(weights)
    ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids

    def greedy(adapter):
        with torch.inference_mode():
            generated = merged(weights, adapter).generate(ids, max_new_tokens=tokens, do_sample=False)
        return tokenizer.decode(generated[0, ids.shape[1] :], skip_special_tokens=True)

    return {None: greedy(None)} | {name: greedy(directory / name) for name in SEEDS}
