"""vLLM's own rules for a LoRA adapter's configuration, applied before the model is loaded, which takes minutes.

Written against vLLM 0.32, whose workers apply the same rules when they load the adapter.
"""

from __future__ import annotations

from collections.abc import Sequence

from vllm.config.lora import LoRAConfig
from vllm.lora.peft_helper import PEFTHelper

from granite.engine import vllm_errors
from granite.errors import AdapterError
from granite.model.adapters import Adapter, max_lora_rank


def check(adapters: Sequence[Adapter]) -> None:
    """Raise AdapterError for the first adapter that vLLM refuses."""
    for adapter in adapters:
        try:
            config = LoRAConfig(max_lora_rank=max_lora_rank([adapter]))  # type: ignore[arg-type]
            PEFTHelper.from_local_dir(str(adapter.path), max_position_embeddings=None).validate_legal(config)
        except Exception as error:  # a field of another type fails wherever PEFTHelper uses it
            reason = vllm_errors.for_operator(error).rstrip(".")
            raise AdapterError(
                f"vLLM refuses the adapter {adapter.path}: {reason}; remove it, or train it without that."
            ) from error
