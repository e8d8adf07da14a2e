"""Citations and hallucinations as objects, the answer without them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granite.output.grounding import Grounding
from granite.output.message import Verbatim
from tests.split import split

DOCUMENTS = [
    {"doc_id": "1", "text": "Granite is an intrusive igneous rock. It is hard."},
    {"doc_id": "2", "text": "Basalt cools fast. It is fine grained."},
]
FIRST, SECOND = (f'<|start_of_cite|>{{"document_id": "{number}"}}<|end_of_cite|>' for number in (1, 2))
ANSWER = "Granite is a rock. Basalt, e.g. here, is fine grained. More."
LIST = '{"id": "citation"}\n\n1: "Granite is an intrusive igneous rock."\n2: "It is fine grained."\n\n'
CITED = f"Granite is a rock.{FIRST} Basalt, e.g. here, is fine grained{SECOND}. More.\n\n{LIST}"
RATED = '{"id": "hallucination"}\n\n1. Risk low: Granite is a rock.\n2. Risk high: More.\n'


def citation(citation_id, doc_id, context, begin, response, response_begin):
    first = {"citation_id": citation_id, "doc_id": doc_id, **span("context", context, begin)}
    return first | span("response", response, response_begin)


def hallucination(number, risk, response, begin):
    return {"hallucination_id": number, "risk": risk, **span("response", response, begin)}


def span(name, text, begin):
    """`begin`: None if the text was not found."""
    end = 0 if begin is None else begin + len(text)
    return {f"{name}_text": text, f"{name}_begin": begin or 0, f"{name}_end": end}


CITATIONS = [
    citation("0", "1", "Granite is an intrusive igneous rock.", 0, "Granite is a rock.", 0),
    citation("1", "2", "It is fine grained.", 19, "Basalt, e.g. here, is fine grained.", 19),
]
HALLUCINATIONS = [hallucination("1", "low", "Granite is a rock.", 0), hallucination("2", "high", "More.", 55)]


def parsed(pieces, documents=DOCUMENTS):
    parser = Grounding(Verbatim(), documents)
    deltas = [*map(parser.add, pieces), parser.end()]
    return "".join(delta.content for delta in deltas), deltas[-1].lists


@pytest.mark.parametrize(
    ("text", "content", "lists"),
    [
        (CITED + RATED, ANSWER, {"citations": CITATIONS, "hallucinations": HALLUCINATIONS}),
        (CITED, ANSWER, {"citations": CITATIONS}),
        (f"{ANSWER}\n\n{RATED}", ANSWER, {"hallucinations": HALLUCINATIONS}),
        ("\nPlain. ", "Plain.", {}),
        # The other order, with a mark inside a list.
        (
            f"A{FIRST}.\n\n" + '{"id": "hallucination"}\n\n1. Risk unanswerable: A' + FIRST + '.\n{"id": "citation"}\n1: "It"',
            "A.",
            {"citations": [citation("0", "1", "It", 38, "A.", 0)], "hallucinations": [hallucination("1", "unanswerable", "A.", 0)]},
        ),
        # Cut in the middle of the list, and in the middle of a citation.
        (CITED.partition('2: "')[0], ANSWER, {"citations": CITATIONS[:1]}),
        ('Granite.<|start_of_cite|>{"docu', 'Granite.{"docu', {}),
        # A document cited twice and listed once.
        (CITED.replace("More.", f"More.{FIRST}"), ANSWER, {"citations": CITATIONS}),
        # The model repeats itself: the last list counts.
        (f"{ANSWER}\n\n{RATED}\n{RATED}", ANSWER, {"hallucinations": HALLUCINATIONS}),
        (f"{CITED}{LIST}{RATED}{RATED[:56]}", ANSWER, {"citations": CITATIONS, "hallucinations": HALLUCINATIONS[:1]}),
        # The example in the system prompt has the answer's words between the tokens.
        ("A <|start_of_cite|> {document_id: 1}fact <|end_of_cite|>.", "A  {document_id: 1}fact .", {}),
        # Passages that the answer does not mark.
        (
            f"Granite is a rock.\n\n{LIST}",
            "Granite is a rock.",
            {"citations": [each | {"citation_id": "0", **span("response", "", 0)} for each in CITATIONS]},
        ),
        # A mark before any sentence; a passage and a document that do not exist; an empty entry; a bullet.
        (
            f'{FIRST}A.{SECOND}\n{{"id": "citation"}}\n1: "Gneiss"\n7: "It is hard."\n1:\n- 2: "Basalt"',
            "A.",
            {"citations": [citation("0", "1", "Gneiss", None, "", 0), citation("1", "7", "It is hard.", None, "A.", 0), citation("0", "2", "Basalt", 0, "", 0)]},
        ),
        # A rated sentence that is not in the answer, and one over two lines.
        (
            'A.\nB c.\n{"id": "hallucination"}\n1. Risk low: No.\n\n2. Risk high: A.\nB c.',
            "A.\nB c.",
            {"hallucinations": [hallucination("1", "low", "No.", None), hallucination("2", "high", "A.\nB c.", 0)]},
        ),
        # One list can be read, the other cannot.
        (
            f'{CITED}{{"id": "hallucination"}}\n\nnone <|start_of_cite|>at all<|end_of_text|>',
            f'{ANSWER}\n\n{{"id": "hallucination"}}\n\nnone at all',
            {"citations": CITATIONS},
        ),
        ('So.\n\n{"id": "citation"}\n\nnone', 'So.\n\n{"id": "citation"}\n\nnone', {}),
        # Other control tokens are never shown.
        ("A <|start_of_plugin|>b<|end_of_plugin|><|end_of_text|>", "A b", {}),
        ("A <|start_of_cite|>b<|tool_call|>c<|end_of_cite|>", "A bc", {}),
    ],
)  # fmt: skip
def test_an_answer_is_its_text_and_its_lists(text, content, lists):
    assert parsed([text]) == parsed(text) == (content, lists)


def test_the_case_of_granite_common():
    """IBM's own, with the objects that its test expects."""
    text = f'Mad about dog!{FIRST}\n\n{{"id": "citation"}}\n\n1: "Dog info"\n\n'
    text += '{"id": "hallucination"}\n\n1. Risk low: Mad about dog\n\n'
    citations = [citation("0", "1", "Dog info", 0, "Mad about dog!", 0)]
    lists = {"citations": citations, "hallucinations": [hallucination("1", "low", "Mad about dog", 0)]}
    assert parsed(text, [{"doc_id": "1", "text": "Dog info"}]) == ("Mad about dog!", lists)


