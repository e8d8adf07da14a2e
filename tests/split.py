"""Texts cut into pieces, as an engine may deliver them, and the message that parsers make of them."""

from hypothesis import strategies as st

from granite.output.message import message, read


def pieces(text: str) -> st.SearchStrategy[list[str]]:
    """Any few pieces that make up the text, some perhaps empty."""
    cuts = st.lists(st.integers(0, len(text)), max_size=8).map(sorted)
    return cuts.map(lambda cuts: [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)])


def split(texts: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, list[str]]]:
    """A text and its pieces."""
    return texts.flatmap(lambda text: st.tuples(st.just(text), pieces(text)))


def parsed(pieces, *parsers):
    """The message without the calls' ids, which are random."""
    whole = message([*(read(parsers, piece) for piece in pieces), read(parsers, "", end=True)])
    for call in whole.get("tool_calls", ()):
        assert call.pop("id").startswith("call_")
        assert call.pop("type") == "function"
    return whole
