"""The request files, one for each input, and what else a chat accepts, through the real server and engine."""

import dataclasses
import json

import jsonschema
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from granite.request.inputs import Inputs
from tests.predictions import at_once, chunks_of, error_of, predicted
from tests.samples import BOOK, BOSTON, FILES, GREEDY, NAMED, TOOL_SCHEMAS, TOOLS

ANSWERED = [name for name in FILES if name != "adapter"]  # its own test's server has adapters
SEEDS = {seed: seed for seed in range(20)}


def completion(cog, **request):
    """The one chat.completion: exactly one text, which holds one object."""
    (chunk,) = chunks_of(cog, **request)
    return ChatCompletion.model_validate_json(chunk, strict=True)


def chunks(cog, **request):
    """The chat.completion.chunk objects: each chunk is one, by itself."""
    return [
        ChatCompletionChunk.model_validate_json(chunk, strict=True) for chunk in chunks_of(cog, stream=True, **request)
    ]


def test_there_is_a_file_for_each_input():
    """It sets its input."""
    assert set(FILES) == {field.name for field in dataclasses.fields(Inputs)}
    assert [name for name, request in FILES.items() if name not in request] == []


@pytest.mark.parametrize("name", ANSWERED)
def test_a_request_file_is_answered(cog, name):
    """A prompt with text, a chat with objects; no special token in either."""
    request = FILES[name]
    chunks = chunks_of(cog, **{"seed": 0} | request)
    if "messages" not in request:
        assert all(chunks)
        assert "<|" not in "".join(chunks)
    elif request.get("stream"):
        objects = [ChatCompletionChunk.model_validate_json(chunk, strict=True) for chunk in chunks]
        assert "<|" not in "".join(chunk.choices[0].delta.content or "" for chunk in objects[:-1])
    else:
        (chunk,) = chunks
        message = ChatCompletion.model_validate_json(chunk, strict=True).choices[0].message
        # The demo model may have nothing to say.
        assert message.content is not None or message.tool_calls
        assert "<|" not in (message.content or "")


def test_a_chat_of_one_turn_is_answered_as_its_prompt_is(cog):
    """The same prompt, the same greedy tokens; in one object, in chunks, and as text."""
    prompt = "What is the capital of France?"
    messages = [{"role": "user", "content": prompt}]
    text = "".join(chunks_of(cog, prompt=prompt, **GREEDY))
    assert completion(cog, messages=messages, **GREEDY).choices[0].message.content == text
    made = chunks(cog, messages=messages, **GREEDY)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in made[:-1]) == text
    assert made[-2].choices[0].finish_reason == completion(cog, messages=messages, **GREEDY).choices[0].finish_reason


@pytest.mark.parametrize("choice", ["required", NAMED, json.dumps(NAMED)], ids=["required", "named", "named as JSON"])
def test_forced_calls_fit_their_schema(cog, choice):
    """20 of 20."""

    def send(seed):
        return completion(cog, messages=BOSTON, tools=TOOLS, tool_choice=choice, seed=seed)

    for made in at_once(SEEDS, send).values():
        (choice_made,) = made.choices
        assert choice_made.finish_reason == "tool_calls"
        for call in choice_made.message.tool_calls:
            jsonschema.validate(json.loads(call.function.arguments), TOOL_SCHEMAS[call.function.name])
            assert choice == "required" or call.function.name == "get_time"


def test_a_forced_call_streams_as_the_same_call(cog):
    """In pieces that make up the arguments."""
    request = {"messages": BOSTON, "tools": TOOLS, "tool_choice": NAMED, "temperature": 0}
    (whole,) = completion(cog, **request).choices[0].message.tool_calls
    made = chunks(cog, **request)
    pieces = [call for chunk in made[:-1] for call in chunk.choices[0].delta.tool_calls or []]
    assert pieces[0].function.name == whole.function.name
    assert "".join(piece.function.arguments or "" for piece in pieces) == whole.function.arguments
    assert made[-2].choices[0].finish_reason == "tool_calls"


def test_answers_fit_a_json_schema(cog):
    """20 of 20, of a prompt and of a chat."""
    request = {"response_format": BOOK, "max_tokens": 256}

    def send(seed):
        if seed % 2:
            return "".join(chunks_of(cog, prompt="Describe the book Moby Dick.", seed=seed, **request))
        messages = [{"role": "user", "content": "Describe the book Moby Dick."}]
        return completion(cog, messages=messages, seed=seed, **request).choices[0].message.content

    for text in at_once(SEEDS, send).values():
        jsonschema.validate(json.loads(text), BOOK["json_schema"]["schema"])


def test_a_schemas_properties_come_in_the_order_of_required(cog):
    """Not sorted, as Cog passes them on."""
    schema = {
        "type": "object",
        "properties": {"b": {"type": "integer"}, "a": {"type": "integer"}},
        "required": ["b", "a"],
    }
    response_format = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    text = "".join(chunks_of(cog, prompt="Two numbers, please.", response_format=response_format))
    assert list(json.loads(text)) == ["b", "a"]


def test_thoughts_come_before_a_response_that_fits_a_schema(cog):
    """Guided decoding leaves the thoughts free and begins them."""
    messages = [{"role": "user", "content": "Describe the book Moby Dick."}]
    made = completion(cog, messages=messages, thinking=True, response_format=BOOK, max_tokens=32, min_tokens=32)
    message = made.choices[0].message
    assert not message.content.startswith("<")
    assert message.model_extra["reasoning_content"]
    assert message.model_extra["reasoning"] == message.model_extra["reasoning_content"]


