"""The files of one checkpoint: config.json, generation_config.json, model.safetensors, the tokenizer's.

Format: Hugging Face's layout of GraniteForCausalLM (transformers, models/granite). A chat template is left out: the
project brings Granite's own.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from granite.model.demo import int8, source, tokenizer, vocabulary
from granite.model.demo.form import Form
from granite.model.demo.source import Array, Source
from granite.model.demo.vocabulary import END_OF_TEXT, Vocabulary


def fill(directory: Path, form: Form, report: Callable[[str], None]) -> None:
    """Write every file of the checkpoint into an empty directory. The same source gives the same bytes."""
    file = source.path()
    report(f"Reading SmolLM2-135M-Instruct from {file}.")
    model = Source.open(file)
    words = vocabulary.build(model.tokens)
    tensors = _tensors(model, words, form)
    size = sum(tensor.nbytes for tensor in tensors.values())
    report(f"Writing {size / 1e6:.0f} MB of {form} weights.")
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    # safetensors makes its files private; a server may run as another user than the one who made the weights.
    (directory / "model.safetensors").chmod(0o644)
    tokenizer.save(tokenizer.build(words.ids, model.merges), directory, model.context_length)
    _save(directory / "config.json", _config(model, words, form))
    end = words.ids[END_OF_TEXT]
    _save(directory / "generation_config.json", {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end})


def _tensors(model: Source, words: Vocabulary, form: Form) -> dict[str, Array]:
    tensors: dict[str, Array] = {}
    for name, values in model.tensors():
        if name == "model.embed_tokens.weight":
            tensors[name] = vocabulary.take(values, words.read)
            tensors["lm_head.weight"] = vocabulary.take(values, words.written)
        elif form is Form.INT8 and "_proj" in name:
            tensors[name], tensors[f"{name}_scale"] = int8.quantise(values)
        else:
            tensors[name] = values
    return tensors


def _config(model: Source, words: Vocabulary, form: Form) -> dict[str, Any]:
    end = words.ids[END_OF_TEXT]
    config = {
        "architectures": ["GraniteForCausalLM"],
        "model_type": "granite",
        "attention_bias": False,
        "attention_dropout": 0.0,
        # These four make Granite compute what Llama computes.
        "attention_multiplier": (model.hidden_size // model.heads) ** -0.5,
        "embedding_multiplier": 1.0,
        "logits_scaling": 1.0,
        "residual_multiplier": 1.0,
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
        "dtype": "float32",
        "hidden_act": "silu",
        "hidden_size": model.hidden_size,
        "initializer_range": 0.02,
        "intermediate_size": model.intermediate_size,
        "max_position_embeddings": model.context_length,
        "mlp_bias": False,
        "num_attention_heads": model.heads,
        "num_hidden_layers": model.layers,
        "num_key_value_heads": model.kv_heads,
        "rms_norm_eps": model.norm_eps,
        "rope_scaling": None,
        "rope_theta": model.rope_theta,
        "tie_word_embeddings": False,
        "use_cache": True,
        "vocab_size": vocabulary.PADDED,
    }
    return config | ({"quantization_config": int8.CONFIG} if form is Form.INT8 else {})


def _save(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
