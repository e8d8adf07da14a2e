"""Silence one warning in vLLM's worker processes, which import this module as `worker_extension_cls`."""

import logging

# vLLM warns of each tensor of the float32 demo weights that it rounds to bfloat16.
logging.getLogger("vllm.model_executor.models.utils").setLevel(logging.ERROR)


class QuietWorker:
    """Mixed into vLLM's own worker; its module is what counts."""
