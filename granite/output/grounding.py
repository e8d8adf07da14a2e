"""Citations and hallucinations: what Granite 3.3 writes about its sources in and after an answer, as objects.

The model marks a cited sentence with `<|start_of_cite|>{"document_id": "1"}<|end_of_cite|>`. After the answer it lists,
each under a line of its own, the cited passages in the order of the marks (`1: "…"`, with the document's id) and the risk
that a sentence is unsupported (`1. Risk low: …`). The objects have the fields that IBM's granite-common gives them.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import replace
from typing import Any

from granite.output import sentences
from granite.output.message import MessageDelta, Parser
from granite.output.stream_text import Tags, Trimmed, without_cut_token
from granite.request.control_tokens import CONTROL_TOKENS

CITE, END_CITE = "<|start_of_cite|>", "<|end_of_cite|>"
LISTS = {'{"id": "citation"}': "citations", '{"id": "hallucination"}': "hallucinations"}
"""The line above each list, and the message's field for it."""

MARK = re.compile(r'\s*\{"document_id": "[^"]*"\}\s*')
"""The text between the tokens of a citation."""

MARKS = re.compile(re.escape(CITE) + MARK.pattern + re.escape(END_CITE))
TOKENS = re.compile("|".join(map(re.escape, CONTROL_TOKENS)))
NUMBERED = re.compile(r"(?<!\d)(\d++):(.+)")
RISK = re.compile(r"(?<!\d)(\d++)\.\s*+Risk (low|high|unanswerable):")


class Grounding:
    def __init__(self, inner: Parser, documents: list[dict[str, str]]) -> None:
        """`inner`: parses the text first. `documents`: the request's, each with `doc_id` and `text`."""
        self._inner = inner
        self._documents = documents
        self._tags = Tags((*CONTROL_TOKENS, *LISTS))
        self._trimmed = Trimmed()
        self._answer: list[str] = []
        self._length = 0
        self._marks: list[int] = []
        """Where in the answer each citation was."""
        self._mark: list[str] | None = None
        """The text between the tokens of a citation, so far; None outside of them."""
        self._lists: list[list[str]] = []
        """The pieces of each list, its first line included; none before the answer's end."""

    def add(self, text: str) -> MessageDelta:
        return self._delta(self._inner.add(text))

    def end(self) -> MessageDelta:
        """The lists. Those of a kind in which nothing can be read stay content, so that they are not lost."""
        delta = self._delta(self._inner.end())
        content = delta.content + self._read(without_cut_token(self._tags.rest()))
        if self._mark is not None:
            content += self._show("".join(self._mark))
        lists: dict[str, list[dict[str, Any]]] = {}
        written = [(LISTS[pieces[0]], "".join(pieces)) for pieces in self._lists]
        answer = "".join(self._answer)
        for name, text in written:
            clean = TOKENS.sub("", MARKS.sub("", text))
            # The model may repeat a list: the last one that can be read is taken.
            if entries := self._citations(clean, answer) if name == "citations" else _hallucinations(clean, answer):
                lists[name] = entries
        content += "".join(self._show(TOKENS.sub("", text)) for name, text in written if name not in lists)
        return replace(delta, content=content, lists={name: lists[name] for name in LISTS.values() if name in lists})

    def _delta(self, delta: MessageDelta) -> MessageDelta:
        return replace(delta, content="".join(map(self._read, self._tags.split(delta.content))))

    def _read(self, part: str) -> str:
        """What a text or a tag adds to the answer."""
        if part in LISTS:
            self._lists.append([part])
        elif self._lists:
            self._lists[-1].append(part)
        elif part == CITE:
            before, self._mark = self._mark or [], []
            return self._show("".join(before))
        elif part == END_CITE and self._mark is not None:
            mark, self._mark = "".join(self._mark), None
            # The example in Granite's system prompt has the answer's own words between the tokens: they stay.
            if not MARK.fullmatch(mark):
                return self._show(mark)
            self._marks.append(self._length)
        elif part not in CONTROL_TOKENS and self._mark is not None:
            self._mark.append(part)
        elif part not in CONTROL_TOKENS:
            return self._show(part)
        return ""

    def _show(self, text: str) -> str:
        """The text, without white space at the ends of the answer."""
        shown = self._trimmed.add(text)
        self._answer.append(shown)
        self._length += len(shown)
        return shown

    def _citations(self, text: str, answer: str) -> list[dict[str, Any]]:
        ids = [document["doc_id"] for document in self._documents]
        # The model may number documents whose ids are names.
        numbers = {} if all(map(str.isdigit, ids)) else {str(number): each for number, each in enumerate(ids, 1)}
        known = numbers | {each: each for each in ids}
        entries = [entry for line in text.rstrip().splitlines()[1:] if (entry := _entry(line, known))]
        spans = [(0, 0), *sentences.spans(answer)]
        # A mark belongs to the sentence that contains it or ends at it.
        cited = [spans[max(bisect_left(spans, (mark, 0)) - 1, 0)] for mark in self._marks]
        citations = []
        for index, (doc_id, passage) in enumerate(entries):
            texts = [document["text"] for document in self._documents if document["doc_id"] == doc_id]
            context_begin, context_end = next(
                (span for each in texts if (span := _find(passage, each)) != (0, 0)), (0, 0)
            )
            begin, end = cited[index] if index < len(cited) else (0, 0)
            citations.append(
                {
                    # granite-common numbers only what the answer marks.
                    "citation_id": str(index) if index < len(cited) else "0",
                    "doc_id": doc_id,
                    "context_text": passage,
                    "context_begin": context_begin,
                    "context_end": context_end,
                    "response_text": answer[begin:end],
                    "response_begin": begin,
                    "response_end": end,
                }
            )
        return citations


def _entry(line: str, known: dict[str, str]) -> tuple[str, str] | None:
    """The document and the text of a cited passage. An id may contain colons: the longest known one is taken."""
    line = line.lstrip()
    longest = max(map(len, known), default=0)
    for colon in reversed([match.start() for match in re.finditer(":", line[: longest + 2])]):
        if (name := line[:colon].strip()) in known and line[colon + 1 :]:
            return known[name], line[colon + 1 :].strip().strip('"')
    found = NUMBERED.search(line)
    return (known.get(found[1], found[1]), found[2].strip().strip('"')) if found else None


def _hallucinations(text: str, answer: str) -> list[dict[str, Any]]:
    found = []
    parts = RISK.split(text)[1:]
    for number, risk, sentence in zip(parts[::3], parts[1::3], map(str.strip, parts[2::3]), strict=True):
        if sentence:
            begin, end = _find(sentence, answer)
            found.append(
                {
                    "hallucination_id": number,
                    "risk": risk,
                    "response_text": sentence,
                    "response_begin": begin,
                    "response_end": end,
                }
            )
    return found


def _find(part: str, text: str) -> tuple[int, int]:
    """Begin and end of the part in the text; both 0 if it is not there."""
    begin = text.find(part)
    return (begin, begin + len(part)) if begin >= 0 else (0, 0)
