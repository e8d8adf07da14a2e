"""Citations and hallucinations: what Granite 3.3 writes of its sources in and behind an answer, as objects.

The model marks a cited sentence with `<|start_of_cite|>{"document_id": "1"}<|end_of_cite|>`, and lists behind the answer,
each after a line of its own, the cited passages (`1: "…"`) and the risk of each sentence (`1. Risk low: …`).
granite-common's parser of Granite 3.3 makes the objects of the whole text; what is streamed is the answer alone.
"""

from __future__ import annotations

import functools
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from granite_common.granite3 import granite33
from granite_common.granite3.granite33.constants import CITATIONS_START, CITE_END, CITE_START, HALLUCINATIONS_START

from granite.output.parser import Parser, Piece
from granite.output.tags import Tags
from granite.request.control_tokens import CONTROL_TOKENS

SENTENCES = Path(__file__).parent / "nltk_data"
"""English abbreviations in the form of NLTK's punkt_tab, by which granite-common finds a citation's sentence. NLTK's own
data is a download."""

MARK = re.compile(r'\s*\{"document_id": "[^"]*"\}\s*')
"""What stands between the tokens of a citation."""

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
        self._held = ""
        """White space that may be the answer's end."""
        self._mark: str | None = None
        """What a citation's tokens hold so far; None outside of them."""
        self._lists = ""
        """What stands behind the answer; empty before its end."""
        self._answer = ""
        self._marks: list[int] = []
        """Where in the answer each citation stood."""

    def add(self, text: str) -> Piece:
        return self._piece(self._inner.add(text))

    def end(self) -> Piece:
        """The lists; as text where nothing can be made of them, so that nothing is lost."""
        piece = self._piece(self._inner.end())
        content = piece.content + self._text(self._tags.rest())
        if self._mark is not None:
            content += self._shown(self._mark)
        lists = _read(self._written, self._documents, self._controls) if self._lists else {}
        for citation, mark in zip(lists.get("citations", []), self._marks, strict=False):
            citation |= _sentence(self._answer, mark)
        if self._lists and not lists:
            content += self._shown(self._lists.rstrip())
        return replace(piece, content=content, lists=lists)

    def _piece(self, piece: Piece) -> Piece:
        self._written += piece.content
        return replace(piece, content="".join(map(self._text, self._tags.split(piece.content))))

    def _text(self, part: str) -> str:
        """The part's share of the answer."""
        if self._lists or part in (CITATIONS_START, HALLUCINATIONS_START):
            self._lists += part
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
        text = self._held + text if self._answer else text.lstrip()
        shown = text.rstrip()
        self._held = text[len(shown) :]
        self._answer += shown
        return shown


def _read(text: str, documents: list[dict[str, str]], controls: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """`citations` and `hallucinations`, those that the model wrote and granite-common understands."""
    _sentences()  # granite-common looks for them, too
    request = granite33.Granite33ChatCompletion.model_validate(
        {
            "messages": [{"role": "user", "content": ""}],
            "extra_body": {"documents": documents, "chat_template_kwargs": {"controls": controls}},
        }
    )
    try:
        message: Any = granite33.Granite33OutputProcessor().transform(_listed_marks(text), request)
    except Exception:  # it takes the model's format for granted
        return {}
    lists: dict[str, list[dict[str, Any]]] = {}
    if message.citations:
        lists["citations"] = [_mended(citation.model_dump(), documents) for citation in message.citations]
    if message.hallucinations:
        lists["hallucinations"] = [
            hallucination.model_dump(exclude_none=True) for hallucination in message.hallucinations
        ]
    return lists


def _listed_marks(text: str) -> str:
    """The text without the marks that have no entry in the list: granite-common refuses all for one of them."""
    listed = len(ENTRY.findall(text.partition(CITATIONS_START)[2].partition(HALLUCINATIONS_START)[0]))
    pieces = re.split(f"({re.escape(CITE_START)}{MARK.pattern}{re.escape(CITE_END)})", text)
    return "".join(piece for position, piece in enumerate(pieces) if position % 2 == 0 or position // 2 < listed)


def _mended(citation: dict[str, Any], documents: list[dict[str, str]]) -> dict[str, Any]:
    """With its passage's place in the document: granite-common finds the first citation's alone."""
    for document in documents:
        begin = document["text"].find(citation["context_text"])
        if document["doc_id"] == citation["doc_id"] and begin >= 0:
            citation |= {"context_begin": begin, "context_end": begin + len(citation["context_text"])}
    return citation


def _sentence(answer: str, mark: int) -> dict[str, Any]:
    """The sentence that a citation stands in or behind: granite-common takes in the next one, and all its spans end
    where the answer ends.
    """
    begin, end = max((span for span in _sentences().span_tokenize(answer) if span[0] < mark), default=(0, 0))
    return {"response_text": answer[begin:end], "response_begin": begin, "response_end": end}


@functools.cache
def _sentences() -> Any:
    import nltk

    if str(SENTENCES) not in nltk.data.path:
        nltk.data.path.append(str(SENTENCES))
    return nltk.tokenize.PunktTokenizer("english")
