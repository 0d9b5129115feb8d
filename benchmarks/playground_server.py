"""The playground's server, measured from outside: how soon it answers, how long a token takes with four agents, what
it keeps in memory, and what 1,000 sockets leave behind. Needs Linux.

python benchmarks/playground_server.py [EPISODES]     by default 150; the agents were trained for two updates
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))

from serving import Served, served
from support import python

POLICIES = ("gru", "transformer", "lstm", "memoryless")
SOCKETS = 1000

# Trains an agent of each policy for a moment, in this one process.
TRAIN = """
import sys, inwit
for policy in sys.argv[1:]:
    more = {"policy": {"id": policy}, "training": {"max_updates": 2, "confirm": False}}
    print(inwit.train("tutorial", seed=0, **more).path.name)
"""


def share(seconds: list[float], part: float) -> float:
    """The milliseconds below which a share of them lies."""
    return 1000 * sorted(seconds)[int(part * (len(seconds) - 1))]


async def ask(line: ClientConnection, **message: Any) -> tuple[dict[str, Any], float, int]:
    """The answer, the seconds until it came, and its bytes. The page's own work with JSON does not count."""
    text = json.dumps({"id": 1, **message})
    started = time.perf_counter()
    await line.send(text)
    answer = await line.recv()
    seconds = time.perf_counter() - started
    read = json.loads(answer)
    assert "error" not in read, read["error"]
    return read, seconds, len(answer)


async def played(server: Served, table: list[str], episodes: int) -> None:
    """Print how long the answers take while drawn problems are played by legal tokens, all agents listening."""
    begins, steps, sizes = list[float](), list[float](), list[int]()
    async with connect(server.url, **server.own) as line:  # pyright: ignore[reportArgumentType]
        for number in range(episodes):
            stage, digits = number % 3, [number % 10, number // 10 % 10, 3, 4, 5]
            task = [[stage], [*digits[: 3 + stage], *[0] * (2 - stage)]]  # what does not exist is 0
            position, seconds, _ = await ask(line, ask="begin", table=table, task=task)
            begins.append(seconds)
            while not (position.get("terminated") or position.get("truncated")):
                legal = [token for token, can in enumerate(position["legal"]) if can]
                agents = {name: own["memory"] for name, own in position["agents"].items()}
                message = {"state": position["state"], "agents": agents, "token": legal[len(steps) % len(legal)]}
                position, seconds, size = await ask(line, ask="advance", table=table, **message)
                steps.append(seconds)
                sizes.append(size)
    print(f"begin, ms: p50 {share(begins, 0.5):.1f}, p95 {share(begins, 0.95):.1f}")
    told = ", ".join(f"p{100 * part:.0f} {share(steps, part):.1f}" for part in (0.5, 0.95, 0.99))
    print(f"step, ms: {told} ({len(steps)} steps, answers up to {max(sizes) / 1000:.0f} kB)")


async def opened_and_closed(server: Served, table: list[str]) -> None:
    for _ in range(SOCKETS):
        async with connect(server.url, **server.own) as line:  # pyright: ignore[reportArgumentType]
            await ask(line, ask="begin", table=table, task=[[2], [1, 2, 3, 4, 5]])


def page_of(server: Served) -> int:
    """The bytes of all three files."""
    head = f"HTTP/1.1\r\nHost: {server.host}\r\n\r\n"
    return sum(len(server.answer(f"GET {path} {head}".encode())) for path in ("/", "/page.js", "/page.css"))


async def ready(server: Served, table: list[str]) -> None:
    async with connect(server.url, **server.own) as line:  # pyright: ignore[reportArgumentType]
        await ask(line, ask="begin", table=table, task=[[2], [5, 2, 4, 4, 8]])


def measure(folder: Path, table: list[str], episodes: int) -> None:
    started = time.perf_counter()
    with served(folder, *table) as server:

        def seconds() -> float:
            return time.perf_counter() - started

        print(f"address printed after {seconds():.2f} s")
        size = page_of(server)
        print(f"page served after {seconds():.2f} s ({size / 1000:.0f} kB)")
        asyncio.run(ready(server, table))
        print(f"first position with {len(table)} agents after {seconds():.2f} s; memory {server.memory():.0f} MB")
        asyncio.run(played(server, table, episodes))
        before, threads = server.memory(), server.threads()
        print(f"memory {before:.0f} MB, {threads} threads")
        started_sockets = time.perf_counter()
        asyncio.run(opened_and_closed(server, table))
        print(
            f"{SOCKETS:,} sockets opened and closed in {time.perf_counter() - started_sockets:.1f} s: memory "
            f"{server.memory() - before:+.1f} MB, threads {server.threads() - threads:+}"
        )


def main(episodes: str = "150") -> None:
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    with TemporaryDirectory() as name:
        folder = Path(name)
        done = python(TRAIN, *POLICIES, INWIT_RUNS=str(folder / "runs"), OMP_NUM_THREADS="1")
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, "train", done.stdout, done.stderr)
        measure(folder, done.stdout.split(), int(episodes))


if __name__ == "__main__":
    main(*sys.argv[1:])
