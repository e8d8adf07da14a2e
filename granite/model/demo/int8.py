"""W8A8: matrices in 8 bits, one scale per output row; activations are rounded to 8 bits per token while serving.

Format: compressed-tensors "int-quantized" (github.com/vllm-project/compressed-tensors), which vLLM and transformers read.
`NAME.weight` is int8 [out, in], `NAME.weight_scale` float32 [out, 1]; the matrix is their product.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 127

CONFIG: dict[str, Any] = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "quantization_status": "compressed",
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 8, "type": "int", "strategy": "channel", "symmetric": True, "dynamic": False},
            "input_activations": {
                "num_bits": 8,
                "type": "int",
                "strategy": "token",
                "symmetric": True,
                "dynamic": True,
            },
        }
    },
    # The scores' matrix stays as it is: its errors would reach every token directly.
    "ignore": ["lm_head"],
}


def quantise(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round [out, in] to int8 with a scale [out, 1] that puts each row's largest magnitude at 127."""
    scale = np.abs(matrix).max(axis=1, keepdims=True) / np.float32(LARGEST)
    scale[scale == 0] = 1  # a row of zeros
    return np.rint(matrix / scale).astype(np.int8), scale
