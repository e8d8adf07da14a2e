"""Check LoRA adapters by vLLM's own rules, and load them. Written against vLLM 0.32."""

from collections.abc import Sequence

from vllm.config.lora import LoRAConfig
from vllm.lora.peft_helper import PEFTHelper
from vllm.lora.request import LoRARequest
from vllm.v1.engine.async_llm import AsyncLLM

from granite.engine import vllm_errors
from granite.errors import AdapterError
from granite.model.adapters import Adapter, max_lora_rank


def check(adapters: Sequence[Adapter]) -> None:
    """Raise AdapterError for the first adapter that vLLM refuses, before the model is loaded, which takes minutes."""
    for adapter in adapters:
        try:
            config = LoRAConfig(max_lora_rank=max_lora_rank([adapter]))  # type: ignore[arg-type]
            PEFTHelper.from_local_dir(str(adapter.path), max_position_embeddings=None).validate_legal(config)
        except Exception as error:  # a field of another type fails wherever PEFTHelper uses it
            raise _refusal(adapter, error) from error


async def load(llm: AsyncLLM, adapters: Sequence[Adapter]) -> dict[str, LoRARequest]:
    """Load every adapter: one that fails to load at a request ends the engine. Raises AdapterError."""
    loras = {}
    for adapter in adapters:
        loras[adapter.name] = LoRARequest(adapter.name, adapter.id, str(adapter.path))
        try:
            await llm.add_lora(loras[adapter.name])
        except Exception as error:  # an error of the engine's process arrives as a plain Exception
            llm.shutdown()
            raise _refusal(adapter, error) from error
    return loras


def _refusal(adapter: Adapter, error: Exception) -> AdapterError:
    reason = vllm_errors.for_operator(error).rstrip(".")
    return AdapterError(f"vLLM refuses the adapter {adapter.path}: {reason}; remove it, or train it without that.")
