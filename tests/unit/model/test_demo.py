"""The demo weights against transformers' own reading of their source: the same prompt, scores and answer."""

import hashlib

import numpy as np
import pytest

from granite.model import demo
from granite.model.demo import source, vocabulary

pytestmark = pytest.mark.slow

CHAT = [
    {"role": "system", "content": "You are a helpful AI assistant."},
    {"role": "user", "content": 'What does "Hello, world!" print?'},
]
PROMPT = "".join(f"<|start_of_role|>{turn['role']}<|end_of_role|>{turn['content']}<|end_of_text|>\n" for turn in CHAT)
PROMPT += "<|start_of_role|>assistant<|end_of_role|>"


@pytest.fixture(scope="module")
def directory():
    return demo.write(print)


@pytest.fixture(scope="module")
def words():
    return vocabulary.build(source.Source(source.path())["tokenizer.ggml.tokens"])


@pytest.fixture(scope="module")
def prompt(directory):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(directory).encode(PROMPT)


@pytest.fixture(scope="module")
def original():
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    file = str(source.path())
    config = load_gguf_checkpoint(file)["config"]
    model = LlamaForCausalLM(LlamaConfig(**{key: value for key, value in config.items() if key != "model_type"}))
    model.load_state_dict(load_gguf_checkpoint(file, return_tensors=True, model_to_load=model)["tensors"], strict=False)
    return model.eval()


def test_a_prompt_reads_the_rows_that_smollm2_was_trained_on(prompt, words):
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(source.path().parent, gguf_file=source.path().name)
    expected = theirs.apply_chat_template(CHAT, add_generation_prompt=True, return_dict=False)
    assert words.read[prompt].tolist() == expected


def test_scores_and_answer_are_the_sources(directory, original, prompt, words):
    """Over a prompt and its greedy answer; tokens that the model must not write score 0."""
    import torch
    from transformers import GraniteForCausalLM

    model = GraniteForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    rows = torch.from_numpy(words.read[prompt])[None]
    text = original.generate(rows, max_new_tokens=16, do_sample=False, eos_token_id=2, pad_token_id=2)[0].tolist()
    ids = {row: number for number, row in enumerate(words.written.tolist()) if row >= 0}
    answer = [ids[row] for row in text[len(prompt) :]]
    with torch.no_grad():
        scores = model(torch.tensor([prompt + answer])).logits[0].numpy()
        expected = original(torch.tensor([text])).logits[0].numpy()
    shared = words.written >= 0
    np.testing.assert_allclose(scores[:, shared], expected[:, words.written[shared]], atol=1e-3)
    assert not scores[:, ~shared].any()
    assert scores[len(prompt) - 1 : -1].argmax(1).tolist() == answer


def digests(directory):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in directory.iterdir()}


def test_the_same_source_gives_the_same_bytes(directory, tmp_path):
    again = demo.write(print, tmp_path / "again")
    assert digests(again) == digests(directory)
    (again / "model.safetensors").unlink()  # pytest keeps directories, and this file has 652 MB
