"""Texts that an answer keeps to."""

from __future__ import annotations

from typing import Any

from granite.request import control_tokens
from granite.request.faults import Faults, shown

KEYS = ("doc_id", "title", "text")


def checked(faults: Faults, documents: list[dict[str, Any]] | None) -> list[dict[str, str]]:
    """Each document's `doc_id` and `text`. Without an id of its own it goes by its title, else by its number from 1."""
    return [_document(faults, position, document) for position, document in enumerate(documents or [])]


def _document(faults: Faults, position: int, document: dict[str, Any]) -> dict[str, str]:
    where = f"documents[{position}]"
    if not isinstance(document.get("text"), str):
        faults.add("documents", f'{where} must hold its text: write {{"text": …}}.')
    for key in sorted(document.keys() - set(KEYS)):
        faults.add("documents", f"{where} holds {shown(key)}: a document has {', '.join(KEYS)}.")
    for key in ("doc_id", "title"):
        value = document.get(key)
        if value is not None and (not isinstance(value, str | int) or isinstance(value, bool)):
            faults.add("documents", f"{where}.{key} must be a text or a whole number, got {shown(value)}.")
    control_tokens.refuse(faults, "documents", [document.get(key) for key in KEYS], where)
    doc_id = next((document[key] for key in ("doc_id", "title") if document.get(key) not in (None, "")), position + 1)
    return {"doc_id": str(doc_id), "text": str(document.get("text"))}
