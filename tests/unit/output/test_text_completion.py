"""The answers of /v1/completions as OpenAI's objects, checked by the types of the `openai` package."""

from openai.types import Completion

from granite.output.answer import Answer, Delta
from granite.output.text_completion import TextCompletion


def logprob(token, value, **top):
    entries = [{"token": name, "logprob": number, "bytes": []} for name, number in top.items()]
    return {"token": token, "logprob": value, "bytes": [], "top_logprobs": entries}


PROMPT = (logprob("The", None), logprob(" sky", -2.0, sea=-0.5))
ANSWER = (
    Delta(" is", 1, None, (logprob(" is", -0.25, **{" is": -0.25}),), PROMPT),
    Delta("", 1, None, (logprob("�", -1.0, **{"�": -0.75}),)),
    Delta("é", 2, "stop", (logprob("�", -1.0), logprob("<|end_of_text|>", -3.0, **{"!": -0.125}))),
)
USAGE = {"prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6}


def answered(deltas=ANSWER, **given):
    """The choices of the chunks, the choice of the whole object, and the usage of both."""
    answer = Answer(prompt_tokens=2)
    completion = TextCompletion([answer], "granite", "1234", **given)
    chunks = []
    for delta in deltas:
        answer.add(delta)
        chunks += completion.add(0, delta)
    chunks += completion.end(0)
    whole = completion.whole()
    if not given:  # the type has no null for a log probability
        Completion.model_validate(whole, strict=True)
    heads = [each | {"choices": [], "usage": None} for each in (*chunks, completion.usage_chunk())]
    assert heads == [whole | {"choices": [], "usage": None}] * len(heads)
    assert completion.usage_chunk()["usage"] == whole["usage"]
    return [chunk["choices"][0] for chunk in chunks], whole["choices"][0], whole["usage"]


def choice(text, finish_reason=None, logprobs=None):
    return {"index": 0, "text": text, "logprobs": logprobs, "finish_reason": finish_reason}


def test_text():
    chunks, whole, usage = answered()
    assert chunks == [choice(" is"), choice(""), choice("é"), choice("", "stop")]
    assert whole == choice(" isé", "stop")
    assert usage == USAGE


PROMPT_LOGPROBS = {
    "tokens": ["The", " sky"],
    "token_logprobs": [None, -2.0],
    "top_logprobs": [None, {"sea": -0.5, " sky": -2.0}],
    "text_offset": [0, 3],
}
ANSWER_LOGPROBS = {
    "tokens": [" is", "�", "�", "<|end_of_text|>"],
    "token_logprobs": [-0.25, -1.0, -1.0, -3.0],
    # Of the halves of a character, the likeliest.
    "top_logprobs": [{" is": -0.25}, {"�": -0.75}, {"�": -1.0}, {"!": -0.125, "<|end_of_text|>": -3.0}],
    "text_offset": [7, 10, 11, 12],
}


def test_echo_with_log_probabilities():
    """The prompt's tokens first, so that each is at its position, then all of the answer's, the last included."""
    chunks, whole, usage = answered(echo=["The sky"], logprobs=True)
    both = {name: PROMPT_LOGPROBS[name] + ANSWER_LOGPROBS[name] for name in PROMPT_LOGPROBS}
    assert whole == choice("The sky isé", "stop", both)
    assert usage == USAGE
    assert [chunk["text"] for chunk in chunks] == ["The sky is", "", "é", ""]
    streamed = [chunk["logprobs"] for chunk in chunks[:-1]]
    assert {name: [value for each in streamed for value in each[name]] for name in both} == both


def test_echo_of_the_prompt_only():
    """max_tokens is 0; the engine generates a token all the same."""
    chunks, whole, usage = answered(ANSWER[:1], echo=["The sky"], logprobs=True, prompt_only=True)
    assert whole == choice("The sky", "length", PROMPT_LOGPROBS)
    assert chunks == [choice("The sky", None, PROMPT_LOGPROBS), choice("", "length")]
    assert usage == {"prompt_tokens": 2, "completion_tokens": 0, "total_tokens": 2}


def test_several_prompts_with_several_answers():
    """Each prompt counts once."""
    answers = [Answer(prompt_tokens=tokens, tokens=1) for tokens in (2, 2, 5, 5)]
    completion = TextCompletion(answers, "granite", "1234", n=2, echo=["a", "a", "b", "b"])
    assert completion.usage_chunk()["usage"] == {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}
    assert [(each["index"], each["text"]) for each in completion.whole()["choices"]] == [*enumerate("aabb")]
