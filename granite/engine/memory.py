"""What fits on a GPU and how fast it can be, by arithmetic from sizes alone. Standard library only: it plans for any machine.

vLLM measures the rest at start, and logs `GPU KV cache size: … tokens`.
"""

from dataclasses import dataclass

from granite.errors import SettingsError

GIB = 2**30

UTILIZATION = 92
"""Per cent of a GPU's memory that vLLM takes: its default `gpu_memory_utilization`. Written against vLLM 0.32."""

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
        return 2 * self.parameters - (self.linear if _is_fp8(quantization) else 0)

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

    @property
    def usable(self) -> int:
        return self.gpus * self.memory * UTILIZATION // 100

    @property
    def weights(self) -> int:
        return GRANITE.weights(self.quantization)

    @property
    def cache(self) -> int:
        return max(0, self.usable - self.weights - self.gpus * ALLOWANCE)

    @property
    def tokens(self) -> int:
        """Tokens whose keys and values fit into the cache."""
        return self.cache // GRANITE.kv_bytes

    @property
    def context(self) -> int:
        """The longest request, in tokens of prompt and answer."""
        return min(self.tokens, GRANITE.context)

    def answers(self, context: int = ANSWER) -> int:
        """How many requests of this many tokens fit at once."""
        return self.tokens // context

    def rate(self, bandwidth: int, answers: int, context: int = ANSWER) -> float:
        """Tokens per second of all answers together, at most: each step reads the weights once and every answer's cache.

        `bandwidth`: bytes per second of one GPU.
        """
        return answers * self.gpus * bandwidth / (self.weights + answers * context * GRANITE.kv_bytes)


@dataclass(frozen=True)
class Profile:
    """Engine arguments for the memory there is."""

    tokens: int
    max_num_seqs: int
    watermark: float
    warning: str
    """Empty, or a sentence for the log."""


def profile(budget: Budget, slots: int) -> Profile:
    """Admit no more sequences than have room for a typical request: more would be preempted and computed again.

    `slots`: requests that the server accepts at once. Raises SettingsError if not even one has room.
    """
    fit = budget.answers()
    if not fit:
        raise SettingsError(
            f"{budget.gpus} x {budget.memory / GIB:.1f} GiB of GPU memory is too little: the weights take "
            f"{budget.weights / GIB:.1f} GiB, and {budget.tokens} tokens of KV cache fit beside them; "
            f"{'' if _is_fp8(budget.quantization) else 'set QUANTIZATION for FP8 weights, or '}use a larger GPU."
        )
    if slots <= fit:
        return Profile(budget.tokens, slots, 0.0, "")
    warning = (
        f"{slots} requests of {ANSWER:,} tokens need {slots * ANSWER:,} tokens of KV cache, and about {budget.tokens:,} "
        f"fit: {fit} run at once and the others wait; lower COG_MAX_CONCURRENCY to refuse them instead."
    )
    return Profile(budget.tokens, fit, WATERMARK, warning)


def _is_fp8(quantization: str | None) -> bool:
    return quantization is not None and quantization.startswith("fp8")
