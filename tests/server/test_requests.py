"""The request files, one for each input, and what else a chat can be asked, through the real server and engine."""

import concurrent.futures
import json
from pathlib import Path

import httpx
import jsonschema
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.test_predict import DEADLINE, predicted

from granite.cli import contract, inputs

FILES = sorted(Path("tests/requests").glob("*.json"))
ANSWERED = [file for file in FILES if file.stem != "adapter"]  # its own test's server has adapters
ASK = [{"role": "user", "content": "What is the weather in Boston?"}]
GREEDY = {"temperature": 0, "max_tokens": 24}
WEATHER = json.loads(Path("tests/requests/tool_choice.json").read_text())["tools"]
SCHEMAS = {tool["function"]["name"]: tool["function"]["parameters"] for tool in WEATHER}
BOOK = json.loads(Path("tests/requests/response_format.json").read_text())["response_format"]
NAMED = {"type": "function", "function": {"name": "get_time"}}


@pytest.fixture(scope="module")
def client(server):
    with httpx.Client(base_url=server.url, timeout=DEADLINE) as client:
        yield client


def output(client, **asked):
    """The chunks of a prediction that succeeded."""
    prediction = predicted(client, **asked)
    assert prediction["status"] == "succeeded", prediction["error"]
    return prediction["output"]


def completion(client, **asked):
    """The one chat.completion: exactly one text, which holds one object."""
    (chunk,) = output(client, **asked)
    return ChatCompletion.model_validate_json(chunk, strict=True)


def chunks(client, **asked):
    """The chat.completion.chunk objects: each chunk is one, by itself."""
    return [
        ChatCompletionChunk.model_validate_json(chunk, strict=True) for chunk in output(client, stream=True, **asked)
    ]


def at_once(count, ask):
    """What `ask(seed)` gives for many seeds, asked beside each other."""
    with concurrent.futures.ThreadPoolExecutor(10) as threads:
        return list(threads.map(ask, range(count)))


def test_there_is_a_file_for_each_input():
    """It sets its input, and holds nothing that script/predict would refuse."""
    properties = contract.input_properties()
    assert {file.stem for file in FILES} == set(properties)
    for file in FILES:
        assert file.stem in inputs.read([], f"@{file}", properties)


@pytest.mark.parametrize("file", ANSWERED, ids=lambda file: file.stem)
def test_a_request_file_is_answered(client, file):
    """A prompt with text, a chat with objects; no special token in either."""
    asked = json.loads(file.read_text(encoding="utf-8"))
    sent = output(client, **{"seed": 0} | asked)
    if "messages" not in asked:
        assert all(sent)
        assert "<|" not in "".join(sent)
    elif asked.get("stream"):
        made = [ChatCompletionChunk.model_validate_json(chunk, strict=True) for chunk in sent]
        assert "<|" not in "".join(chunk.choices[0].delta.content or "" for chunk in made[:-1])
    else:
        (chunk,) = sent
        made = ChatCompletion.model_validate_json(chunk, strict=True)
        # The demo model may have nothing to say.
        assert made.choices[0].message.content is not None or made.choices[0].message.tool_calls
        assert "<|" not in (made.choices[0].message.content or "")


def test_a_chat_of_one_turn_is_answered_as_its_prompt_is(client):
    """The same prompt, the same greedy tokens; in one object, in chunks, and as text."""
    prompt = "What is the capital of France?"
    messages = [{"role": "user", "content": prompt}]
    text = "".join(output(client, prompt=prompt, **GREEDY))
    assert completion(client, messages=messages, **GREEDY).choices[0].message.content == text
    made = chunks(client, messages=messages, **GREEDY)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in made[:-1]) == text
    assert made[-2].choices[0].finish_reason == completion(client, messages=messages, **GREEDY).choices[0].finish_reason


@pytest.mark.parametrize("choice", ["required", NAMED, json.dumps(NAMED)], ids=["required", "named", "named as JSON"])
def test_forced_calls_fit_their_schema(client, choice):
    """20 of 20."""

    def ask(seed):
        return completion(client, messages=ASK, tools=WEATHER, tool_choice=choice, seed=seed)

    for made in at_once(20, ask):
        (choice_made,) = made.choices
        assert choice_made.finish_reason == "tool_calls"
        for call in choice_made.message.tool_calls:
            jsonschema.validate(json.loads(call.function.arguments), SCHEMAS[call.function.name])
            assert choice == "required" or call.function.name == "get_time"


def test_a_forced_call_streams_as_the_same_call(client):
    """In pieces that make up the arguments."""
    asked = {"messages": ASK, "tools": WEATHER, "tool_choice": NAMED, "temperature": 0}
    (whole,) = completion(client, **asked).choices[0].message.tool_calls
    made = chunks(client, **asked)
    pieces = [call for chunk in made[:-1] for call in chunk.choices[0].delta.tool_calls or []]
    assert pieces[0].function.name == whole.function.name
    assert "".join(piece.function.arguments or "" for piece in pieces) == whole.function.arguments
    assert made[-2].choices[0].finish_reason == "tool_calls"


def test_answers_fit_a_json_schema(client):
    """20 of 20, of a prompt and of a chat."""
    asked = {"response_format": BOOK, "max_tokens": 256}

    def ask(seed):
        if seed % 2:
            return "".join(output(client, prompt="Describe the book Moby Dick.", seed=seed, **asked))
        messages = [{"role": "user", "content": "Describe the book Moby Dick."}]
        return completion(client, messages=messages, seed=seed, **asked).choices[0].message.content

    for text in at_once(20, ask):
        jsonschema.validate(json.loads(text), BOOK["json_schema"]["schema"])


