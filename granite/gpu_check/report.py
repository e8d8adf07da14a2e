"""The report: one JSON object, and a table of it."""

import json
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from granite import cache
from granite.gpu_check.checks import Figures

WIDTH = 120


def write(report: dict[str, Any], file: Path) -> Path:
    """Return where it is: if `file` cannot be written, in the cache or in the directory for temporary files."""
    text = json.dumps(report, indent=1, ensure_ascii=False, default=str)
    for place in (file, cache.directory() / file.name, Path(tempfile.gettempdir(), file.name)):
        try:
            place.write_text(f"{text}\n", encoding="utf-8")
        except OSError:
            continue
        return place
    raise OSError(f"{file} cannot be written, and no other directory can")


def table(records: list[dict[str, Any]]) -> str:
    """One line for each check, and more if its figures need them; long figures are in the JSON alone."""
    name = max((len(record["name"]) for record in records), default=0)
    lines = []
    for record in records:
        start = f"{record['name']:{name}}  {record['status']:7}  {record['seconds']:6.1f} s  "
        words = record["reason"] or _figures(record["figures"])
        wrapper = textwrap.TextWrapper(WIDTH, start, " " * len(start), break_on_hyphens=False)
        lines.append(wrapper.fill(words) or start.rstrip())
    statuses = [record["status"] for record in records]
    counts = [f"{statuses.count(status)} {status}" for status in ("passed", "failed", "skipped")]
    return "\n".join([*lines, "", ", ".join(counts)])


def _figures(figures: Figures) -> str:
    shown = [(name, value) for name, value in figures.items() if isinstance(value, (bool, int, float, str))]
    return ", ".join(f"{name} {value}".replace("\n", " ") for name, value in shown if 0 < len(str(value)) <= 40)
