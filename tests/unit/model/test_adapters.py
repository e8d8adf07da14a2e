"""LoRA adapters: which are refused at start, and what a server with some answers, beside their sum with the weights."""

import concurrent.futures
import json
import shutil
from pathlib import Path

import httpx
import openai
import pytest
import torch
from tests.test_predict import DEADLINE, answer, predicted
from transformers import AutoTokenizer

from granite.errors import OperatorError
from granite.model import adapters, demo
from granite.model.adapters import Adapter
from granite.model.demo import Form
from granite.model.weights import Weights
from granite.request import lora
from granite.settings import Settings
from tests.adapters import SEEDS, merged, write
from tests.asked import passed, refused

PROMPT = (
    "<|start_of_role|>user<|end_of_role|>How is rain made?<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"
)
GREEDY = {"prompt": PROMPT, "temperature": 0, "max_tokens": 24}


@pytest.fixture(scope="module")
def weights():
    """Every value as the source has it: beside int8's rounding an adapter's sum would not show."""
    return Weights(demo.write(form=Form.EXACT), "granite-demo")


@pytest.fixture
def found(tmp_path, weights):
    """Find the adapters of a directory, under some settings."""
    return lambda **settings: adapters.find(Settings(adapters=tmp_path, **settings), weights)


def edit(directory, **config):
    """Lay fields over an adapter's configuration."""
    file = directory / adapters.CONFIG
    file.write_text(json.dumps(json.loads(file.read_text()) | config))


def test_each_subdirectory_is_an_adapter(tmp_path, found):
    """In the order of their names; files and a tool's hidden directories are none."""
    (tmp_path / ".cache").mkdir()
    (tmp_path / "README.md").touch()
    legal, haiku = write(tmp_path / "legal", 1, layers=1, rank=9), write(tmp_path / "haiku", 1, layers=1)
    assert found() == (Adapter("haiku", 1, haiku, 8), Adapter("legal", 2, legal, 9))
    edit(tmp_path / "haiku", rank_pattern={"q_proj": 33})
    assert adapters.room(found()) == 64


def test_without_the_setting_there_are_none(weights):
    """And nothing is looked at."""
    assert adapters.find(Settings(), weights) == ()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (shutil.rmtree, "ADAPTERS={root} is refused: not a directory. Name one that holds LoRA adapters."),
        (
            lambda root: shutil.rmtree(root / "haiku"),
            "ADAPTERS={root} is refused: no adapter is in it. Give each LoRA adapter a subdirectory of its own, or leave "
            "ADAPTERS unset.",
        ),
        (
            lambda root: (root / "haiku" / adapters.CONFIG).unlink(),
            "{root}/haiku/adapter_config.json is missing; "
            "copy the adapter into {root}/haiku again, or remove that directory.",
        ),
        (
            lambda root: (root / "haiku" / adapters.CONFIG).write_text("{"),
            "{root}/haiku/adapter_config.json is not valid JSON, probably cut off; "
            "copy the adapter into {root}/haiku again, or remove that directory.",
        ),
        (
            lambda root: (root / "haiku" / adapters.TENSORS).unlink(),
            "{root}/haiku/adapter_model.safetensors is missing; "
            "copy the adapter into {root}/haiku again, or remove that directory.",
        ),
        (
            lambda root: edit(root / "haiku", peft_type="IA3"),
            "{root}/haiku/adapter_config.json has peft_type IA3, but vLLM loads LORA alone; "
            "copy the adapter into {root}/haiku again, or remove that directory.",
        ),
        (
            lambda root: edit(root / "haiku", alora_invocation_tokens=[49152]),
            "{root}/haiku/adapter_config.json sets alora_invocation_tokens, which vLLM does not apply; "
            "train it without, or remove {root}/haiku.",
        ),
        (
            lambda root: edit(root / "haiku", rank_pattern={"q_proj": 513}),
            "{root}/haiku/adapter_config.json has the rank 513, but vLLM takes whole ranks from 1 to 512; "
            "remove {root}/haiku, or train the adapter anew.",
        ),
        (
            lambda root: edit(root / "haiku", r=None),
            "{root}/haiku/adapter_config.json has the rank None, but vLLM takes whole ranks from 1 to 512; "
            "remove {root}/haiku, or train the adapter anew.",
        ),
        (
            lambda root: (root / "haiku").rename(root / "granite-demo"),
            "{root}/granite-demo has the name that the model itself is served by; rename the directory.",
        ),
        (
            lambda root: write(root / "more", 1, layers=31),
            "{root}/more/adapter_model.safetensors changes model.layers.30.mlp.down_proj, which the model does not have; "
            "give the adapter that was trained for this model, or remove {root}/more.",
        ),
        (
            lambda root: write(root / "less", 1, layers=1, modules={"mlp.down_proj": (1024, 576)}),
            "{root}/less/adapter_model.safetensors changes model.layers.0.mlp.down_proj by a factor A of [8, 1024], "
            "but the model's is [576, 1536]; "
            "give the adapter that was trained for this model, or remove {root}/less.",
        ),
        (
            lambda root: write(root / "none", 1, layers=0),
            "{root}/none/adapter_model.safetensors holds no factor of a LoRA; "
            "give the adapter that was trained for this model, or remove {root}/none.",
        ),
    ],
)
def test_what_is_no_adapter_is_one_sentence(tmp_path, weights, spoil, sentence):
    """With its path and the cure, before vLLM is imported."""
    root = tmp_path / "adapters"
    write(root / "haiku", 1, layers=1)
    spoil(root)
    with pytest.raises(OperatorError) as caught:
        adapters.find(Settings(adapters=root), weights)
    assert str(caught.value) == sentence.format(root=root)