@pytest.mark.parametrize("number", ["More: rocks", "2"])
def test_document_ids_are_any_text(number):
    """The model may number documents that have names."""
    named = [{**document, "doc_id": name} for document, name in zip(DOCUMENTS, ("Rocks", "More: rocks"), strict=True)]
    text = (
        CITED.replace('"1"', '"Rocks"')
        .replace('"2"', f'"{number}"')
        .replace("\n1:", "\nRocks:")
        .replace("\n2:", f"\n{number}:")
    )
    ids = ("Rocks", "More: rocks")
    expected = [each | {"doc_id": doc_id} for each, doc_id in zip(CITATIONS, ids, strict=True)]
    assert parsed(text, named) == (ANSWER, {"citations": expected})


def test_long_lists_take_no_time():
    """A quadratic search takes more than ten seconds."""
    digits, began = "1" * 60_000, time.monotonic()
    assert parsed([f'A.\n{{"id": "citation"}}\n{digits}\n{{"id": "hallucination"}}\n{digits}'])[1] == {}
    assert time.monotonic() - began < 5


parts = st.sampled_from((FIRST, SECOND, "<|start_of_cite|>", "<|end_of_cite|>", "<|tool_call|>", "A.", " ", "\n", "<|"))
tails = st.sampled_from(("", RATED, LIST, '{"id": "citation"}\n\nnone', CITED + RATED))


@given(split(st.builds(str.__add__, st.lists(parts, max_size=10).map("".join), tails)))
def test_any_split_gives_the_same(case):
    text, pieces = case
    assert parsed(pieces) == parsed([text])
