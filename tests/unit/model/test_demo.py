"""The demo weights: how they come to be in their directory, and that they compute what their source computes."""

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from granite import cache
from granite.errors import WeightsError
from granite.model import demo
from granite.model.demo import source, vocabulary
from tests import checkpoints


def fill(directory, report):
    """Small files in place of the real ones."""
    report("Writing.")
    checkpoints.write(directory)


def content(directory):
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def test_of_several_writers_one_writes(tmp_path):
    reports = []
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: demo.write(reports.append, tmp_path / "demo", fill), range(8)))
    waiting = f"Another process is writing the demo weights to {tmp_path}/demo; waiting for it."
    assert [line for line in reports if line != waiting] == ["Writing."] + [
        f"The demo weights are already in {tmp_path}/demo."
    ] * 7
    assert [*tmp_path.iterdir()] == [tmp_path / "demo"]


def test_the_tree_has_a_page_beside_its_weights(tmp_path):
    (tmp_path / "README.md").write_text("How to fill this directory.")
    demo.write(print, tmp_path, fill)
    assert (tmp_path / "README.md").read_text() == "How to fill this directory."


def test_a_writer_that_waits_says_so(tmp_path):
    """The other one ends when the line is out."""
    reports = []
    with (tmp_path / demo.LOCK).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        demo.write(lambda line: (reports.append(line), fcntl.flock(other, fcntl.LOCK_UN)), tmp_path, fill)
    assert reports == [f"Another process is writing the demo weights to {tmp_path}; waiting for it.", "Writing."]


def test_nothing_beside_the_target_is_written(tmp_path):
    """It may be a volume on a read-only root."""
    target = tmp_path / "volume"
    target.mkdir()
    os.utime(tmp_path, (0, 0))
    demo.write(print, target, fill)
    assert tmp_path.stat().st_mtime == 0


def leave_unfinished(made, files):
    """As a killed writer leaves the directory: these files are not moved into it yet."""
    partial = made / ".demo.partial"
    partial.mkdir()
    for file in files:
        file.rename(partial / file.name)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: os.truncate(made / "demo.json", 10),
        lambda made: os.truncate(made / "model.safetensors", 10),
        lambda made: (made / "demo.json").write_text('{"key": "of another version"}'),
        lambda made: leave_unfinished(made, [made / "config.json"]),
        lambda made: leave_unfinished(made, [*made.iterdir()]),
    ],
)
def test_damaged_old_and_unfinished_weights_are_made_again(tmp_path, spoil):
    made = demo.write(print, tmp_path / "demo", fill)
    before = content(made)
    spoil(made)
    demo.write(print, made, fill)
    assert content(made) == before
    assert [*tmp_path.iterdir()] == [made]


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("", "{root} holds something other than demo weights; choose an empty directory."),
        (
            "thesis.tex/demo",
            "Cannot write the demo weights to {root}/thesis.tex/demo: Not a directory; choose another.",
        ),
    ],
)
def test_nothing_else_is_overwritten(tmp_path, target, sentence):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(WeightsError) as caught:
        demo.write(print, tmp_path / target, fill)
    assert str(caught.value) == sentence.format(root=tmp_path)
    assert content(tmp_path) == {"thesis.tex": b""}


def test_a_cache_that_cannot_be_written_is_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError) as caught:
        demo.write(print, fill=fill)
    assert str(caught.value) == (
        f"Cannot write the demo weights to {demo.directory()}: Not a directory; set XDG_CACHE_HOME to another "
        "directory, or COG_WEIGHTS to a model's."
    )


def test_an_image_has_one_place_for_a_volume(monkeypatch):
    """Whoever runs it: a user without a home has no ~/.cache."""
    monkeypatch.setenv("GRANITE_ENVIRONMENT", "image")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache.directory() == Path("/cache/granite-cog")


def test_a_missing_package_is_named():
    with pytest.raises(WeightsError) as caught:
        source.package("llm-absent")
    assert str(caught.value) == (
        "The demo weights need the Python package llm-absent, which is not installed; run script/setup, or set "
        "COG_WEIGHTS to a model's directory."
    )


@pytest.mark.slow
def test_scores_and_answer_are_the_sources():
    """Over a chat and its greedy answer, as transformers reads both; tokens that the model must not write score 0."""
    import torch
    from transformers import AutoTokenizer, GraniteForCausalLM, LlamaConfig, LlamaForCausalLM
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    file = source.path()
    loaded = load_gguf_checkpoint(str(file))["config"]
    original = LlamaForCausalLM(LlamaConfig(**{key: value for key, value in loaded.items() if key != "model_type"}))
    tensors = load_gguf_checkpoint(str(file), return_tensors=True, model_to_load=original)["tensors"]
    original.load_state_dict(tensors, strict=False)
    directory = demo.write(print)
    assert directory.parent == cache.directory()
    model = GraniteForCausalLM.from_pretrained(directory, dtype=torch.float32)
    words = vocabulary.build(source.Source(file)["tokenizer.ggml.tokens"])

    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": 'What does "Hello!" print?'}]
    turns = "".join(
        f"<|start_of_role|>{turn['role']}<|end_of_role|>{turn['content']}<|end_of_text|>\n" for turn in chat
    )
    prompt = AutoTokenizer.from_pretrained(directory).encode(turns + "<|start_of_role|>assistant<|end_of_role|>")
    theirs = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    rows = words.read[prompt]
    assert rows.tolist() == theirs.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)

    greedy = {"max_new_tokens": 16, "do_sample": False, "eos_token_id": 2, "pad_token_id": 2}
    text = original.eval().generate(torch.from_numpy(rows)[None], **greedy)[0].tolist()
    ids = {row: number for number, row in enumerate(words.written.tolist()) if row >= 0}
    answer = [ids[row] for row in text[len(prompt) :]]
    with torch.no_grad():
        scores = model.eval()(torch.tensor([prompt + answer])).logits[0].numpy()
        expected = original(torch.tensor([text])).logits[0].numpy()
    shared = words.written >= 0
    np.testing.assert_allclose(scores[:, shared], expected[:, words.written[shared]], atol=1e-3)
    assert not scores[:, ~shared].any()
    assert scores[len(prompt) - 1 : -1].argmax(1).tolist() == answer
