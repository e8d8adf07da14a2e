"""`script/soak`: a mixed load for minutes, and what it does to the server."""

import argparse
import asyncio
import json
import statistics
import sys
import time
from pathlib import Path

from granite.cli import environment

CLIENTS = 12
"""Requests at once: fewer than either API has slots."""

SAMPLE_SECONDS = 10

GROWTH = {"rss_mib": 1.15, "descriptors": 1.1, "threads": 1.1}
"""How many times as much as in the second quarter of the time the last quarter may have."""


class Soak:
    def __init__(self, server):
        self.server = server
        self.counts, self.faults, self.samples, self.probes = {}, [], [], []

    async def run(self, seconds):
        import httpx2

        from tests.soak.requests import KINDS

        limits = httpx2.Limits(max_connections=None)
        options = {"timeout": 120, "trust_env": False, "limits": limits}
        self._began = time.monotonic()
        self._end = self._began + seconds
        async with (
            httpx2.AsyncClient(base_url=self.server.url, **options) as cog,
            httpx2.AsyncClient(base_url=self.server.openai_url, **options) as openai,
        ):
            numbers = iter(range(1, 10**9))
            clients = [self._client(KINDS, numbers, cog, openai) for _ in range(CLIENTS)]
            await asyncio.gather(*clients, self._probe(cog), self._watch())
            self.in_use = await self._settled(openai)

    async def _client(self, kinds, numbers, cog, openai):
        while time.monotonic() < self._end:
            number = next(numbers)
            kind = kinds[number % len(kinds)]
            try:
                await kind(cog, openai, number)
            except Exception as error:  # each is a request that was lost or mixed up
                self.faults.append(f"{kind.__name__} {number}: {type(error).__name__} {error}")
            self.counts[kind.__name__] = self.counts.get(kind.__name__, 0) + 1

    async def _probe(self, cog):
        """How long a small request takes beside the others."""
        from tests.soak.requests import predict

        while time.monotonic() < self._end:
            began = time.monotonic()
            await predict(cog, prompt="Hi", max_tokens=1)
            self.probes.append((began - self._began, time.monotonic() - began))

    async def _watch(self):
        import psutil

        own = psutil.Process(self.server.pid)
        while time.monotonic() < self._end:
            tree = [own, *own.children(recursive=True)]
            sample = {
                "seconds": round(time.monotonic() - self._began),
                "requests": self.requests,
                "rss_mib": sum(process.memory_info().rss for process in tree) >> 20,
                "descriptors": sum(process.num_fds() for process in tree),
                "threads": sum(process.num_threads() for process in tree),
                "processes": len(tree),
            }
            self.samples.append(sample)
            environment.say(f"{sample} {len(self.faults)} faults")
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _settled(self, openai):
        """The slots in use once all has ended: 0, or what is lost."""
        for _ in range(100):
            text = (await openai.get("/metrics")).text
            lines = [line.split() for line in text.splitlines() if "slots_in_use " in line and line[0] != "#"]
            if not (in_use := sum(float(value) for _, value in lines)):
                break
            await asyncio.sleep(0.1)
        return in_use

    @property
    def requests(self):
        return sum(self.counts.values())

    def report(self):
        quarter = max(1, len(self.samples) // 4)
        early, late = self.samples[quarter : 2 * quarter] or self.samples, self.samples[-quarter:]
        growth = {
            name: round(statistics.median(s[name] for s in late) / statistics.median(s[name] for s in early), 3)
            for name in GROWTH
        }
        tenth = self.probes[-1][0] / 10
        parts = [[took for at, took in self.probes if part * tenth <= at <= (part + 1) * tenth] for part in range(10)]
        return {
            "requests": self.requests,
            "kinds": self.counts,
            "faults": self.faults,
            "slots_in_use_at_the_end": self.in_use,
            "growth": growth,
            "probe_p50_s": [round(statistics.median(part), 3) for part in parts if part],
            "probe_p99_s": [round(sorted(part)[int(0.99 * (len(part) - 1))], 3) for part in parts if part],
            "samples": self.samples,
        }


def verdict(report):
    """Sentences of what is wrong."""
    grown = [
        f"{name} grew to {report['growth'][name]} times." for name in GROWTH if report["growth"][name] > GROWTH[name]
    ]
    lost = (
        [f"{len(report['faults'])} requests were lost or mixed up: {report['faults'][0]}"] if report["faults"] else []
    )
    slots = [f"{report['slots_in_use_at_the_end']:.0f} slots are lost."] if report["slots_in_use_at_the_end"] else []
    return lost + slots + grown


def chart(report):
    """Memory over time, and the small request's times in each tenth of it."""
    width, height, samples = 640, 150, report["samples"]
    last = max(samples[-1]["seconds"], 1)

    def line(points, top, colour):
        path = " ".join(f"{x * width:.0f},{height * (1 - y / top):.0f}" for x, y in points)
        return f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>'

    memory = [(sample["seconds"] / last, sample["rss_mib"]) for sample in samples]
    top_memory = max(y for _, y in memory) * 1.1
    slow = [((part + 0.5) / len(report["probe_p99_s"]), value) for part, value in enumerate(report["probe_p99_s"])]
    fast = [((part + 0.5) / len(report["probe_p50_s"]), value) for part, value in enumerate(report["probe_p50_s"])]
    top_time = max(y for _, y in slow) * 1.1
    panels = [
        (f"memory of all processes, MiB (0 to {top_memory:.0f})", line(memory, top_memory, "#0f62fe")),
        (
            f"a small request beside the load, s: median and p99 (0 to {top_time:.2f})",
            line(fast, top_time, "#0f62fe") + line(slow, top_time, "#da1e28"),
        ),
    ]
    body = "".join(
        f'<g transform="translate(20,{30 + place * (height + 50)})"><text y="-8">{title}</text>'
        f'<rect width="{width}" height="{height}" fill="none" stroke="#888"/>{lines}</g>'
        for place, (title, lines) in enumerate(panels)
    )
    size = f'width="{width + 40}" height="{2 * (height + 50)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">'
        f'<rect width="100%" height="100%" fill="white"/>{body}</svg>\n'
    )


def main():
    parser = argparse.ArgumentParser(
        prog="script/soak",
        description="Load a server of its own with a mix of requests to both APIs, canceled and wrong ones too, and watch it. "
        "Exit 0 if no request was lost or mixed up, no slot is lost, and memory, descriptors and threads stay flat.",
    )
    parser.add_argument("--minutes", type=float, default=20, help="default: %(default)s")
    parser.add_argument(
        "--output", type=Path, default=Path("soak"), help="of NAME.json and NAME.svg (default: %(default)s)"
    )
    options = parser.parse_args()
    environment.enter()
    from granite.cli.own_server import ready
    from granite.cli.server import free_port

    with ready({"OPENAI_HOST": "127.0.0.1", "OPENAI_PORT": str(free_port())}) as server:
        soak = Soak(server)
        asyncio.run(soak.run(options.minutes * 60))
    report = soak.report()
    options.output.with_suffix(".json").write_text(json.dumps(report, indent=1))
    options.output.with_suffix(".svg").write_text(chart(report))
    for name in ("requests", "kinds", "growth", "probe_p50_s", "probe_p99_s"):
        print(f"{name:12} {report[name]}")
    wrong = verdict(report)
    print(*(wrong or ["Nothing was lost, mixed up or grew."]), sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
