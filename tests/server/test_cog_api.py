"""Requests through the real Cog server and the real engine on the demo weights."""

import concurrent.futures
import re
import threading
import time

import httpx
import pytest
from tokenizers import Tokenizer

from granite.hardware import Hardware
from granite.model import weights
from granite.settings import Settings
from tests.predictions import DEADLINE, answer, engine_is_idle, events, predicted
from tests.samples import GREEDY, PAGE

FRANCE = {"prompt": "What is the capital of France?", **GREEDY}


def test_the_model_pages_request_is_answered(cog):
    """Its eight inputs, nothing else."""
    prediction = predicted(cog, **PAGE["input"] | {"max_tokens": 32})
    assert prediction["status"] == "succeeded"
    assert all(isinstance(chunk, str) and chunk for chunk in prediction["output"])
    metrics = prediction["metrics"]
    formatted = re.search(r"formatted_prompt=(.*?) request_id=", prediction["logs"], re.DOTALL)[1]
    tokens = len(
        Tokenizer.from_file(f"{weights.find(Settings(), Hardware.detect(), print).directory}/tokenizer.json")
        .encode(formatted)
        .ids
    )
    assert metrics["input_token_count"] == metrics["token_input_count"] == tokens
    assert metrics["output_token_count"] == metrics["token_output_count"] == 32
    assert metrics["finish_reason"] == "length"
    assert metrics["time_to_first_token"] > 0
    assert metrics["tokens_per_second"] > 0


def masked(log):
    """A log with what differs between two runs of one request taken out, white space collapsed."""
    for pattern, mask in (
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
        (r"took [\d.]+s", "took SECONDS"),
        (r"request_id=\w+", "request_id=ID"),
        (r"seed=\d+", "seed=SEED"),
        (r"Today's Date: \w+ \d\d, \d{4}", "Today's Date: DATE"),
        (r"text=.*? user_prompt=", "text=TEXT user_prompt="),
        (r"finish_reason=\w+", "finish_reason=REASON"),
        (r" (watermarking|thinking_token_budget|structured_outputs|truncate_prompt_tokens|guided_decoding)=\w+,", ""),
        (r"\s+", " "),
    ):
        log = re.sub(pattern, mask, log, flags=re.DOTALL)
    return log.strip()


def test_the_log_is_the_model_pages(cog):
    """Line for line, but for the lines that vLLM and Cog wrote into the page's own."""
    page = re.sub(r"INFO \d\d-\d\d [\d:]+ \[async_llm.py.*?\n", "", PAGE["logs"])
    page = re.sub(r"/root/.*?warnings.warn\(\n", "", page, flags=re.DOTALL)
    log = predicted(cog, **PAGE["input"])["logs"]
    assert masked(log) == masked(page)


def test_the_first_chunk_comes_as_soon_as_the_first_token(cog):
    """Long before the last, chunk by chunk."""
    answer(cog, prompt="Warm up.", **GREEDY)
    outputs = [
        at
        for name, _, at in events(cog, {"prompt": "Count to fifty.", "max_tokens": 96, "min_tokens": 96})
        if name == "output"
    ]
    assert outputs[0] < outputs[-1] / 3


def test_the_stream_is_the_answer(cog):
    """The chunks of a stream concatenate to what the same request gives at once."""
    inputs = {"prompt": "What is the capital of France?", **GREEDY}
    streamed = "".join(data["chunk"] for name, data, _ in events(cog, inputs) if name == "output")
    assert streamed == answer(cog, **inputs)
    assert "Paris" in streamed


def test_the_same_seed_gives_the_same_answer(cog):
    """0 is a seed like any other, and another seed gives another answer."""
    inputs = {"prompt": "Invent a name for a horse.", "temperature": 1, "max_tokens": 24}
    first = answer(cog, seed=0, **inputs)
    assert answer(cog, seed=0, **inputs) == first
    assert answer(cog, seed=1, **inputs) != first


