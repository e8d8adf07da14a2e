"""Citations and hallucinations as objects, the answer without them."""

import pytest

from granite.output.grounding import Grounding
from tests import split

DOCUMENTS = [
    {"doc_id": "1", "text": "Granite is an intrusive igneous rock. It is hard."},
    {"doc_id": "2", "text": "Basalt cools fast. It is fine grained."},
]
FIRST, SECOND = (f'<|start_of_cite|>{{"document_id": "{number}"}}<|end_of_cite|>' for number in (1, 2))
ANSWER = "Granite is a rock. Basalt, e.g. here, is fine grained. More."
CITATION, HALLUCINATION = '{"id": "citation"}', '{"id": "hallucination"}'
LIST = f'{CITATION}\n\n1: "Granite is an intrusive igneous rock."\n2: "It is fine grained."\n\n'
CITED = f"Granite is a rock.{FIRST} Basalt, e.g. here, is fine grained{SECOND}. More.\n\n{LIST}"
RATED = f"{HALLUCINATION}\n\n1. Risk low: Granite is a rock.\n2. Risk high: More.\n"


def span(name, text, begin):
    """`begin`: None if the text was not found."""
    end = 0 if begin is None else begin + len(text)
    return {f"{name}_text": text, f"{name}_begin": begin or 0, f"{name}_end": end}


def citation(citation_id, doc_id, context, begin, response="", response_begin=0):
    first = {"citation_id": citation_id, "doc_id": doc_id}
    return first | span("context", context, begin) | span("response", response, response_begin)


def hallucination(number, risk, response, begin):
    return {"hallucination_id": number, "risk": risk, **span("response", response, begin)}


CITATIONS = [
    citation("0", "1", "Granite is an intrusive igneous rock.", 0, "Granite is a rock.", 0),
    citation("1", "2", "It is fine grained.", 19, "Basalt, e.g. here, is fine grained.", 19),
]
HALLUCINATIONS = [hallucination("1", "low", "Granite is a rock.", 0), hallucination("2", "high", "More.", 55)]


def parsed(pieces, documents=DOCUMENTS):
    """The content, the citations, the hallucinations."""
    whole = split.parsed(pieces, Grounding(documents))
    return whole["content"], whole.get("citations", []), whole.get("hallucinations", [])


@pytest.mark.parametrize(
    ("text", "content", "citations", "hallucinations"),
    [
        (CITED + RATED, ANSWER, CITATIONS, HALLUCINATIONS),
        (CITED, ANSWER, CITATIONS, []),
        (f"{ANSWER}\n\n{RATED}", ANSWER, [], HALLUCINATIONS),
        ("\nPlain. ", "Plain.", [], []),
        # The other order, with a mark inside a list.
        (
            f'A{FIRST}.\n\n{HALLUCINATION}\n\n1. Risk unanswerable: A{FIRST}.\n{CITATION}\n1: "It"\n2: "It"',
            *("A.", [citation("0", "1", "It", 38, "A."), citation("0", "2", "It", 19)], [hallucination("1", "unanswerable", "A.", 0)]),
        ),
        # Cut in the middle of the list, of a citation, of a list's first line.
        (CITED.partition('2: "')[0], ANSWER, CITATIONS[:1], []),
        ('Granite.<|start_of_cite|>{"docu', 'Granite.{"docu', [], []),
        (f"A{FIRST[:-15]}<|tool_call|>", 'A{"document_id": "1"}', [], []),
        ('Granite.\n{"id": "cit', "Granite.", [], []),
        # A document cited twice and listed once.
        (CITED.replace("More.", f"More.{FIRST}"), ANSWER, CITATIONS, []),
        # The model repeats itself: the last list counts.
        (f"{CITED}{LIST}{RATED}{RATED[:56]}", ANSWER, CITATIONS, HALLUCINATIONS[:1]),
        # The example in the system prompt has the answer's words between the tokens.
        ("A <|start_of_cite|> {document_id: 1}fact <|end_of_cite|>.", "A  {document_id: 1}fact .", [], []),
        # Passages that the answer does not mark.
        (f"A.\n{LIST}", "A.", [each | {"citation_id": "0", **span("response", "", 0)} for each in CITATIONS], []),
        # A mark before any sentence; a passage and a document that do not exist; an empty entry; a bullet.
        (
            f'{FIRST}A.{SECOND}\n{CITATION}\n1: "Gneiss"\n7: "It is hard."\n1:\n- 2: "Basalt"',
            "A.",
            [citation("0", "1", "Gneiss", None), citation("1", "7", "It is hard.", None, "A."), citation("0", "2", "Basalt", 0)],
            [],
        ),
        # A rated sentence that is not in the answer, and one over two lines.
        (
            f"A.\nB c.\n{HALLUCINATION}\n1. Risk low: No.\n\n2. Risk high: A.\nB c.",
            *("A.\nB c.", [], [hallucination("1", "low", "No.", None), hallucination("2", "high", "A.\nB c.", 0)]),
        ),
        # A list that cannot be read.
        (f"{CITED}{HALLUCINATION}\n\nno <|start_of_cite|>one<|end_of_text|>", f"{ANSWER}\n\n{HALLUCINATION}\n\nno one", CITATIONS, []),
        (f'So.\n\n{CITATION}\n\nnot: "one"', f'So.\n\n{CITATION}\n\nnot: "one"', [], []),
        # Other control tokens are never shown.
        ("A <|start_of_cite|>b<|start_of_plugin|>c<|end_of_cite|><|end_of_text|>", "A bc", [], []),
    ],
)  # fmt: skip
def test_an_answer_is_its_text_and_its_lists(text, content, citations, hallucinations):
    assert parsed([text]) == parsed(text) == (content, citations, hallucinations)


def test_the_case_of_granite_common():
    """IBM's own, with the objects that its test expects."""
    text = f'Mad about dog!{FIRST}\n\n{CITATION}\n\n1: "Dog info"\n\n{HALLUCINATION}\n\n1. Risk low: Mad about dog\n\n'
    citations = [citation("0", "1", "Dog info", 0, "Mad about dog!")]
    assert parsed(text, [{"doc_id": "1", "text": "Dog info"}]) == (
        *("Mad about dog!", citations),
        [hallucination("1", "low", "Mad about dog", 0)],
    )


@pytest.mark.parametrize("written", ["More: rocks", "2"])
def test_document_ids_are_any_text(written):
    """The model may number documents that have names; two documents may have the same name."""
    name, text = "More: rocks", f'A.{FIRST}\n{CITATION}\n{written}: "It is fine grained."'
    documents = [{"doc_id": name, "text": "It is"}, DOCUMENTS[1] | {"doc_id": name}]
    assert parsed(text, documents) == ("A.", [citation("0", name, "It is fine grained.", 19, "A.")], [])
