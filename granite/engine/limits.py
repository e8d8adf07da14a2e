"""The sizes that vLLM's model runner V2, the GPU's, takes for one request: beyond them it raises in the worker.

That ends the engine, and vLLM's front end does not check them. They hold on a CPU as well, so that a request is right or
wrong everywhere. Written against vLLM 0.32: v1/worker/gpu/sample/{logit_bias,bad_words}.py.
"""

from vllm import SamplingParams, envs
from vllm.v1.worker.gpu.sample import logit_bias

from granite.errors import InvalidInput


def check(params: SamplingParams) -> None:
    """`params`: verified, so that its bad words are tokenized. Raises InvalidInput."""
    stop_token_ids = params.all_stop_token_ids if params.min_tokens else ()
    bad_words = sum(map(len, params.bad_words_token_ids or ()))
    for name, size, most in (
        ("allowed_token_ids", len(params.allowed_token_ids or ()), logit_bias.MAX_NUM_ALLOWED_TOKEN_IDS),
        ("logit_bias", len(params.logit_bias or ()), logit_bias.MAX_NUM_LOGIT_BIAS_TOKENS),
        ("stop_token_ids", len(stop_token_ids), logit_bias.MAX_NUM_STOP_TOKEN_IDS),
        ("bad_words", bad_words, envs.VLLM_MAX_BAD_WORDS_TOTAL_TOKENS),
    ):
        if size > most:
            with_min_tokens = " when `min_tokens` is set" if name == "stop_token_ids" else ""
            raise InvalidInput(f"`{name}` has {size} tokens, but the engine takes {most}{with_min_tokens}; shorten it.")
