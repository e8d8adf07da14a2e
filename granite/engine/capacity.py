"""What a started engine can hold, and how it computes: one line of the log, and what an operator should know of it.

Written against vLLM 0.32: its configuration, which it fills in as it starts.
"""

from dataclasses import dataclass
from typing import Any, Self

from vllm.config import VllmConfig, set_current_vllm_config
from vllm.v1.attention.selector import get_attn_backend

from granite.engine.memory import ANSWER
from granite.hardware import Hardware
from granite.settings import Settings


@dataclass(frozen=True)
class Capacity:
    context: int
    """Most tokens of a prompt and its answer together."""
    cache_tokens: int
    """Tokens whose keys and values fit into memory, of all replicas together."""
    attention: str
    """vLLM's name of the attention backend."""
    model_runner_v2: bool
    async_scheduling: bool

    @classmethod
    def of(cls, config: VllmConfig) -> Self:
        """`config`: of an engine that has started; its worker chose the attention backend in the same way."""
        model, cache = config.model_config, config.cache_config
        with set_current_vllm_config(config):
            attention = get_attn_backend(model.get_head_size(), model.dtype, cache.cache_dtype)  # type: ignore[arg-type]
        return cls(
            context=model.max_model_len,
            cache_tokens=(cache.num_gpu_blocks or 0) * cache.block_size,
            attention=attention.get_name(),
            model_runner_v2=config.use_v2_model_runner,
            async_scheduling=bool(config.scheduler_config.async_scheduling),
        )

    @property
    def answers(self) -> int:
        """How many requests of a typical length fit at once."""
        return self.cache_tokens // ANSWER

    def log(self, log: Any, settings: Settings, hardware: Hardware) -> None:
        log.info(
            "The engine is ready",
            card=f"{len(hardware.gpus)} x {hardware.gpus[0].name}" if hardware.gpus else "CPU",
            attention=self.attention,
            context=self.context,
            cache_tokens=self.cache_tokens,
            answers=f"{self.answers} of {ANSWER} tokens at once",
        )
        for warning in self.warnings(settings.slots, gpu=bool(hardware.gpus)):
            log.warning(warning)

    def warnings(self, slots: int, *, gpu: bool) -> list[str]:
        """`slots`: sequences that the server accepts at once."""
        found = []
        if slots > self.answers:
            found.append(
                f"The server accepts {slots} requests at once, but only {self.answers} of {ANSWER} tokens fit into the KV "
                "cache and others wait; lower COG_MAX_CONCURRENCY or OPENAI_MAX_CONCURRENCY to refuse them instead"
            )
        if gpu and not self.model_runner_v2:
            found.append(
                "This engine runs vLLM's model runner V1, which samples seeded requests one by one, and every request here "
                "has a seed; unset VLLM_USE_V2_MODEL_RUNNER, or remove from ENGINE_ARGS what V2 lacks (vLLM's log names it)"
            )
        if gpu and not self.async_scheduling:
            found.append(
                "This engine schedules each step only after the one before, so the GPU waits in between; n-gram and suffix "
                "speculation in ENGINE_ARGS cause it"
            )
        return found
