"""No accepted request ends V2's engine: the largest of each field is answered, one beyond it is a sentence."""

import dataclasses

import msgspec
import pytest

from granite.request.sampling import NOT_OFFERED
from tests.gpu_runner.limits import COMPLETIONS, NOT_ACCEPTED, OTHERS, RAW, WORKER
from tests.predictions import answer, error_of
from tests.samples import MODEL

FEW = {"prompt": RAW, "temperature": 0, "max_tokens": 2}
ROWS = [
    *(pytest.param(row, id=f"{row.name}-{number}") for number, row in enumerate(WORKER)),
    *(pytest.param(row, id=f"{row.name}-{number}", marks=pytest.mark.slow) for number, row in enumerate(OTHERS)),
]


def test_the_table_has_every_field_of_vllms():
    """A limit, or a reason why no request can set it."""
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    fields = [*msgspec.structs.fields(SamplingParams), *dataclasses.fields(StructuredOutputsParams)]
    limited = {row.name for row in (*WORKER, *OTHERS)} | COMPLETIONS.keys() - {"prompt"}
    assert {field.name for field in fields if not field.name.startswith("_")} == (
        limited | NOT_OFFERED.keys() | NOT_ACCEPTED
    )


def refusal(client, inputs):
    """Our sentence, or Cog's about its schema."""
    response = client.post("/predictions", json={"input": inputs})
    if response.status_code == 422:
        return response.json()["detail"][0]["msg"]
    return error_of(client, **inputs).partition(": ")[2]


def response(client, body, route="completions"):
    """The status and the error's sentence, if there is one."""
    sent = client.post(f"/v1/{route}", json={"model": MODEL, **body})
    return sent.status_code, sent.json().get("error", {}).get("message")


def assert_refused(error, sentence):
    """A sentence that ends with a colon or a space is the start of one whose rest is vLLM's or a count."""
    assert (error[: len(sentence)] if sentence.endswith(" ") else error) == sentence
    assert "\n" not in error


@pytest.mark.parametrize("limit", ROWS)
def test_the_largest_is_answered_and_one_beyond_is_a_sentence(v2, v2_http, limit):
    """At both APIs; the engine answers on."""
    answer(v2, **limit.cog(limit.most))
    route, body = limit.openai(limit.most)
    assert response(v2_http, body, route) == (200, None)
    assert_refused(refusal(v2, limit.cog(limit.beyond)), limit.schema or limit.sentence)
    route, body = limit.openai(limit.beyond)
    status, error = response(v2_http, body, route)
    assert status == 400
    assert_refused(error, limit.sentence)
    assert answer(v2, **FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPLETIONS)
def test_a_completion_has_its_own_limits(v2, v2_http, name):
    most, beyond, sentence = COMPLETIONS[name]
    assert response(v2_http, FEW | most) == (200, None)
    assert response(v2_http, FEW | beyond) == (400, sentence)
    assert answer(v2, **FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NOT_OFFERED, *NOT_ACCEPTED])
def test_a_field_that_no_request_can_set_is_refused_by_its_name(v2, v2_http, name):
    """`n` has a meaning at the OpenAI API."""
    error = refusal(v2, FEW | {"sampling_params": {name: "x"}})
    why = f" cannot set `{name}`: {NOT_OFFERED[name]}." if name in NOT_OFFERED else f" has an unknown field `{name}`; "
    assert error.startswith(f"`sampling_params`{why}")
    status, error = response(v2_http, FEW | {name: "x"})
    assert (status, error.startswith("n must be" if name == "n" else f"`{name}` is not supported on this route; ")) == (
        400,
        True,
    )
