"""What `script/soak` calls wrong."""

import pytest

from tests.soak.__main__ import Soak, chart, verdict


class Server:
    url = openai_url = ""


def soak(memory, faults=(), in_use=0):
    """Eight samples: of memory, the second quarter's and the last quarter's."""
    made = Soak(Server())
    sizes = [50, 50, memory[0], memory[0], 100, 100, memory[1], memory[1]]
    made.samples = [
        {"seconds": 10 * number, "requests": number, "rss_mib": size, "descriptors": 20, "threads": 9, "processes": 4}
        for number, size in enumerate(sizes)
    ]
    made.probes = [(number, 0.1 * (1 + number % 2)) for number in range(80)]
    made.counts, made.faults, made.in_use = {"prompt": 3, "tool": 4}, list(faults), in_use
    return made.report()


@pytest.mark.parametrize(
    ("report", "sentences"),
    [
        (soak((100, 115)), []),
        (soak((100, 116)), ["rss_mib grew to 1.16 times."]),
        (soak((100, 100), ["tool 7: Mixed expected 1, got 2"]), ["1 requests were lost or mixed up: tool 7: Mixed expected 1, got 2"]),
        (soak((100, 100), in_use=2.0), ["2 slots are lost."]),
    ],
)  # fmt: skip
def test_the_verdict(report, sentences):
    assert verdict(report) == sentences


def test_the_report_has_each_tenth_and_a_chart():
    report = soak((100, 100))
    assert (report["requests"], report["growth"]) == (7, {"rss_mib": 1.0, "descriptors": 1.0, "threads": 1.0})
    assert (len(report["probe_p50_s"]), max(report["probe_p99_s"])) == (10, 0.2)
    assert chart(report).count("<polyline") == 3
