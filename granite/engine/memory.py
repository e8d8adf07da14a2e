"""What fits on a GPU and how fast it can be, by arithmetic from sizes alone. Standard library only: it plans for any machine.

vLLM measures the rest at start, and logs `GPU KV cache size: … tokens`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

GIB = 2**30

UTILIZATION = 0.92
"""Share of a GPU's memory that vLLM takes: its default `gpu_memory_utilization`. Written against vLLM 0.32."""

ALLOWANCE = 2 * GIB
"""For what vLLM measures at start on each GPU: activations, CUDA graphs, libraries.

A token's activations in the widest layer are 99 KiB (3 x 12,800 + 3 x 4,096 numbers of 2 bytes): 0.8 GiB for a batch of
8,192. Logits of 256 sequences in float32 and their copies take about 0.2 GiB, graphs and libraries about 1 GiB.
"""

ANSWER = 1000
"""Tokens of a typical request, prompt and answer together."""

WATERMARK = 0.05
"""Share of the cache that stays free when a request is admitted, for those that run to grow into."""


@dataclass(frozen=True)
class Model:
    """A Granite model's shape, by the names of its config.json."""

    layers: int
    heads: int
    kv_heads: int
    head_size: int
    hidden: int
    intermediate: int
    vocabulary: int
    """vLLM pads it to a multiple of 64, which adds 0.5 MB."""
    context: int
    fp8: bool = False
    """Whether the checkpoint's linear layers are in FP8 already."""

    @classmethod
    def read(cls, directory: Path) -> Self:
        """The model of a directory's config.json."""
        config = json.loads((directory / "config.json").read_bytes())
        return cls(
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            kv_heads=config["num_key_value_heads"],
            head_size=config["hidden_size"] // config["num_attention_heads"],
            hidden=config["hidden_size"],
            intermediate=config["intermediate_size"],
            vocabulary=config["vocab_size"],
            context=config["max_position_embeddings"],
            fp8="quantization_config" in config,
        )

    @property
    def linear(self) -> int:
        """Parameters of the linear layers, which FP8 stores in one byte each."""
        attention = 2 * self.hidden * (self.heads + self.kv_heads) * self.head_size
        return self.layers * (attention + 3 * self.hidden * self.intermediate)

    @property
    def parameters(self) -> int:
        """All of them: the embeddings, which are the output layer as well, and two norms in each layer and one at the end."""
        return self.linear + self.vocabulary * self.hidden + (2 * self.layers + 1) * self.hidden

    def weights(self, quantization: str | None = None) -> int:
        """Bytes. `quantization`: vLLM's name; fp8… stores the linear layers in FP8 (with 6 MB of scales, left out here)."""
        fp8 = self.fp8 or (quantization or "").startswith("fp8")
        return 2 * self.parameters - (self.linear if fp8 else 0)

    @property
    def kv_bytes(self) -> int:
        """Bytes of KV cache for one token, in bf16: a key and a value in each layer."""
        return 2 * self.layers * self.kv_heads * self.head_size * 2


GRANITE = Model(
    layers=40,
    heads=32,
    kv_heads=8,
    head_size=128,
    hidden=4096,
    intermediate=12800,
    vocabulary=49159,
    context=131072,
)
"""Granite 3.3 8B."""


@dataclass(frozen=True)
class Budget:
    """The memory around one copy of the model, in bytes; with several GPUs the copy is split (tensor parallel)."""

    memory: int
    """Of one GPU, as CUDA reports it."""
    quantization: str | None = None
    gpus: int = 1
    utilization: float = UTILIZATION
    fp8_cache: bool = False
    model: Model = GRANITE

    @property
    def usable(self) -> int:
        return int(self.gpus * self.memory * self.utilization)

    @property
    def weights(self) -> int:
        return self.model.weights(self.quantization)

    @property
    def cache(self) -> int:
        return max(0, self.usable - self.weights - self.gpus * ALLOWANCE)

    @property
    def token(self) -> int:
        """Of the cache, for one token."""
        return self.model.kv_bytes // (2 if self.fp8_cache else 1)

    @property
    def tokens(self) -> int:
        """Tokens whose keys and values fit into the cache."""
        return self.cache // self.token

    @property
    def context(self) -> int:
        """The longest request, in tokens of prompt and answer."""
        return min(self.tokens, self.model.context)

    def answers(self, context: int = ANSWER) -> int:
        """How many requests of this many tokens fit at once."""
        return self.tokens // context

    def sequences(self, slots: int) -> dict[str, float]:
        """Engine arguments that admit no more sequences than have room for a typical request; none if all slots have.

        More would be preempted and computed again. `slots`: requests that the server accepts at once.
        """
        fit = self.answers()
        return {"max_num_seqs": fit, "watermark": WATERMARK} if slots > fit else {}

    def rate(self, bandwidth: int, answers: int, context: int = ANSWER) -> float:
        """Tokens per second of all answers together, at most: each step reads the weights once and every answer's cache.

        `bandwidth`: bytes per second of one GPU.
        """
        return answers * self.gpus * bandwidth / (self.weights + answers * context * self.token)