def test_a_name_of_the_operators_for_the_model_is_no_adapters(tmp_path, found):
    """Also one of several."""
    write(tmp_path / "haiku", 1, layers=1)
    with pytest.raises(OperatorError, match=r"/haiku has the name that the model itself is served by"):
        found(engine_args={"served_model_name": ["granite", "haiku"]})


def test_an_unknown_name_is_one_sentence():
    """It names the known ones, and never a text."""

    def check(faults, inputs, known=("haiku", "legal")):
        return lora.checked(faults, inputs, known)

    assert passed(check) is None
    assert passed(check, adapter="legal") == "legal"
    assert refused(check, adapter="haikus") == "adapter must be one of haiku, legal, got haikus."
    assert refused(check, adapter="a\nb") == "adapter must be one of haiku, legal, got a text of 3 characters."


@pytest.fixture(scope="module")
def client(operated):
    with httpx.Client(base_url=operated.url, timeout=DEADLINE) as client:
        yield client


@pytest.fixture(scope="module")
def expected(weights, lora_directory):
    """What transformers answers with each adapter added to the weights."""
    tokenizer = AutoTokenizer.from_pretrained(weights.directory)
    ids = tokenizer(PROMPT, return_tensors="pt", add_special_tokens=False).input_ids

    def greedy(adapter):
        with torch.inference_mode():
            made = merged(weights.directory, adapter).generate(ids, max_new_tokens=24, do_sample=False)
        return tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True)

    return {None: greedy(None)} | {name: greedy(lora_directory / name) for name in SEEDS}


def asked(client, name):
    return answer(client, **GREEDY, **({} if name is None else {"adapter": name}))


def test_an_adapter_answers_as_its_sum_with_the_weights(client, expected):
    """As transformers does; without one, or with one that changes nothing, the model is as it was."""
    assert {name: asked(client, name) for name in expected} == expected
    assert len(set(expected.values())) == 3
    assert asked(client, "idle") == expected[None]


def test_requests_in_one_batch_have_an_adapter_each(client, expected):
    """Nor what another left in the cache of prefixes. vLLM on a CPU gives those without one what its last place holds."""
    names = [*expected] * 4
    with concurrent.futures.ThreadPoolExecutor(len(names)) as threads:
        assert list(threads.map(lambda name: asked(client, name), names)) == [expected[name] for name in names]


def test_the_request_file_is_answered_and_logs_what_any_other_does(client):
    """Six lines, none of them vLLM's."""
    prediction = predicted(client, **json.loads(Path("tests/requests/adapter.json").read_text()))
    assert prediction["status"] == "succeeded", prediction["error"]
    assert [json.loads(line)["event"][:9] for line in prediction["logs"].splitlines()] == [
        "predict()", "Formatted", "SamplingP", "result", "Generatio", "predict()",
    ]  # fmt: skip
    assert "lora" not in prediction["logs"].lower()


@pytest.mark.parametrize(("given", "model"), [({}, "granite-demo"), ({"adapter": "legal"}, "legal")])
def test_a_chats_model_is_the_adapter(client, given, model):
    """As vLLM's own server has it."""
    messages = [{"role": "user", "content": "How is rain made?"}]
    prediction = predicted(client, messages=messages, max_tokens=4, **given)
    assert json.loads("".join(prediction["output"]))["model"] == model


def test_the_second_door_chooses_an_adapter_by_the_models_name(client, expected, operated):
    """It is listed there, below the model that it changes; the answer is that of Cog's door."""
    door = openai.OpenAI(
        base_url=f"http://127.0.0.1:{operated.variables['OPENAI_PORT']}/v1",
        api_key="-",
        max_retries=0,
        timeout=DEADLINE,
    )
    listed = {model.id: model.parent for model in door.models.list().data}
    assert listed == {"granite-demo": None, "haiku": "granite-demo", "idle": "granite-demo", "legal": "granite-demo"}
    told = {name: door.completions.create(model=name or "granite-demo", **GREEDY).choices[0].text for name in expected}
    assert told == expected
    with pytest.raises(openai.NotFoundError, match="`haikus` does not exist"):
        door.completions.create(model="haikus", **GREEDY)


def test_the_server_names_its_adapters(client):
    """Not the text of a name that is none."""
    prediction = predicted(client, **GREEDY | {"adapter": "haikus"})
    assert prediction["status"] == "failed"
    assert prediction["error"].endswith(": InvalidInput: adapter must be one of haiku, idle, legal, got haikus.")


def test_a_server_without_adapters_says_so(server):
    """In place of a list."""
    with httpx.Client(base_url=server.url, timeout=DEADLINE) as client:
        prediction = predicted(client, prompt="x", adapter="haiku")
    assert prediction["error"].endswith(
        ": InvalidInput: adapter haiku is unknown: this server has no adapters: ADAPTERS names none."
    )
