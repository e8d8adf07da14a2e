"""Citations and hallucinations: what Granite 3.3 writes of its sources in and behind an answer, as objects.

The model marks a cited sentence with `<|start_of_cite|>{"document_id": "1"}<|end_of_cite|>`, and lists behind the answer,
each after a line of its own, the cited passages (`1: "…"`) and the risk of each sentence (`1. Risk low: …`).
granite-common's parser of Granite 3.3 makes the objects of the whole text; what is streamed is the answer alone.
"""

from __future__ import annotations

import itertools
import logging
import re
from dataclasses import replace
from typing import Any

from granite_common.granite3 import granite33
from granite_common.granite3.granite33.constants import CITATIONS_START, CITE_END, CITE_START, HALLUCINATIONS_START

from granite.output import sentences
from granite.output.parser import Parser, Piece
from granite.output.scrubbed import without_cut_token
from granite.output.tags import Tags
from granite.output.trimmed import Trimmed
from granite.request.control_tokens import CONTROL_TOKENS

MARK = re.compile(r'(\s*\{"document_id": ")([^"]*)("\}\s*)')
"""What stands between the tokens of a citation."""

ENTRY_ID = re.compile(r"^(\s*)([^\n:]+)(:)", re.MULTILINE)
"""What a line of the list of cited passages begins with."""

CITE = re.compile(re.escape(CITE_START) + MARK.pattern + re.escape(CITE_END))

ENTRY = re.compile(r"\d+:.+")
"""A line of the list of cited passages."""

for _name in ("granite_common.granite3.output", "granite_common.granite3.granite33.output"):
    # They print the model's words to stdout, whatever LOG_PROMPTS says.
    logging.getLogger(_name).disabled = True


class Grounding:
    def __init__(self, inner: Parser, documents: list[dict[str, str]], controls: dict[str, Any]) -> None:
        """`inner`: parses the text first. `documents`, `controls`: the request's."""
        self._inner = inner
        self._documents = documents
        self._controls = controls
        self._tags = Tags((*CONTROL_TOKENS, CITATIONS_START, HALLUCINATIONS_START))
        self._written = ""
        self._trimmed = Trimmed()
        self._mark: str | None = None
        """What a citation's tokens hold so far; None outside of them."""
        self._lists: list[str] = []
        """What stands behind the answer, a text for each list; empty before its end."""
        self._answer = ""
        self._marks: list[int] = []
        """Where in the answer each citation stood."""

    def add(self, text: str) -> Piece:
        return self._piece(self._inner.add(text))

    def end(self) -> Piece:
        """The lists. One of which nothing can be made stays content, so that it is not lost."""
        piece = self._piece(self._inner.end())
        content = piece.content + self._text(without_cut_token(self._tags.rest()))
        if self._mark is not None:
            content += self._shown(self._mark)
        lists = _read(self._written, self._documents, self._controls) if self._lists else {}
        for citation, mark in itertools.zip_longest(lists.get("citations", []), self._marks):
            if citation is not None:
                citation |= _cited(self._answer, mark)
        for begin, name in ((CITATIONS_START, "citations"), (HALLUCINATIONS_START, "hallucinations")):
            if name not in lists:
                content += "".join(self._shown(text) for text in self._lists if text.startswith(begin))
        return replace(piece, content=content, lists=lists)

    def _piece(self, piece: Piece) -> Piece:
        self._written += piece.content
        return replace(piece, content="".join(map(self._text, self._tags.split(piece.content))))

    def _text(self, part: str) -> str:
        """The part's share of the answer."""
        if part in (CITATIONS_START, HALLUCINATIONS_START):
            self._lists.append(part)
            return ""
        if self._lists:
            self._lists[-1] += "" if part in CONTROL_TOKENS else part
            return ""
        if part == CITE_START:
            before, self._mark = self._mark or "", ""
            return self._shown(before)
        if self._mark is not None:
            if part != CITE_END:
                self._mark += part
                return ""
            # A citation that holds an answer's words, as the system text's example does, leaves them in.
            mark, self._mark = self._mark, None
            if not MARK.fullmatch(mark):
                return self._shown(mark)
            self._marks.append(len(self._answer))
            return ""
        return "" if part in CONTROL_TOKENS else self._shown(part)

    def _shown(self, text: str) -> str:
        """The text, without white space at the ends of the whole."""
        shown = self._trimmed.add(text)
        self._answer += shown
        return shown


def _read(text: str, documents: list[dict[str, str]], controls: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """`citations` and `hallucinations`, those that the model wrote and granite-common understands."""
    ids = [document["doc_id"] for document in documents]
    # granite-common knows ids of digits alone.
    numbers = {each: each if all(map(str.isdigit, ids)) else str(number) for number, each in enumerate(ids, 1)}
    request = {
        "messages": [{"role": "user", "content": ""}],
        "extra_body": {
            "documents": [{**document, "doc_id": numbers[document["doc_id"]]} for document in documents],
            "chat_template_kwargs": {"controls": controls},
        },
    }
    try:
        sentences.install()
        message: Any = granite33.Granite33OutputProcessor().transform(
            _listed_marks(_numbered(text, numbers)), granite33.Granite33ChatCompletion.model_validate(request)
        )
    except Exception:  # it takes the model's format for granted
        return {}
    lists: dict[str, list[dict[str, Any]]] = {}
    if message.citations:
        names = {number: doc_id for doc_id, number in numbers.items()}
        citations = [citation.model_dump() for citation in message.citations]
        lists["citations"] = [
            _mended({**citation, "doc_id": names.get(citation["doc_id"], citation["doc_id"])}, documents)
            for citation in citations
        ]
    if message.hallucinations:
        lists["hallucinations"] = [each.model_dump(exclude_none=True) for each in message.hallucinations]
    return lists


def _numbered(text: str, numbers: dict[str, str]) -> str:
    """The text with each document's number in place of its id, in the marks and in the list of passages."""
    answer, begin, lists = text.partition(CITATIONS_START)
    passages, rest_begin, rest = lists.partition(HALLUCINATIONS_START)

    def number(found: re.Match[str]) -> str:
        return f"{found[1]}{numbers.get(found[2], found[2])}{found[3]}"

    answer = MARK.sub(number, answer)
    passages = ENTRY_ID.sub(number, passages)
    return answer + begin + passages + rest_begin + rest


def _listed_marks(text: str) -> str:
    """The text without the marks that have no entry in the list: granite-common refuses all for one of them."""
    listed = len(ENTRY.findall(text.partition(CITATIONS_START)[2].partition(HALLUCINATIONS_START)[0]))
    marks = itertools.count()
    return str(CITE.sub(lambda found: found[0] if next(marks) < listed else "", text))


def _mended(citation: dict[str, Any], documents: list[dict[str, str]]) -> dict[str, Any]:
    """With its passage's place in the document: granite-common finds the first citation's alone."""
    for document in documents:
        begin = document["text"].find(citation["context_text"])
        if document["doc_id"] == citation["doc_id"] and begin >= 0:
            citation |= {"context_begin": begin, "context_end": begin + len(citation["context_text"])}
    return citation


def _cited(answer: str, mark: int | None) -> dict[str, Any]:
    """The sentence that a citation stands in or behind, empty for one that the answer does not mark.

    granite-common takes in the next sentence, too, and all its spans end where the answer ends.
    """
    begin, end = (0, 0) if mark is None else sentences.last_before(answer, mark)
    return {"response_text": answer[begin:end], "response_begin": begin, "response_end": end}