def test_log_probabilities(cog):
    """One for each token, with the requested alternatives; the greedy token is the likeliest."""
    made = completion(cog, messages=BOSTON, logprobs=2, temperature=0, max_tokens=8)
    tokens = made.choices[0].logprobs.content
    assert len(tokens) == made.usage.completion_tokens == 8
    assert "".join(token.token for token in tokens) == made.choices[0].message.content
    for token in tokens:
        first, second = token.top_logprobs
        assert token.logprob == first.logprob >= second.logprob
        # In bfloat16 two tokens can be equally likely.
        assert token.token in (first.token, second.token)
    streamed = chunks(cog, messages=BOSTON, logprobs=2, temperature=0, max_tokens=8)
    again = [
        token for chunk in streamed[:-1] if chunk.choices[0].logprobs for token in chunk.choices[0].logprobs.content
    ]
    assert [token.token for token in again] == [token.token for token in tokens]


@pytest.mark.parametrize(
    ("params", "texts"),
    [
        ({"choice": ["igneous", "sedimentary"]}, {"igneous", "sedimentary"}),
        ({"structured_outputs": {"grammar": 'root ::= "yes" | "no"'}}, {"yes", "no"}),
        ({"regex": "(stone|rock)s"}, {"stones", "rocks"}),
    ],
)
def test_sampling_params_guide(cog, params, texts):
    """By vLLM's own names."""
    assert "".join(chunks_of(cog, prompt="What is granite?", sampling_params=params)) in texts


def test_a_structural_tag_leaves_others_as_they_are(cog):
    """Even one that differs only in its token: xgrammar's cache would mix them up."""
    for token, text in ((28, ","), (29, "-"), (28, ",")):
        tag = {"type": "structural_tag", "format": {"type": "token", "token": token}}
        params = {"structural_tag": json.dumps(tag)}
        assert "".join(chunks_of(cog, prompt="x", sampling_params=params)) == text


def test_sampling_params_sample(cog):
    """A text's end can be ignored, a token forced by its bias, a word forbidden; no special token shows."""
    yes = {"prompt": "Say yes.", "temperature": 0, "max_tokens": 48}
    ended = predicted(cog, sampling_params={"ignore_eos": True}, **yes)
    assert ended["metrics"]["output_token_count"] == 48
    assert "<|" not in "".join(ended["output"])
    biased = chunks_of(cog, sampling_params={"logit_bias": {"28": 100}}, **yes | {"max_tokens": 3})
    assert len(set("".join(biased))) == 1
    plain = "".join(chunks_of(cog, **yes))
    word = plain.split()[0]
    assert not "".join(chunks_of(cog, sampling_params={"bad_words": [word]}, **yes)).startswith(word)


def test_an_answer_that_repeats_itself_ends(cog):
    """vLLM's word for it is no finish reason of OpenAI's."""
    params = {"repetition_detection": {"max_pattern_size": 1, "min_count": 3}, "logit_bias": {"28": 100}}
    made = completion(cog, messages=BOSTON, sampling_params=params, max_tokens=48)
    assert (made.choices[0].finish_reason, made.usage.completion_tokens) == ("stop", 3)


def test_the_logs_name_the_last_thing_that_the_user_said(cog):
    """As a prompt would be."""
    messages = [{"role": "user", "content": "First."}, {"role": "assistant", "content": "Yes?"}, *BOSTON]
    logs = predicted(cog, messages=messages, max_tokens=4)["logs"]
    assert logs.count("user_prompt=What is the weather in Boston?\n") == 6
    assert "user_prompt=First." not in logs


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ({"prompt": "Hi", "messages": BOSTON}, "InvalidInput: Give either prompt or messages, not both."),
        (
            {"messages": [{"role": "narrator", "content": "x"}], "tool_choice": "auto", "citations": True},
            "InvalidInput: `messages[0].role` must be",
        ),
        ({"prompt": "x", "sampling_params": {"regex": "("}}, "InvalidInput: `regex` cannot be enforced by guided decoding: "),
        (
            {"prompt": "x", "sampling_params": {"regex": "a$b"}},
            "InvalidInput: `regex` cannot be enforced by guided decoding: Regex parsing warning at position 2: '$' should be",
        ),
        (
            {"prompt": "x", "sampling_params": {"json": {"type": "string", "pattern": "a(?=b)"}}},
            "InvalidInput: `json` cannot be enforced by guided decoding: Lookahead assertion is not supported and is ignored",
        ),
        ({"prompt": "x", "sampling_params": {"allowed_token_ids": [10**9]}}, "InvalidInput: "),
        ({"prompt": "x", "sampling_params": {"bad_words": "x"}}, "InvalidInput: `bad_words` must be of type array | null, got str."),
        (
            {"prompt": "x", "sampling_params": {"repetition_detection": {"max_pattern_size": 2, "min_count": 0}}},
            "InvalidInput: min_count must be >= 2",
        ),
    ],
)  # fmt: skip
def test_a_wrong_request_is_the_first_faults_sentence(cog, inputs, error):
    """In the order of the inputs; the engine stays as it was."""
    sentence = error_of(cog, **inputs)
    assert sentence.startswith(error)
    assert "\n" not in sentence
    assert cog.get("/health-check").json()["status"] == "READY"
