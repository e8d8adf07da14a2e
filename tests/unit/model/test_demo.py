"""The demo weights: the source's answers and scores, under Granite's names and ids."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from granite_common.granite3.granite33.constants import ALL_SPECIAL_TOKENS
from safetensors.numpy import load_file
from transformers import AutoTokenizer, GraniteForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

from granite.errors import WeightsError
from granite.model import demo
from granite.model.demo import Form, int8, source, vocabulary

CHAT = [
    {"role": "system", "content": "You are a helpful AI assistant."},
    {"role": "user", "content": 'What does "Hello, world!" print?'},
]
GRANITE_CHAT = "".join(
    f"<|start_of_role|>{turn['role']}<|end_of_role|>{turn['content']}<|end_of_text|>\n" for turn in CHAT
)
GRANITE_PROMPT = GRANITE_CHAT + "<|start_of_role|>assistant<|end_of_role|>"


@pytest.fixture(scope="module", params=list(Form))
def each(request: pytest.FixtureRequest, made: Callable[[Form], Path]) -> Path:
    return made(request.param)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Form], Path]]:
    """Make a form once; 1 GB in all, so pytest's habit of keeping directories is not for it."""
    root = tmp_path_factory.mktemp("demo")
    yield lambda form: demo.write(root / form, form)
    for file in [*root.glob("*/*")]:
        file.unlink()


@pytest.fixture(scope="module")
def original() -> LlamaForCausalLM:
    """The source as transformers reads it: another reading of the same file than ours."""
    file = str(source.path())
    config = load_gguf_checkpoint(file)["config"]
    model = LlamaForCausalLM(LlamaConfig(**{key: value for key, value in config.items() if key != "model_type"}))
    model.load_state_dict(load_gguf_checkpoint(file, return_tensors=True, model_to_load=model)["tensors"], strict=False)
    return model.eval()


@pytest.fixture(scope="module")
def original_tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(source.path().parent, gguf_file=source.path().name)


@pytest.fixture(scope="module")
def words() -> vocabulary.Vocabulary:
    return vocabulary.build(source.Source.open(source.path()).tokens)


def test_prompt_is_the_sequence_the_model_was_trained_on(
    made: Callable[[Form], Path], original_tokenizer: Any, words: vocabulary.Vocabulary
) -> None:
    """Granite's prompt reads the very rows that SmolLM2's own chat template leads to."""
    ours = AutoTokenizer.from_pretrained(made(Form.EXACT)).encode(GRANITE_PROMPT)
    theirs = original_tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, return_dict=False)
    assert words.read[ours].tolist() == theirs


def test_same_scores_and_same_answer(
    made: Callable[[Form], Path], original: LlamaForCausalLM, words: vocabulary.Vocabulary
) -> None:
    """Over a prompt and its greedy answer, every token that both models have gets the same score, and the best is the same."""
    directory = made(Form.EXACT)
    model = GraniteForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    ours = AutoTokenizer.from_pretrained(directory).encode(GRANITE_PROMPT)
    prompt = torch.from_numpy(words.read[ours])[None]
    text = original.generate(prompt, max_new_tokens=16, do_sample=False, eos_token_id=2, pad_token_id=2)[0].tolist()
    source_rows = {row: number for number, row in enumerate(words.written.tolist()) if row >= 0}
    answer = [source_rows[row] for row in text[len(ours) :]]
    with torch.no_grad():
        scores = model(torch.tensor([ours + answer])).logits[0].numpy()
        expected = original(torch.tensor([text])).logits[0].numpy()
    shared = words.written >= 0
    np.testing.assert_allclose(scores[:, shared], expected[:, words.written[shared]], atol=1e-3)
    assert not scores[:, ~shared].any()
    assert scores[len(ours) - 1 : -1].argmax(1).tolist() == answer


def test_special_tokens_have_granites_ids(each: Path) -> None:
    """The first 19 are 0 to 18, the others follow the vocabulary from 49152; all are special."""
    tokenizer = AutoTokenizer.from_pretrained(each)
    assert tokenizer.convert_tokens_to_ids(ALL_SPECIAL_TOKENS) == [*range(19), *range(49152, 49159)]
    assert tokenizer.decode(tokenizer.encode("".join(ALL_SPECIAL_TOKENS)), skip_special_tokens=True) == ""
    assert (tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id) == (0, 0, 0)


