"""The files of the demo checkpoint: config.json, model.safetensors and the tokenizer's.

Format: Hugging Face's layout of GraniteForCausalLM (transformers, models/granite), without a chat template: this project
has its own.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from granite.model.demo import source, tokenizer, vocabulary
from granite.model.demo.source import Source
from granite.model.demo.vocabulary import END_OF_TEXT, Vocabulary


def write(directory: Path, report: Callable[[str], None]) -> None:
    """Fill an empty directory."""
    file = source.path()
    report(f"Reading SmolLM2-135M-Instruct from {file}.")
    model = Source(file)
    words = vocabulary.build(model["tokenizer.ggml.tokens"])
    tensors = model.tensors()
    rows = tensors["model.embed_tokens.weight"]
    tensors["model.embed_tokens.weight"] = vocabulary.take(rows, words.read)
    tensors["lm_head.weight"] = vocabulary.take(rows, words.written)
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    # safetensors makes its files private, but the server may run as another user than this process.
    (directory / "model.safetensors").chmod(0o644)
    (directory / "config.json").write_text(json.dumps(_config(model, words), indent=2) + "\n")
    tokenizer.save(words.ids, model["tokenizer.ggml.merges"], directory)


def _config(model: Source, words: Vocabulary) -> dict[str, Any]:
    return {
        "architectures": ["GraniteForCausalLM"],
        "model_type": "granite",
        # These four make Granite compute what Llama computes.
        "attention_multiplier": (model["llama.embedding_length"] // model["llama.attention.head_count"]) ** -0.5,
        "embedding_multiplier": 1.0,
        "logits_scaling": 1.0,
        "residual_multiplier": 1.0,
        **dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), words.ids[END_OF_TEXT]),
        "dtype": "float32",
        "hidden_size": model["llama.embedding_length"],
        "intermediate_size": model["llama.feed_forward_length"],
        "max_position_embeddings": model["llama.context_length"],
        "num_attention_heads": model["llama.attention.head_count"],
        "num_hidden_layers": model["llama.block_count"],
        "num_key_value_heads": model["llama.attention.head_count_kv"],
        # GGUF stores float32: its shortest decimal form is the 1e-05 that was meant.
        "rms_norm_eps": float(f"{model['llama.attention.layer_norm_rms_epsilon']:.7g}"),
        "rope_theta": model["llama.rope.freq_base"],
        "tie_word_embeddings": False,
        "vocab_size": vocabulary.PADDED,
    }
