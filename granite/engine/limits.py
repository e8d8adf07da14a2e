"""The sizes that vLLM's model runner V2, the GPU's, takes for one request: beyond them it raises in the worker.

That ends the engine, and vLLM's front end does not check them. They hold on a CPU as well, so that a request is right or
wrong everywhere. Written against vLLM 0.32: v1/worker/gpu/sample/{logit_bias,bad_words}.py.
"""

from collections.abc import Iterable

from vllm import SamplingParams, envs
from vllm.v1.worker.gpu.sample import logit_bias

from granite.errors import InvalidInput

MAX_PROMPT_LOGPROBS = 8192
"""Of one request: about a second on two cores."""


def check_vocabulary(name: str, token_ids: Iterable[int], size: int) -> None:
    """Raise InvalidInput for the first token id that the vocabulary does not have. `size`: its number of tokens."""
    for token_id in token_ids:
        if not 0 <= token_id < size:
            raise InvalidInput(f"`{name}` has the token id {token_id}, but they go from 0 to {size - 1}; remove it.")


def check_scored(tokens: int, alternatives: int) -> None:
    """Raise InvalidInput for more log probabilities of a prompt than vLLM may turn into texts, while all others wait."""
    if (count := tokens * (alternatives + 1)) > MAX_PROMPT_LOGPROBS:
        raise InvalidInput(
            f"The prompt's {tokens} tokens with {alternatives} alternatives each are {count} log probabilities, but the most "
            f"is {MAX_PROMPT_LOGPROBS}; shorten the prompt, or lower `logprobs`."
        )


def check(params: SamplingParams, *, forbids_calls: bool) -> None:
    """Raise InvalidInput. `params`: as the engine gets it. `forbids_calls`: whether one bias of it is ours."""
    stop_token_ids = params.all_stop_token_ids if params.min_tokens else ()
    bad_words = sum(map(len, params.bad_words_token_ids or ()))
    notes = {
        "stop_token_ids": " when `min_tokens` is set, the end of text included",
        "logit_bias": ", the one that `tool_choice` none adds included" if forbids_calls else "",
    }
    for name, size, most in (
        ("allowed_token_ids", len(params.allowed_token_ids or ()), logit_bias.MAX_NUM_ALLOWED_TOKEN_IDS),
        ("logit_bias", len(params.logit_bias or ()), logit_bias.MAX_NUM_LOGIT_BIAS_TOKENS),
        ("stop_token_ids", len(stop_token_ids), logit_bias.MAX_NUM_STOP_TOKEN_IDS),
        ("bad_words", bad_words, envs.VLLM_MAX_BAD_WORDS_TOTAL_TOKENS),
    ):
        if size > most:
            note = notes.get(name, "")
            raise InvalidInput(f"`{name}` has {size} tokens, but the engine takes {most}{note}; shorten it.")