def test_sixteen_at_once_each_with_its_own_log_and_metrics(cog):
    """No line of one prediction in another's log."""
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        asked = [
            threads.submit(
                predicted, cog, prompt=f"Number {number}, please.", max_tokens=8 + number, min_tokens=8 + number
            )
            for number in range(16)
        ]
    for number, future in enumerate(asked):
        prediction = future.result()
        assert prediction["status"] == "succeeded"
        assert prediction["metrics"]["output_token_count"] == 8 + number
        lines = re.findall(
            r"\[\w+ *\] (predict\(\) \w+|Formatted|SamplingParams|result|Generation)", prediction["logs"]
        )
        assert lines == [
            "predict() commencing", "Formatted", "SamplingParams", "result", "Generation", "predict() complete",
        ]  # fmt: skip
        assert set(re.findall(r"user_prompt=(Number \d+)", prediction["logs"])) == {f"Number {number}"}


LONG = {"prompt": "Tell a very long story.", "max_tokens": 8000, "min_tokens": 8000}


def test_cancel_stops_the_engine(cog, server):
    """By the cancel endpoint: the prediction ends as canceled within a second, with its counts."""
    completed, canceled_at = None, None
    for name, data, _ in events(cog, LONG, id="to-cancel"):
        if name == "output" and canceled_at is None:
            assert cog.post("/predictions/to-cancel/cancel").status_code == 200
            canceled_at = time.monotonic()
        completed = data if name == "completed" else completed
    assert completed["status"] == "canceled"
    assert time.monotonic() - canceled_at < 10
    assert "predict() canceled" in completed["logs"]
    assert 0 < completed["metrics"]["output_token_count"] < 8000
    assert engine_is_idle(server)


def test_a_dropped_connection_stops_the_engine(cog, server):
    """As soon as Cog sees it."""
    for name, _, _ in events(cog, LONG):
        if name == "output":
            break
    assert engine_is_idle(server)


def test_no_chunk_splits_a_character(cog):
    """Emoji take several tokens each: some answers are cut inside one, and none shows half of it."""
    faces = "😀😃😄😁😆😅" * 4
    raw = f"<|start_of_role|>user<|end_of_role|>Repeat: {faces}<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>{faces}"
    texts = []
    for tokens in range(1, 9):
        prediction = predicted(cog, prompt=raw, temperature=0, max_tokens=tokens, min_tokens=tokens)
        assert prediction["metrics"]["output_token_count"] == tokens
        assert not any("\ufffd" in chunk for chunk in prediction["output"])
        texts.append("".join(prediction["output"]))
    assert any(ord(character) > 0x1F000 for character in texts[-1])
    assert len(set(texts)) < len(texts)


def test_no_special_token_appears(cog):
    """Whatever the model writes before its end."""
    text = answer(cog, prompt="Say hello.", temperature=0, max_tokens=64)
    assert "<|" not in text


