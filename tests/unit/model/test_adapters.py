"""Which LoRA adapters a server takes, and the sentence for each that it refuses."""

import shutil

import pytest

from granite.errors import AdapterError, OperatorError
from granite.model import adapters
from granite.model.adapters import CONFIG, TENSORS, Adapter
from granite.model.weights import Weights
from granite.settings import Settings
from tests import checkpoints
from tests.adapters import MODULES, edit, write

RANKS = ", but vLLM needs a whole number from 1 to 512; remove {root}/haiku."


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """One layer of the demo model."""
    shapes = {f"model.layers.0.{module}.weight": (rows, columns) for module, (columns, rows) in MODULES.items()}
    return Weights(checkpoints.write(tmp_path_factory.mktemp("model"), shapes), "granite-demo")


@pytest.fixture
def find(tmp_path, weights):
    return lambda **settings: adapters.find(Settings(adapters=tmp_path, **settings), weights)


def test_each_subdirectory_is_an_adapter(tmp_path, find):
    """In the order of their names, without files and hidden directories."""
    (tmp_path / ".cache").mkdir()
    (tmp_path / "README.md").touch()
    legal, haiku = write(tmp_path / "legal", 1, layers=1, rank=9), write(tmp_path / "haiku", 1, layers=1)
    assert find() == (Adapter("haiku", 1, haiku, 8), Adapter("legal", 2, legal, 9))
    edit(haiku, rank_pattern={"q_proj": 33})
    assert adapters.max_lora_rank(find()) == 64


def test_without_the_setting_there_are_none(weights):
    assert adapters.find(Settings(), weights) == ()


COPY = "copy the adapter into {root}/haiku again, or remove that directory."
TRAINED = "use an adapter that was trained for this model, or remove {root}"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (shutil.rmtree, "ADAPTERS={root} is invalid: not a directory."),
        (
            lambda root: shutil.rmtree(root / "haiku"),
            "ADAPTERS={root} is invalid: it has no subdirectories; give each LoRA adapter one, or unset ADAPTERS.",
        ),
        (lambda root: (root / "haiku" / CONFIG).unlink(), "{root}/haiku/adapter_config.json is missing; " + COPY),
        (
            lambda root: (root / "haiku" / CONFIG).write_text("{"),
            "{root}/haiku/adapter_config.json is not valid JSON, probably cut off; " + COPY,
        ),
        (
            lambda root: (root / "haiku" / TENSORS).unlink(),
            "{root}/haiku/adapter_model.safetensors is missing; " + COPY,
        ),
        (
            lambda root: edit(root / "haiku", rank_pattern={"q_proj": 513}),
            "{root}/haiku/adapter_config.json has the rank 513" + RANKS,
        ),
        (lambda root: edit(root / "haiku", r=None), "{root}/haiku/adapter_config.json has the rank None" + RANKS),
        (
            lambda root: (root / "haiku").rename(root / "granite-demo"),
            "{root}/granite-demo has the name of the model itself; rename the directory.",
        ),
        (
            lambda root: write(root / "more", 1, layers=2),
            "{root}/more/adapter_model.safetensors changes model.layers.1.mlp.down_proj, which the model does not have; "
            + TRAINED
            + "/more.",
        ),
        (
            lambda root: write(root / "wide", 1, layers=1, modules={"mlp.down_proj": (1024, 576)}),
            "{root}/wide/adapter_model.safetensors changes model.layers.0.mlp.down_proj of [576, 1536] by a factor A of "
            "[8, 1024]; " + TRAINED + "/wide.",
        ),
        (
            lambda root: write(root / "none", 1, layers=0),
            "{root}/none/adapter_model.safetensors has no LoRA tensors; " + TRAINED + "/none.",
        ),
    ],
)
def test_an_invalid_adapter_is_one_sentence(tmp_path, weights, spoil, sentence):
    """It names the path and the fix."""
    write(tmp_path / "adapters" / "haiku", 1, layers=1)
    spoil(tmp_path / "adapters")
    with pytest.raises(OperatorError) as caught:
        adapters.find(Settings(adapters=tmp_path / "adapters"), weights)
    assert str(caught.value) == sentence.format(root=tmp_path / "adapters")


def test_an_adapter_may_not_have_any_of_the_models_names(tmp_path, find):
    write(tmp_path / "haiku", 1, layers=1)
    with pytest.raises(AdapterError, match="/haiku has the name of the model itself"):
        find(engine_args={"served_model_name": ["granite", "haiku"]})
