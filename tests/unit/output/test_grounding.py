"""Citations and hallucinations as objects, the answer without them."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granite.output.grounding import Grounding
from granite.output.parser import Verbatim

DOCUMENTS = [
    {"doc_id": "1", "text": "Granite is an intrusive igneous rock. It is hard."},
    {"doc_id": "2", "text": "Basalt cools fast. It is fine grained."},
]
FIRST, SECOND = (f'<|start_of_cite|>{{"document_id": "{number}"}}<|end_of_cite|>' for number in (1, 2))
CITED = (
    f"Granite is a rock.{FIRST} Basalt, e.g. here, is fine grained{SECOND}. More.\n\n"
    '{"id": "citation"}\n\n1: "Granite is an intrusive igneous rock."\n2: "It is fine grained."\n\n'
)
RATED = '{"id": "hallucination"}\n\n1. Risk low: Granite is a rock.\n2. Risk high: More.\n'
CITATIONS = [
    {
        "citation_id": "0",
        "doc_id": "1",
        "context_text": "Granite is an intrusive igneous rock.",
        "context_begin": 0,
        "context_end": 37,
        "response_text": "Granite is a rock.",
        "response_begin": 0,
        "response_end": 18,
    },
    {
        "citation_id": "1",
        "doc_id": "2",
        "context_text": "It is fine grained.",
        "context_begin": 19,
        "context_end": 38,
        "response_text": "Basalt, e.g. here, is fine grained.",
        "response_begin": 19,
        "response_end": 54,
    },
]
UNMARKED = [citation | {"citation_id": "0"} for citation in CITATIONS]
HALLUCINATIONS = [
    {
        "hallucination_id": "1",
        "risk": "low",
        "response_text": "Granite is a rock.",
        "response_begin": 0,
        "response_end": 18,
    },
    {"hallucination_id": "2", "risk": "high", "response_text": "More.", "response_begin": 55, "response_end": 60},
]
ANSWER = "Granite is a rock. Basalt, e.g. here, is fine grained. More."


def parsed(chunks):
    parser = Grounding(Verbatim(), DOCUMENTS, {"citations": True, "hallucinations": True})
    pieces = [*map(parser.add, chunks), parser.end()]
    lists = {name: values for piece in pieces for name, values in piece.lists.items()}
    return "".join(piece.content for piece in pieces), lists


@pytest.mark.parametrize(
    ("text", "content", "lists"),
    [
        (CITED + RATED, ANSWER, {"citations": CITATIONS, "hallucinations": HALLUCINATIONS}),
        (CITED, ANSWER, {"citations": CITATIONS}),
        (f"{ANSWER}\n\n{RATED}", ANSWER, {"hallucinations": HALLUCINATIONS}),
        ("\nPlain. ", "Plain.", {}),
        # Cut in the middle of the list, and in the middle of a citation.
        (CITED.partition('2: "')[0], ANSWER, {"citations": CITATIONS[:1]}),
        ('Granite.<|start_of_cite|>{"docu', 'Granite.{"docu', {}),
        # A document cited twice and listed once.
        (CITED.replace("More.", f"More.{FIRST}"), ANSWER, {"citations": CITATIONS}),
        # The model repeats itself.
        (f"{ANSWER}\n\n{RATED}\n{RATED}", ANSWER, {"hallucinations": HALLUCINATIONS}),
        # The form of the system text's own example holds the answer's words.
        ("A <|start_of_cite|> {document_id: 1}fact <|end_of_cite|>.", "A  {document_id: 1}fact .", {}),
        # A passage that the answer does not mark.
        (
            f"Granite is a rock.\n\n{CITED.partition('More.')[2].strip()}",
            "Granite is a rock.",
            {
                "citations": [
                    citation | {"response_text": "", "response_begin": 0, "response_end": 0} for citation in UNMARKED
                ]
            },
        ),
        # One list can be read, the other cannot.
        (
            f'{CITED}{{"id": "hallucination"}}\n\nnone <|start_of_cite|>at all<|end_of_text|>',
            f'{ANSWER}\n\n{{"id": "hallucination"}}\n\nnone at all',
            {"citations": CITATIONS},
        ),
        # What cannot be read is not lost.
        ('So.\n\n{"id": "citation"}\n\nnone', 'So.\n\n{"id": "citation"}\n\nnone', {}),
        # Other control tokens are not for a reader.
        ("A <|start_of_plugin|>b<|end_of_plugin|><|end_of_text|>", "A b", {}),
    ],
)
def test_an_answer_is_its_text_and_its_lists(text, content, lists):
    """In one piece and character by character."""
    assert parsed([text]) == parsed(text) == (content, lists)


def test_documents_go_by_any_id():
    """granite-common knows numbers alone; a document without an id goes by its title."""
    named = [{**document, "doc_id": name} for document, name in zip(DOCUMENTS, ("Rocks", "More: rocks"), strict=True)]
    text = (
        CITED.replace('"1"', '"Rocks"')
        .replace('"2"', '"More: rocks"')
        .replace("\n1:", "\nRocks:")
        .replace("\n2:", "\n2 :")
    )
    parser = Grounding(Verbatim(), named, {"citations": True})
    content = parser.add(text).content + (end := parser.end()).content
    assert content == ANSWER
    assert end.lists["citations"][0] == CITATIONS[0] | {"doc_id": "Rocks"}


parts = st.lists(
    st.sampled_from((FIRST, SECOND, "<|start_of_cite|>", "<|end_of_cite|>", "<|tool_call|>", "A.", " ", "\n", "<|")),
    max_size=10,
)
tails = st.sampled_from(
    ("", RATED, '{"id": "citation"}\n\n1: "Granite"\n', '{"id": "citation"}\n\nnone', CITED + RATED)
)


@given(parts, tails, st.data())
def test_any_split_gives_the_same(parts, tail, data):
    """Whatever the model writes, it fails no request."""
    text = "".join(parts) + tail
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert parsed(pieces) == parsed([text])


def test_nothing_is_downloaded_and_nothing_printed(monkeypatch, capsys):
    """Sentences are told apart by data of our own, and granite-common's warnings quote the model."""
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it connects"))
    assert parsed(CITED)[1] == {"citations": CITATIONS}
    parsed(f"{CITED}\n3: unknown {RATED} {RATED}")
    assert capsys.readouterr() == ("", "")
