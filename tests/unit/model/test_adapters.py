"""Which LoRA adapters a server takes, and the sentence for each that it refuses."""

import shutil

import pytest

from granite.errors import OperatorError
from granite.model import adapters
from granite.model.adapters import CONFIG, TENSORS, Adapter
from granite.model.weights import Weights
from granite.settings import Settings
from tests import checkpoints
from tests.adapters import MODULES, edit, write


@pytest.fixture
def find(tmp_path):
    """For a model of one layer, and the adapters in a directory of their own."""
    shapes = {f"model.layers.0.{module}.weight": (rows, columns) for module, (columns, rows) in MODULES.items()}
    weights = Weights(checkpoints.write(tmp_path / "model", shapes), "granite-demo")
    return lambda **given: adapters.find(Settings(**{"adapters": tmp_path / "adapters", **given}), weights)


@pytest.fixture
def root(tmp_path):
    """The directory of the adapters, with one that is right."""
    return write(tmp_path / "adapters" / "haiku", 1, layers=1).parent


def test_each_subdirectory_is_an_adapter(root, find):
    """In the order of their names, without files and hidden directories; none without the setting."""
    (root / ".cache").mkdir()
    (root / "README.md").touch()
    legal = write(root / "legal", 1, layers=1, rank=9)
    assert find() == (Adapter("haiku", 1, root / "haiku", 8), Adapter("legal", 2, legal, 9))
    edit(legal, rank_pattern={"q_proj": 33})
    assert adapters.max_lora_rank(find()) == 64
    assert find(adapters=None) == ()


def in_haiku(change):
    return lambda root: change(root / "haiku")


def written(**given):
    return lambda root: write(root / "other", 1, **{"layers": 1, **given})


NOT_ONE = "ADAPTERS={root} is invalid: not a directory with a subdirectory for each adapter."
COPY = "; copy the adapter into {root}/haiku again, or remove that directory."
RANK = ", but vLLM takes 1 to 512; remove {root}/haiku."
TRAINED = "; use an adapter that was trained for this model, or remove {root}/other."
CONFIGURED, WEIGHTS, OTHER = f"{{root}}/haiku/{CONFIG}", f"{{root}}/haiku/{TENSORS}", f"{{root}}/other/{TENSORS}"
DOWN = "model.layers.0.mlp.down_proj of [576, 1536]"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (shutil.rmtree, NOT_ONE),
        (in_haiku(shutil.rmtree), NOT_ONE),
        (in_haiku(lambda path: (path / CONFIG).unlink()), f"{CONFIGURED} is missing{COPY}"),
        (in_haiku(lambda path: (path / CONFIG).write_text("[]")), f"{CONFIGURED} cannot be read (not a JSON object){COPY}"),
        (in_haiku(lambda path: (path / TENSORS).unlink()), f"{WEIGHTS} is missing{COPY}"),
        (in_haiku(lambda path: edit(path, rank_pattern={"q_proj": 513})), f"{CONFIGURED} has the rank 513{RANK}"),
        (in_haiku(lambda path: edit(path, r=None)), f"{CONFIGURED} has the rank None{RANK}"),
        (
            in_haiku(lambda path: path.rename(path.with_name("granite-demo"))),
            "{root}/granite-demo has the name of the model itself; rename the directory.",
        ),
        (written(layers=2), f"{OTHER} changes model.layers.1.mlp.down_proj, which the model does not have{TRAINED}"),
        (written(modules={"mlp.down_proj": (1024, 576)}), f"{OTHER} changes {DOWN} by a factor A of [8, 1024]{TRAINED}"),
        (written(modules={"mlp.down_proj": (1536, 9)}), f"{OTHER} changes {DOWN} by a factor B of [9, 8]{TRAINED}"),
        (written(layers=0), f"{OTHER} has no LoRA tensors{TRAINED}"),
    ],
)  # fmt: skip
def test_an_invalid_adapter_is_one_sentence(root, find, spoil, sentence):
    spoil(root)
    with pytest.raises(OperatorError) as caught:
        find()
    assert str(caught.value) == sentence.format(root=root)


def test_an_adapter_may_not_have_any_of_the_models_names(root, find):
    with pytest.raises(OperatorError, match="/haiku has the name of the model itself"):
        find(engine_args={"served_model_name": ["granite", "haiku"]})
