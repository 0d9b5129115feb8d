"""The page's graphs, measured: how long they take to trace, how large they are, and how long a step takes in Node.

python benchmarks/playground.py [RECIPE ...]     by default tutorial, calculator and lookup; agents are untrained
"""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from inwit.core.seeding import stream
from inwit.playground.blob import Blob
from inwit.playground.graphs import agent_graphs, example, world_graphs
from inwit.playground.scripts import script
from inwit.policies import POLICIES
from inwit.training.config import resolve
from inwit.training.loop import new_agent

EPISODES = 200  # played in Node, each to its end

# Plays episodes greedily, and counts the milliseconds of reading a prompt and of a step of world and agent.
PLAY = """
const { page, tasks } = JSON.parse(require("fs").readFileSync(process.argv[2], "utf8"));
const bytes = new Uint8Array(Buffer.from(page.blob.data, "base64")), [name] = Object.keys(page.agents);
const started = performance.now(), engine = engineOf(page, bytes), ready = performance.now() - started;
const begins = [], steps = [];
for (const values of tasks) {
  const task = values.map(([type, shape, numbers]) => tensorOf(type, shape, numbers));
  let at = performance.now(), position = engine.begin(task), over = false;
  begins.push(performance.now() - at);
  while (!over) {
    at = performance.now();
    const legal = [...position.legal.keys()].filter((token) => position.legal[token]);
    const token = following(position, name, page.masks) ?? legal[steps.length % legal.length];
    position = engine.advance(position, token);
    steps.push(performance.now() - at);
    over = position.terminated || position.truncated;
  }
}
const part = (list, share) => list.sort((a, b) => a - b)[Math.floor(share * (list.length - 1))];
const of = (list) => [part(list, 0.5), part(list, 0.95)];
const { heapUsed, arrayBuffers } = process.memoryUsage(), megabytes = (heapUsed + arrayBuffers) / 1e6;
process.stdout.write(JSON.stringify({ begin: of(begins), step: of(steps), steps: steps.length, megabytes, ready }));
"""


def zipped(*parts: object) -> int:
    """Bytes of the JSON of these parts, compressed as in a page."""
    return len(gzip.compress(json.dumps(parts, separators=(",", ":")).encode(), 9))


def text_of(blob: Blob) -> dict[str, Any]:
    return blob.to_json(base64.b64encode(blob.data).decode())


def played(page: dict[str, Any], world: Any) -> dict[str, Any]:
    """What Node measured on drawn tasks of all kinds."""
    draws = stream(0, "playground")
    drawn = world.sample(torch.randint(len(world.kinds), (EPISODES,), generator=draws), draws)
    tensors = [drawn.kind, *(drawn.data[name] for name in page["world"]["data"])]
    types = [signature[0] for signature in page["world"]["open"]["inputs"]]
    tasks = [
        [
            [type_, list(t[row : row + 1].shape), t[row].flatten().tolist()]
            for type_, t in zip(types, tensors, strict=True)
        ]
        for row in range(EPISODES)
    ]
    with TemporaryDirectory() as folder:
        program, data = Path(folder, "play.js"), Path(folder, "page.json")
        program.write_text(script() + PLAY, encoding="utf-8")
        data.write_text(json.dumps({"page": page, "tasks": tasks}), encoding="utf-8")
        done = subprocess.run(["node", str(program), str(data)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def measure(recipe: str) -> None:
    world: Any = new_agent(resolve(recipe)).world
    blob, started = Blob(), time.process_time()
    graphs = world_graphs(world, example(world), blob)
    size = zipped(graphs, text_of(blob))
    print(f"\n{recipe}: {world.id}, traced in {time.process_time() - started:.1f} s, {size / 1000:.1f} KB zipped")
    print(
        "policy       width   traced   weights  graphs   zipped   begin ms p50 p95   step ms p50 p95   steps     heap"
    )
    for policy in POLICIES.names():
        agent = new_agent(resolve(recipe, policy={"id": policy}))
        whole, started = Blob(blob.tensors, blob.data), time.process_time()
        own = agent_graphs(agent, whole)
        seconds = time.process_time() - started
        alone = Blob()
        alone.tensors, alone._parts = whole.tensors[len(blob.tensors) :], [whole.data[len(blob.data) :]]
        page = {"world": graphs, "agents": {policy: own}, "blob": text_of(whole), "masks": world.masks}
        told = played(page, world)
        print(
            f"{policy:12} {agent.config.policy.settings.width:5} {seconds:6.1f} s {len(alone.data) / 1000:6.0f} KB"
            f" {len(json.dumps(own)) / 1000:4.0f} KB {zipped(own, text_of(alone)) / 1000:5.0f} KB"
            f" {told['begin'][0]:11.2f} {told['begin'][1]:5.2f} {told['step'][0]:12.2f} {told['step'][1]:4.2f}"
            f" {told['steps']:9,} {told['megabytes']:5.0f} MB"
        )


def main(*recipes: str) -> None:
    if shutil.which("node") is None:
        raise SystemExit("benchmarks/playground.py needs Node, whose command is node")
    torch.set_num_threads(1)
    text = script()
    print(
        f"PyTorch {torch.__version__}; the engine's script: {len(text) / 1000:.1f} KB, {zipped(text) / 1000:.1f} zipped"
    )
    for recipe in recipes or ("tutorial", "calculator", "lookup"):
        measure(recipe)


if __name__ == "__main__":
    main(*sys.argv[1:])
