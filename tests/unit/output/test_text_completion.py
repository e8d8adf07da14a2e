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
LOGPROBS = {
    "tokens": ["The", " sky", " is", "�", "�", "<|end_of_text|>"],
    "token_logprobs": [None, -2.0, -0.25, -1.0, -1.0, -3.0],
    # Of the halves of a character, the likeliest.
    "top_logprobs": [
        *(None, {"sea": -0.5, " sky": -2.0}, {" is": -0.25}, {"�": -0.75}, {"�": -1.0}),
        {"!": -0.125, "<|end_of_text|>": -3.0},
    ],
    "text_offset": [0, 3, 7, 10, 11, 12],
}


def answered(deltas=ANSWER, *, prompts=1, n=1, **given):
    """The choices of the chunks, those of the whole object, and the usage of both; all answers are equal."""
    answers = [Answer(prompt_tokens=2) for _ in range(prompts * n)]
    completion = TextCompletion(answers, "granite", "1234", n=n, **given)
    chunks = []
    for index, answer in enumerate(answers):
        for delta in deltas:
            answer.add(delta)
            chunks += completion.add(index, delta)
        chunks += completion.end(index)
    whole = completion.whole()
    if not given:  # the type has no null for a log probability
        Completion.model_validate(whole, strict=True)
    heads = [each | {"choices": [], "usage": None} for each in (*chunks, completion.usage_chunk())]
    assert heads == [whole | {"choices": [], "usage": None}] * len(heads)
    assert completion.usage_chunk()["usage"] == whole["usage"]
    return [chunk["choices"][0] for chunk in chunks], whole["choices"], [*whole["usage"].values()]


def choice(text, finish_reason=None, logprobs=None, index=0):
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish_reason}


def test_text():
    chunks = [choice(" is"), choice(""), choice("é"), choice("", "stop")]
    assert answered() == (chunks, [choice(" isé", "stop")], [2, 4, 6])


def test_echo_with_log_probabilities():
    """The prompt's tokens first, so that each is at its position, then all of the answer's, the last included."""
    chunks, whole, usage = answered(echo=["The sky"], logprobs=True)
    assert (whole, usage) == ([choice("The sky isé", "stop", LOGPROBS)], [2, 4, 6])
    assert [chunk["text"] for chunk in chunks] == ["The sky is", "", "é", ""]
    streamed = [chunk["logprobs"] for chunk in chunks[:-1]]
    assert {name: [value for each in streamed for value in each[name]] for name in LOGPROBS} == LOGPROBS


def test_echo_of_the_prompt_only():
    """max_tokens is 0; the engine generates a token all the same."""
    logprobs = {name: values[:2] for name, values in LOGPROBS.items()}
    chunks = [choice("The sky", None, logprobs), choice("", "length")]
    whole = [choice("The sky", "length", logprobs)]
    assert answered(ANSWER[:1], echo=["The sky"], logprobs=True, prompt_only=True) == (chunks, whole, [2, 0, 2])


def test_several_prompts_with_several_answers():
    """Each prompt counts once."""
    _, whole, usage = answered([Delta("!", 1, "length")], prompts=2, n=2, echo=["a", "a", "b", "b"])
    assert whole == [choice(text, "length", None, index) for index, text in enumerate(("a!", "a!", "b!", "b!"))]
    assert usage == [4, 4, 8]