def test_text_survives_the_tokenizer(each: Path) -> None:
    """Any text comes back as it went in, and digits are tokens of their own."""
    tokenizer = AutoTokenizer.from_pretrained(each)
    text = 'Wow! "1234" für 犬 😀\n\n\tx  = 1\r\n'
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.tokenize("1234") == ["1", "2", "3", "4"]


def test_vocabulary_divides_for_parallel_ranks(each: Path) -> None:
    """49344 rows: two or three ranks share them evenly, in vLLM's blocks of 64."""
    size = json.loads((each / "config.json").read_text())["vocab_size"]
    tensors = load_file(each / "model.safetensors")
    assert [size % ranks for ranks in (2, 3, 64)] == [0, 0, 0]
    assert tensors["lm_head.weight"].shape == tensors["model.embed_tokens.weight"].shape == (size, 576)


def test_int8_is_the_exact_form_rounded(made: Callable[[Form], Path]) -> None:
    """Every matrix is within half a step of the exact one; everything else is equal."""
    exact, rounded = (load_file(made(form) / "model.safetensors") for form in (Form.EXACT, Form.INT8))
    for name, values in exact.items():
        if f"{name}_scale" in rounded:
            scale = rounded[f"{name}_scale"]
            assert (np.abs(rounded[name] * scale - values) <= scale * 0.5001).all(), name
        else:
            assert np.array_equal(rounded[name], values), name
    assert sum(name.endswith("_scale") for name in rounded) == 7 * 30


def test_a_row_of_zeros_is_rounded_to_zeros() -> None:
    """No division by zero where a row has no magnitude."""
    values, scale = int8.quantise(np.array([[0, 0], [-1, 0.5]], dtype=np.float32))
    assert (values.tolist(), scale.tolist()) == ([[0, 0], [-127, 64]], [[1.0], [np.float32(1 / 127)]])


def digests(directory: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in directory.iterdir()}


def test_same_bytes_each_time(made: Callable[[Form], Path], tmp_path: Path) -> None:
    """Made twice, byte for byte the same; what a killed writer left behind is gone."""
    (tmp_path / ".again.partial").mkdir()
    (tmp_path / ".again.partial" / "left.safetensors").touch()
    assert digests(demo.write(tmp_path / "again", Form.INT8)) == digests(made(Form.INT8))
    assert [place.name for place in tmp_path.iterdir()] == ["again"]


def test_made_once(each: Path) -> None:
    """A second call touches nothing and says so."""
    before = {file: file.stat().st_mtime_ns for file in each.iterdir()}
    said: list[str] = []
    assert demo.write(each, Form(each.name), said.append) == each
    assert said == [f"The demo weights are in {each} already."]
    assert {file: file.stat().st_mtime_ns for file in each.iterdir()} == before


def test_damaged_weights_are_made_again(made: Callable[[Form], Path], tmp_path: Path) -> None:
    """A truncated file of ours is no reason to ask anybody."""
    directory = tmp_path / "damaged"
    shutil.copytree(made(Form.INT8), directory)
    os.truncate(directory / "model.safetensors", 1000)
    assert digests(demo.write(directory, Form.INT8)) == digests(made(Form.INT8))


@pytest.mark.slow
def test_two_makers_at_once(tmp_path: Path) -> None:
    """One makes them, the other waits and finds them there."""
    said: list[str] = []
    with ThreadPoolExecutor() as pool:
        places = list(pool.map(lambda _: demo.write(tmp_path / "both", Form.INT8, said.append), range(2)))
    assert places == [tmp_path / "both"] * 2
    assert [sentence for sentence in said if "Writing" in sentence] == ["Writing 334 MB of int8 weights."]
    assert [place.name for place in tmp_path.iterdir()] == ["both"]


def test_leaves_other_files_alone(tmp_path: Path) -> None:
    """A directory that holds something else is refused, not emptied."""
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(WeightsError) as caught:
        demo.write(tmp_path, Form.INT8)
    assert str(caught.value) == f"{tmp_path} holds something other than demo weights; name an empty directory."


def test_unwritable_place(tmp_path: Path) -> None:
    """A place that cannot be written is named with the system's reason."""
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError) as caught:
        demo.write(tmp_path / "file" / "demo", Form.INT8)
    assert str(caught.value) == f"Cannot write the demo weights to {tmp_path}/file/demo: Not a directory."
