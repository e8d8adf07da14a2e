"""Where sentences begin and end."""

import pytest

from granite.output import sentences


@pytest.mark.parametrize(
    "expected",
    [
        [],
        ["Granite is hard"],
        ["Granite is hard.", "Is it?", "It is!", "Yes..."],
        ["Dr. J. R. Smith of the U.S. wrote it in 1990.", "It has 3.5 pages, e.g. fig. 3, etc. on p. 2."],
        ['He said "It is hard."', "(It is.)", "**Hard.**", "What?!", "The model's."],
        ["Wait... there is more at www.ibm.com today.", "1.", "One"],
    ],
)
@pytest.mark.parametrize("space", [" ", "\n\n"])
def test_sentences(expected, space):
    """White space between them belongs to none."""
    text = f" {space.join(expected)}\n"
    assert [text[begin:end] for begin, end in sentences.spans(text)] == expected
