"""Granite's ids over SmolLM2's vocabulary: which source row each token reads, and which one scores it."""

import pytest
from granite_common.granite3.granite33.constants import ALL_SPECIAL_TOKENS

from granite.model.demo import source, vocabulary


@pytest.fixture(scope="module")
def words() -> vocabulary.Vocabulary:
    return vocabulary.build(source.Source.open(source.path()).tokens)


def test_other_tokens_keep_their_ids(words: vocabulary.Vocabulary) -> None:
    """Only "!" and the quotation mark move: Granite has special tokens where SmolLM2 has these."""
    assert words.read[19:49152].tolist() == words.written[19:49152].tolist() == [*range(19, 49152)]
    assert words.tokens[49159:] == ["!", '"']
    assert words.written[49159:49161].tolist() == [17, 18]


def test_rows_of_the_special_tokens(words: vocabulary.Vocabulary) -> None:
    """Each special token reads the row of its part in SmolLM2, and is scored only if SmolLM2 scores that part."""
    rows = {token: (int(words.read[number]), int(words.written[number])) for token, number in words.ids.items()}
    assert {token: rows[token] for token in ALL_SPECIAL_TOKENS} == {
        "<|end_of_text|>": (2, 2),
        "<fim_prefix>": (0, -1),
        "<fim_middle>": (0, -1),
        "<fim_suffix>": (0, -1),
        "<fim_pad>": (0, -1),
        "<filename>": (6, 6),
        "<gh_stars>": (7, 7),
        "<issue_start>": (8, 8),
        "<issue_comment>": (9, 9),
        "<issue_closed>": (10, 10),
        "<jupyter_start>": (11, 11),
        "<jupyter_text>": (12, 12),
        "<jupyter_code>": (13, 13),
        "<jupyter_output>": (14, 14),
        "<empty_output>": (16, 16),
        "<commit_before>": (0, -1),
        "<commit_msg>": (0, -1),
        "<commit_after>": (0, -1),
        "<reponame>": (4, 4),
        "<|start_of_role|>": (1, 1),
        "<|end_of_role|>": (198, -1),
        "<|tool_call|>": (198, -1),
        "<|start_of_cite|>": (198, -1),
        "<|end_of_cite|>": (198, -1),
        "<|start_of_plugin|>": (0, -1),
        "<|end_of_plugin|>": (0, -1),
    }