def test_a_schemas_properties_come_in_the_order_of_required(client):
    """Not sorted, as Cog passes them on."""
    schema = {
        "type": "object",
        "properties": {"b": {"type": "integer"}, "a": {"type": "integer"}},
        "required": ["b", "a"],
    }
    response_format = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    text = "".join(output(client, prompt="Two numbers, please.", response_format=response_format))
    assert list(json.loads(text)) == ["b", "a"]


def test_thoughts_come_before_a_response_that_fits_a_schema(client):
    """Guided decoding leaves the thoughts free and begins them."""
    messages = [{"role": "user", "content": "Describe the book Moby Dick."}]
    made = completion(client, messages=messages, thinking=True, response_format=BOOK, max_tokens=32, min_tokens=32)
    message = made.choices[0].message
    assert not message.content.startswith("<")
    assert message.model_extra["reasoning_content"]
    assert message.model_extra["reasoning"] == message.model_extra["reasoning_content"]


def test_log_probabilities(client):
    """One for each token, with the alternatives asked for; the greedy token is the likeliest."""
    made = completion(client, messages=ASK, logprobs=2, temperature=0, max_tokens=8)
    tokens = made.choices[0].logprobs.content
    assert len(tokens) == made.usage.completion_tokens == 8
    assert "".join(token.token for token in tokens) == made.choices[0].message.content
    for token in tokens:
        first, second = token.top_logprobs
        assert token.logprob == first.logprob >= second.logprob
        # In bfloat16 two tokens can be equally likely.
        assert token.token in (first.token, second.token)
    streamed = chunks(client, messages=ASK, logprobs=2, temperature=0, max_tokens=8)
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
def test_sampling_params_guide(client, params, texts):
    """By vLLM's own names."""
    assert "".join(output(client, prompt="What is granite?", sampling_params=params)) in texts


def test_sampling_params_sample(client):
    """A text's end can be ignored, a token forced by its bias, a word forbidden; no special token shows."""
    ask = {"prompt": "Say yes.", "temperature": 0, "max_tokens": 48}
    ended = predicted(client, sampling_params={"ignore_eos": True}, **ask)
    assert ended["metrics"]["output_token_count"] == 48
    assert "<|" not in "".join(ended["output"])
    biased = output(client, sampling_params={"logit_bias": {"28": 100}}, **ask | {"max_tokens": 3})
    assert len(set("".join(biased))) == 1
    plain = "".join(output(client, **ask))
    word = plain.split()[0]
    assert not "".join(output(client, sampling_params={"bad_words": [word]}, **ask)).startswith(word)


def test_an_answer_that_repeats_itself_ends(client):
    """vLLM's word for it is no finish reason of OpenAI's."""
    params = {"repetition_detection": {"max_pattern_size": 1, "min_count": 3}, "logit_bias": {"28": 100}}
    made = completion(client, messages=ASK, sampling_params=params, max_tokens=48)
    assert (made.choices[0].finish_reason, made.usage.completion_tokens) == ("stop", 3)


def test_the_logs_name_the_last_thing_that_the_user_said(client):
    """As a prompt would be."""
    messages = [{"role": "user", "content": "First."}, {"role": "assistant", "content": "Yes?"}, *ASK]
    logs = predicted(client, messages=messages, max_tokens=4)["logs"]
    assert logs.count("user_prompt=What is the weather in Boston?\n") == 6
    assert "user_prompt=First." not in logs


@pytest.mark.parametrize(
    ("asked", "sentences"),
    [
        ({"prompt": "Hi", "messages": ASK}, "Give either prompt or messages, not both."),
        (
            {"messages": [*ASK, {"role": "narrator", "content": "x"}], "tool_choice": "auto", "citations": True},
            "messages[1].role must be one of system, developer, user, assistant, tool, got narrator. "
            "tool_choice needs tools: give them, or leave it out. citations needs documents.",
        ),
        (
            {"messages": ASK, "tools": [{"type": "function", "function": {}}], "tool_choice": "sometimes"},
            "tools[0].function.name must be the function's name, got null. "
            "tool_choice must be auto, none, required or a named function such as "
            '{"type": "function", "function": {"name": "get_weather"}}, got sometimes.',
        ),
        (
            {"prompt": "x", "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "text"}}}},
            "response_format.json_schema.schema is not one that guided decoding can take: ",
        ),
        (
            {
                "prompt": "x",
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"schema": {"type": "array", "uniqueItems": True}},
                },
            },
            "response_format.json_schema.schema is not one that guided decoding can take: uniqueItems is not enforced.",
        ),
        ({"prompt": "x", "sampling_params": {"regex": "("}}, "sampling_params.regex is not one that guided decoding can take: "),
        ({"prompt": "x", "sampling_params": {"allowed_token_ids": [10**9]}}, "vLLM refuses the request: "),
        (
            {"prompt": "x", "sampling_params": {"repetition_detection": {"max_pattern_size": 2, "min_count": 0}}},
            "sampling_params.repetition_detection is refused: Input should be greater than or equal to 2.",
        ),
    ],
)  # fmt: skip
def test_a_wrong_request_is_its_sentences(client, asked, sentences):
    """All of them, in the order of the inputs; the engine stays as it was."""
    prediction = predicted(client, **asked)
    assert prediction["status"] == "failed"
    error = prediction["error"].partition(": InvalidInput: ")[2] or prediction["error"].partition(": RequestError: ")[2]
    assert error == sentences if sentences.endswith(".") else error.startswith(sentences)
    assert "\n" not in error
    assert client.get("/health-check").json()["status"] == "READY"
