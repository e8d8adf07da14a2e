"""What each of vLLM's worker processes does before it loads the model."""

import logging

# The demo weights are float32, as their source: vLLM warns of each of their tensors that it rounds to bfloat16.
logging.getLogger("vllm.model_executor.models.utils").setLevel(logging.ERROR)


class Worker:
    """Mixed into vLLM's own worker, whose process imports this module for it (`worker_extension_cls`)."""
