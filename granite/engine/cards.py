"""NVIDIA's cards, and what vLLM 0.32 does on each. Standard library only."""

from dataclasses import dataclass

from granite.engine.memory import GIB
from granite.errors import InvalidInput, quote, suggestion

FP8 = PER_CHANNEL, PER_TENSOR = "fp8_per_channel", "fp8_per_tensor"
"""vLLM's quantizations to FP8 as the weights load. The first multiplies FP8 activations, which no GPU before 8.9 can."""

FP8_CACHE = (9, 0)
"""The lowest compute capability with which FlashAttention reads an FP8 KV cache; below, vLLM takes FlashInfer for it."""


@dataclass(frozen=True)
class Card:
    name: str
    memory: int
    """Bytes as CUDA reports them (`torch.cuda.mem_get_info`), which vLLM counts from; nvidia-smi shows 1 to 2 % more."""
    bandwidth: int
    """Bytes per second, by NVIDIA's data sheet."""
    capability: tuple[int, int]

    @property
    def attention(self) -> str:
        """The attention backend: vLLM's first choice (`platforms/cuda.py`), or ours."""
        return attention(self.capability) or "FLASH_ATTN"

    @property
    def batch_tokens(self) -> int:
        """vLLM's `max_num_batched_tokens` for a server (`EngineArgs.get_batch_defaults`)."""
        if self.memory >= 160 * GIB:
            return 16384
        return 8192 if self.memory >= 70 * GIB and not self.name.startswith("A100") else 2048

    @property
    def fp8(self) -> str:
        """The quantization to choose for FP8 weights."""
        return fp8(self.capability)

    @property
    def fp8_weights(self) -> str:
        """What that makes FP8."""
        if self.fp8 == PER_CHANNEL:
            return "weights and activations (W8A8)"
        return f"weights alone (Marlin); vLLM refuses {PER_CHANNEL} here"

    @property
    def fp8_cache(self) -> tuple[str, str]:
        """Whether to choose an FP8 KV cache, and why."""
        if self.capability[0] == 9:
            return "yes", 'kv_cache_dtype "fp8" in ENGINE_ARGS doubles the tokens of cache'
        if self.attention == "FLASH_ATTN":
            return "no", "FlashAttention cannot read one before Hopper"
        return "untried", f"{self.attention} accepts one; nobody has run it here"

    def check(self, quantization: str | None) -> None:
        """Raise InvalidInput for a quantization that vLLM refuses on this card, or that this arithmetic does not know."""
        if quantization not in (None, *FP8):
            fix = suggestion(quantization, FP8, f"use {' or '.join(FP8)}.")
            raise InvalidInput(f"--quantization {quote(quantization)} is not in this plan; {fix}")
        if quantization == PER_CHANNEL != self.fp8:
            raise InvalidInput(
                f"--quantization {PER_CHANNEL} needs compute capability 8.9, and an {self.name} has "
                f"{self.capability[0]}.{self.capability[1]}; use {self.fp8}."
            )


def attention(capability: tuple[int, int]) -> str | None:
    """The attention backend that we set. None: vLLM's first choice.

    On 10.x that is FlashInfer, which downloads and compiles kernels when the engine starts. Triton's are made as the model
    runner's own are, with what the image has.
    """
    return "TRITON_ATTN" if capability[0] == 10 else None


def fp8(capability: tuple[int, int]) -> str:
    """The quantization to choose for FP8 weights."""
    return PER_CHANNEL if capability >= (8, 9) else PER_TENSOR


def _card(name: str, gib: float, gigabytes_per_second: int, *capability: int) -> Card:
    major, minor = capability
    return Card(name, round(gib * GIB), gigabytes_per_second * 10**9, (major, minor))


# The memory is the "total capacity" in public out-of-memory messages of PyTorch; the driver moves it by up to 1 %.
CARDS = (
    _card("L4", 22.03, 300, 8, 9),  # L4 data sheet: 24 GB
    _card("4090", 23.52, 1008, 8, 9),  # GeForce RTX 4090 and Ada architecture white paper: 24 GB
    _card("A100-40", 39.39, 1555, 8, 0),  # A100 data sheet: 40 GB
    _card("A100-80", 79.25, 2039, 8, 0),  # A100 data sheet, SXM: 80 GB; the PCIe card has 1,935 GB/s
    _card("L40S", 44.42, 864, 8, 9),  # L40S data sheet: 48 GB
    _card("H100", 79.11, 3350, 9, 0),  # H100 data sheet, SXM: 80 GB; the PCIe card has 2,000 GB/s
    _card("H200", 139.80, 4800, 9, 0),  # H200 data sheet: 141 GB
    _card("B200", 178.35, 8000, 10, 0),  # HGX B200 data sheet: 180 GB; by its bus and clock it is 7,672 GB/s
)


def find(name: str) -> Card:
    """The card of this name. Raises InvalidInput."""
    cards = {card.name: card for card in CARDS}
    if name.upper() not in cards:
        fix = suggestion(name.upper(), cards, f"choose one of {', '.join(cards)}.")
        raise InvalidInput(f"There is no card {quote(name)}; {fix}")
    return cards[name.upper()]
