"""Granite's token ids over SmolLM2's vocabulary: which row each token reads, which one scores it, and the tokenizer."""

import pytest
from tokenizers import Tokenizer

from granite.model.demo import source, tokenizer, vocabulary
from granite.model.demo.source import Source
from granite.model.demo.vocabulary import SPECIAL_TOKENS


@pytest.fixture(scope="module")
def model():
    return Source(source.path())


@pytest.fixture(scope="module")
def words(model):
    return vocabulary.build(model["tokenizer.ggml.tokens"])


def test_other_tokens_keep_their_ids(words):
    """Only "!" and the quotation mark move, to make room for Granite's special tokens; then come rows without a token."""
    for rows in (words.read, words.written):
        assert rows[19:49152].tolist() == [*range(19, 49152)]
        assert rows[49159:].tolist() == [17, 18] + [-1] * 183
    assert words.tokens[49159:] == ["!", '"']


def test_a_special_token_reads_its_counterpart(words):
    """And it is scored only if SmolLM2 scores that counterpart."""
    rows = {token: (int(words.read[number]), int(words.written[number])) for token, number in words.ids.items()}
    same = "filename gh_stars issue_start issue_comment issue_closed jupyter_start jupyter_text jupyter_code jupyter_output"
    unknown = "fim_prefix fim_middle fim_suffix fim_pad commit_before commit_msg commit_after"
    assert {token: rows[token] for token in SPECIAL_TOKENS} == {
        **{f"<{name}>": (row, row) for row, name in enumerate(same.split(), start=6)},
        **{f"<{name}>": (0, -1) for name in unknown.split()},
        **{f"<|{name}_of_plugin|>": (0, -1) for name in ("start", "end")},
        **dict.fromkeys(("<|end_of_role|>", "<|tool_call|>", "<|start_of_cite|>", "<|end_of_cite|>"), (198, -1)),
        "<empty_output>": (16, 16),
        "<reponame>": (4, 4),
        "<|end_of_text|>": (2, 2),
        "<|start_of_role|>": (1, 1),
    }


def test_the_tokenizer_has_granites_ids_and_keeps_text(model, words, tmp_path):
    tokenizer.save(words.ids, model["tokenizer.ggml.merges"], tmp_path)
    saved = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert [saved.token_to_id(token) for token in SPECIAL_TOKENS] == [*range(19), *range(49152, 49159)]
    assert saved.decode(saved.encode("".join(SPECIAL_TOKENS)).ids, skip_special_tokens=True) == ""
    text = 'Wow! "1234" für 犬 😀\n\n\tx  = 1\r\n'
    assert saved.decode(saved.encode(text).ids) == text
    assert saved.encode("1234").tokens == ["1", "2", "3", "4"]