def test_a_stop_text_neither_leaks_nor_takes_more_than_itself(cog):
    """The answer ends just before it, wherever its tokens split."""
    whole = answer(cog, prompt="What is the capital of France?", **GREEDY)
    stop = whole[len(whole) // 3 : len(whole) // 3 + 7]
    expected = whole[: whole.index(stop)]
    inputs = {"prompt": "What is the capital of France?", **GREEDY}
    assert answer(cog, **inputs, stop=[stop]) == expected
    assert answer(cog, **inputs, stop=["never in it", stop]) == expected
    assert answer(cog, **inputs, stop_sequences=f"never in it,{stop}") == expected
    streamed = "".join(data["chunk"] for name, data, _ in events(cog, inputs | {"stop": [stop]}) if name == "output")
    assert streamed == expected


def test_a_stop_text_that_never_comes_cuts_nothing(cog):
    """What was held back for it is sent at the end."""
    inputs = {"prompt": "What is the capital of France?", **GREEDY}
    assert answer(cog, **inputs, stop=["never in the answer"]) == answer(cog, **inputs)


def test_an_integer_that_arrives_as_a_float_is_an_integer(cog):
    """8.0 is 8."""
    prediction = predicted(cog, prompt="Count.", max_tokens=8.0, min_tokens=8.0, top_k=50.0, seed=0.0)
    assert prediction["metrics"]["output_token_count"] == 8
    assert "top_k=50, min_p=0.0, seed=0, " in prediction["logs"]


def test_what_the_schema_can_say_is_a_422_that_names_the_input(cog):
    """In Cog's wording."""
    response = cog.post("/predictions", json={"input": {"prompt": "x", "top_p": 1.7}})
    assert response.status_code == 422
    assert response.json()["detail"] == [
        {"loc": ["body", "input", "top_p"], "msg": "1.7 is greater than the maximum of 1", "type": "value_error"}
    ]


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ({"prompt": ""}, "InvalidInput: `prompt` is empty; give a text, or `messages`."),
        ({"prompt": "x", "top_p": 0}, "InvalidInput: top_p must be above 0 and at most 1, got 0."),
        ({"prompt": "x", "seed": 2**63}, "InvalidInput: seed must be from 0 to 2**63 - 1, got 9223372036854775808."),
        (
            {"prompt": "x", "stop": ["\0"]},
            "InvalidInput: `stop` contains an empty text or a NUL character; remove it.",
        ),
        (
            {"prompt": "x", "system_prompt": "Be brief.", "max_tokens": 8192},
            "PromptTooLong: The prompt has 18 tokens and max_tokens is 8192, together above the model's context of "
            "8192; shorten the prompt or lower max_tokens to 8174.",
        ),
        (
            {"prompt": "word " * 9000, "system_prompt": "Be brief."},
            "PromptTooLong: The prompt has 9018 tokens, but the model's context holds 8192, answer included; shorten the prompt.",
        ),
    ],
)
def test_a_callers_mistake_is_one_sentence(cog, inputs, error):
    """After Cog's prefix; no traceback, nothing generated."""
    prediction = predicted(cog, **inputs)
    assert prediction["status"] == "failed"
    assert prediction["error"] == f"Prediction failed: Async prediction failed: {error}"
    assert "output_token_count" not in prediction["metrics"]


def test_sixty_thousand_words_fail_at_once(cog):
    """Long prompts are counted before the engine is touched, and absurd ones are not even tokenised."""
    error = predicted(cog, prompt="perplexity " * 60_000)["error"]
    assert re.search(r"The prompt has (at least )?\d+ tokens, but the model's context holds 8192", error)
    error = predicted(cog, prompt="x" * 8_000_000)["error"]
    assert re.search(r"The prompt has at least \d+ tokens, but the model's context holds 8192", error)


def test_a_mistake_leaves_the_server_as_it_was(cog):
    """It is healthy, and answers the next request."""
    predicted(cog, prompt="x", top_p=0)
    assert cog.get("/health-check").json()["status"] == "READY"
    assert answer(cog, prompt="What is the capital of France?", **GREEDY)


def test_thirty_two_seeded_prompts_of_every_length_leave_the_engine_alive(cog):
    """A seeded request whose prefill is split would kill it: thousands of tokens prefill beside each other."""
    with concurrent.futures.ThreadPoolExecutor(32) as threads:
        asked = [
            threads.submit(predicted, cog, prompt="word " * (40 * number + 1), seed=number, max_tokens=4)
            for number in range(32)
        ]
    assert {future.result()["status"] for future in asked} == {"succeeded"}


def test_at_capacity_the_answer_is_409_at_once(cog, server):
    """No queue: a caller tries again."""
    full, done = threading.Barrier(33, timeout=DEADLINE), threading.Event()

    def occupy():
        with httpx.Client(base_url=cog.base_url, timeout=DEADLINE) as own:
            streamed = events(own, LONG)
            # Cog loses the cancel of a prediction that its worker has not begun, which the event "start" may precede.
            while not any(name == "output" for name, *_ in streamed):
                streamed = events(own, LONG)
            full.wait()
            done.wait(DEADLINE)
            streamed.close()

    with concurrent.futures.ThreadPoolExecutor(32) as threads:
        occupied = [threads.submit(occupy) for _ in range(32)]
        full.wait()
        response = cog.post("/predictions", json={"input": {"prompt": "x"}})
        done.set()
    [future.result() for future in occupied]
    assert response.status_code == 409
    assert engine_is_idle(server)
