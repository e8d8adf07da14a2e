"""Records, figures and the report."""

import json

import pytest

from granite.errors import SettingsError
from granite.gpu_check import report
from granite.gpu_check.checks import Checks, Failure, Skipped


def raising(error):
    def check():
        raise error

    return check


@pytest.fixture
def checks():
    checks = Checks()
    checks.run("fast", lambda: {"tokens_per_s": 12.5, "text": "a" * 41, "same": True, "cache": {"vllm": 1}})
    checks.run("broken", raising(Failure("It is wrong.", {"most": 3})))
    checks.run("refused", raising(SettingsError("A setting is wrong.")))
    checks.run("a bug", raising(KeyError("name")))
    checks.run("idle", raising(Skipped("nobody wants it")))
    for record in checks.records:
        record["seconds"] = 1.5
    return checks


def test_each_check_is_recorded_and_none_stops_the_others(checks):
    def record(name, status, reason="", figures=None):
        return {"name": name, "status": status, "seconds": 1.5, "reason": reason, "figures": figures or {}}

    assert checks.records == [
        record("fast", "passed", "", {"tokens_per_s": 12.5, "text": "a" * 41, "same": True, "cache": {"vllm": 1}}),
        record("broken", "failed", "It is wrong.", {"most": 3}),
        record("refused", "failed", "A setting is wrong."),
        record("a bug", "failed", "KeyError: 'name'"),
        record("idle", "skipped", "nobody wants it"),
    ]
    assert checks.failed == 3


def test_an_interrupted_check_is_recorded(checks, capsys):
    with pytest.raises(SystemExit):
        checks.run("long", raising(SystemExit(130)))
    assert (checks.records[-1]["status"], checks.records[-1]["reason"]) == ("failed", "Interrupted.")
    assert capsys.readouterr().err == "long … failed, 0.0 s: Interrupted.\n"


def test_the_table(checks):
    checks.records[1]["reason"] = "word " * 20 + "end."
    assert report.table(checks.records) == (
        "fast     passed      1.5 s  tokens_per_s 12.5, same True\n"
        "broken   failed      1.5 s  word word word word word word word word word word word word word word word word word word\n"
        "                            word word end.\n"
        "refused  failed      1.5 s  A setting is wrong.\n"
        "a bug    failed      1.5 s  KeyError: 'name'\n"
        "idle     skipped     1.5 s  nobody wants it\n"
        "\n"
        "1 passed, 3 failed, 1 skipped"
    )


def test_the_report_is_written_where_it_can_be(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "granite-cog").mkdir()
    assert report.write({"a": 1}, tmp_path / "r.json") == tmp_path / "r.json"
    assert report.write({"a": 1}, tmp_path / "missing" / "r.json") == tmp_path / "granite-cog" / "r.json"
    assert json.loads((tmp_path / "granite-cog" / "r.json").read_text()) == {"a": 1}
