"""How many processes compute for one server: what ENGINE_ARGS asks for, and what cannot work. No vLLM here.

Tensor parallel: each rank holds a part of every layer, and all compute each token together. Data parallel: each rank
holds the whole model and answers requests of its own. A rank is one GPU, or on a CPU a process on cores of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from granite import hardware
from granite.errors import SettingsError
from granite.model.weights import Weights
from granite.settings import Settings

TENSOR, DATA, PIPELINE = "tensor_parallel_size", "data_parallel_size", "pipeline_parallel_size"

VOCABULARY_PADDING = 64
"""vLLM rounds the vocabulary up to a multiple of this many rows before it shares them out."""


@dataclass(frozen=True)
class Parallel:
    """vLLM's own names in short; `elsewhere`: ranks may run on other machines."""

    tensor: int
    data: int
    pipeline: int
    elsewhere: bool

    @classmethod
    def asked(cls, settings: Settings) -> Parallel:
        """Raises SettingsError for a size that is none."""
        given = settings.engine_args
        sizes = {name: given.get(name, 1) for name in (TENSOR, DATA, PIPELINE)}
        for name, size in sizes.items():
            if type(size) is not int or size < 1:
                raise SettingsError(_refused(name, size, "it must be a whole number of at least 1."))
        backends = (given.get("distributed_executor_backend"), given.get("data_parallel_backend"))
        elsewhere = "ray" in backends or given.get("nnodes", 1) != 1 or "data_parallel_size_local" in given
        return cls(sizes[TENSOR], sizes[DATA], sizes[PIPELINE], elsewhere)

    @property
    def ranks(self) -> int:
        return self.tensor * self.data * self.pipeline

    def check(self, settings: Settings, weights: Weights) -> None:
        """Raises SettingsError for what vLLM would find out minutes later, or only at a request."""
        model = json.loads((weights.directory / "config.json").read_bytes())
        if sentence := next(self._faults(settings, model), None):
            raise SettingsError(sentence)

    def _faults(self, settings: Settings, model: dict[str, Any]) -> Iterator[str]:
        if not hardware.has_gpu():
            if self.pipeline > 1:
                yield _refused(
                    PIPELINE, self.pipeline, f"on a CPU vLLM dies of it at the first request; set {TENSOR} or {DATA}."
                )
            for name in ("distributed_executor_backend", "data_parallel_backend"):
                if settings.engine_args.get(name) == "ray":
                    yield _refused(name, "ray", "vLLM does not support Ray on a CPU; leave it out.")
        elif not self.elsewhere and (gpus := hardware.gpus()) is not None and self.ranks > gpus:
            yield (
                f"ENGINE_ARGS asks for {self.ranks} ranks ({TENSOR} {self.tensor} x {DATA} {self.data} x {PIPELINE} "
                f"{self.pipeline}), a GPU each, and this server has {gpus}: lower a size, or give it more GPUs."
            )
        vocabulary = -(-model.get("vocab_size", 0) // VOCABULARY_PADDING) * VOCABULARY_PADDING
        for what, count in (
            ("attention heads", model.get("num_attention_heads", 0)),
            ("rows of the padded vocabulary", vocabulary),
        ):
            if count % self.tensor:
                yield _refused(TENSOR, self.tensor, f"it must divide the model's {count} {what}.")


def core_groups(cores: list[int], ranks: int) -> list[list[int]]:
    """The cores of each rank, as evenly as it goes; with fewer cores than ranks some share one."""
    ends = [-(-(rank + 1) * len(cores) // ranks) for rank in range(ranks)]
    return [cores[min(begin, end - 1) : end] for begin, end in zip([0, *ends], ends, strict=False)]


def _refused(name: str, value: Any, why: str) -> str:
    return f"ENGINE_ARGS={json.dumps({name: value})} is refused: {why}"
