"""Citations and hallucinations: what Granite 3.3 writes about its sources in and after an answer, as objects.

The model marks a cited sentence with `<|start_of_cite|>{"document_id": "1"}<|end_of_cite|>`. After the answer it lists,
each under a line of its own, the cited passages in the order of the marks (`1: "…"`, with the document's id) and the risk
that a sentence is unsupported (`1. Risk low: …`). The objects have the fields that IBM's granite-common gives them.
"""

import re
from bisect import bisect_left
from typing import Any

from granite.output import sentences
from granite.output.message import MessageDelta
from granite.output.stream_text import Tags, Trimmed
from granite.request.control_tokens import CONTROL_TOKENS

CITE, END_CITE = "<|start_of_cite|>", "<|end_of_cite|>"
LISTS = {'{"id": "citation"}': "citations", '{"id": "hallucination"}': "hallucinations"}
"""The line above each list, and the message's field for it."""

TAGS = (*CONTROL_TOKENS, *LISTS)
MARK = re.compile(r'\s*\{"document_id": "[^"]*"\}\s*')
"""The text between the tokens of a citation."""

ENTRY = re.compile(r'^[-*• \t]*+(.+?(?=:[ \t]*")|\d+):(.+)', re.MULTILINE)
"""A cited passage: its document's id, which may contain colons, and its text."""

RISK = re.compile(r"(?<!\d)(\d++)\.\s*+Risk (low|high|unanswerable):")


class Grounding:
    def __init__(self, documents: list[dict[str, str]]) -> None:
        """`documents`: the request's, each with `doc_id` and `text`."""
        self._documents = documents
        self._tags = Tags(TAGS)
        self._trimmed = Trimmed()
        self._answer: list[str] = []
        self._length = 0
        self._marks: list[int] = []
        """Where in the answer each citation was."""
        self._mark: list[str] | None = None
        """The text between the tokens of a citation, so far; None outside of them."""
        self._lists: list[list[str]] = []
        """The texts of each list, its first line included; none before the answer's end."""

    def read(self, text: str, *, end: bool = False) -> MessageDelta:
        content = "".join(map(self._read, self._tags.split(text, end=end)))
        return self._end(content + self._end_mark()) if end else MessageDelta(content)

    def _end(self, content: str) -> MessageDelta:
        """The lists. Those of a kind in which nothing can be read stay content, so that they are not lost."""
        answer = "".join(self._answer)
        lists: dict[str, list[dict[str, Any]]] = {}
        readers = {"citations": self._citations, "hallucinations": _hallucinations}
        written, self._lists = self._lists, []
        for first, *rest in written:
            # The model may repeat a list: the last one that can be read is taken.
            if entries := readers[LISTS[first]]("".join(rest), answer):
                lists[LISTS[first]] = entries
        unread = [text for texts in written if LISTS[texts[0]] not in lists for text in texts]
        return MessageDelta(content + "".join(map(self._put, unread)), lists=lists)

    def _read(self, part: str) -> str:
        """What a text or a tag adds to the answer."""
        if part not in TAGS:
            if self._mark is None:
                return self._put(part)
            self._mark.append(part)
            return ""
        before = self._end_mark(closed=part == END_CITE)
        if part == CITE:
            self._mark = []
        elif part in LISTS:
            self._lists.append([part])
        return before

    def _end_mark(self, *, closed: bool = False) -> str:
        mark, self._mark = "".join(self._mark or ()), None
        if not closed or not MARK.fullmatch(mark):
            # The example in Granite's system prompt has the answer's own words between the tokens: they stay.
            return self._put(mark)
        if not self._lists:
            self._marks.append(self._length)
        return ""

    def _put(self, text: str) -> str:
        """Add a text to the list that is being read, or to the answer, which has no white space at its ends."""
        if self._lists:
            self._lists[-1].append(text)
            return ""
        shown = self._trimmed.add(text)
        self._answer.append(shown)
        self._length += len(shown)
        return shown

    def _citations(self, text: str, answer: str) -> list[dict[str, Any]]:
        ids = [document["doc_id"] for document in self._documents]
        # The model may number documents whose ids are names.
        names = {str(number): each for number, each in enumerate(ids, 1)} | {each: each for each in ids}
        spans = [(0, 0), *sentences.spans(answer)]
        # A mark belongs to the sentence that contains it or ends at it.
        cited = [spans[max(bisect_left(spans, (mark, 0)) - 1, 0)] for mark in self._marks]
        citations: list[dict[str, Any]] = []
        for name, passage in ENTRY.findall(text):
            if name not in names and not name.isdigit():
                continue
            index, doc_id, passage = len(citations), names.get(name, name), passage.strip().strip('"')
            found = (each["text"].find(passage) for each in self._documents if each["doc_id"] == doc_id)
            begin, end = cited[index] if index < len(cited) else (0, 0)
            citations.append(
                {
                    # granite-common numbers only what the answer marks.
                    "citation_id": str(index) if index < len(cited) else "0",
                    "doc_id": doc_id,
                    **_span("context", passage, max(found, default=-1)),
                    **_span("response", answer[begin:end], begin),
                }
            )
        return citations


def _hallucinations(text: str, answer: str) -> list[dict[str, Any]]:
    parts = RISK.split(text)[1:]
    rated = zip(parts[::3], parts[1::3], map(str.strip, parts[2::3]), strict=True)
    return [
        {"hallucination_id": number, "risk": risk, **_span("response", sentence, answer.find(sentence))}
        for number, risk, sentence in rated
        if sentence
    ]


def _span(name: str, text: str, begin: int) -> dict[str, Any]:
    """`begin`: negative if the text was not found; begin and end are 0 then."""
    end = begin + len(text) if begin >= 0 else 0
    return {f"{name}_text": text, f"{name}_begin": max(begin, 0), f"{name}_end": end}
