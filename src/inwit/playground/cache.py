"""The graphs of worlds, kept between runs: tracing them takes seconds.

A file is named by all that the graphs depend on: world, settings, versions, and the code that traces. The code of a
world, or of what it is given, may change without any of these. So each file also says how the world behaved, on
episodes of random tokens, and a world that behaves otherwise is traced anew. A file that is damaged, or a folder that
cannot be read or written, counts as none.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from inwit.core import storage
from inwit.core.capabilities import capable
from inwit.core.contracts import World
from inwit.core.paths import cache_folder
from inwit.core.results import Json
from inwit.core.seeding import stream
from inwit.core.types import Tasks
from inwit.core.vocabulary import CHOICE
from inwit.playground import advice_table, advising, graphs, operators, problems, registers, together, tracing
from inwit.playground import blob as constants
from inwit.playground.blob import Blob
from inwit.version import __version__
from inwit.worlds.oracle import clocks, rows

ROWS = 64  # episodes that tell how a world behaves
STRAYS = 0.1  # share of tokens that may be illegal
MOMENTS = 4  # of an episode of each kind, that tell how a world advises
KEPT = 50  # files, the newest
# The modules that decide what a file holds.
TRACED = (advice_table, advising, clocks, constants, graphs, operators, problems, registers, rows, together, tracing)


def graphs_of(world: World, *, searching: bool = False) -> tuple[Json, Blob]:
    """`graphs.world_graphs` of one episode, with the blob of their constants. Those of agents may be added to it. With
    `searching`, `together` are the rules with which a page searches, and `advice` is the table of a world that advises.
    Raises `UserError` for a world that cannot be traced."""
    path, seen = _path_of(world, searching), behaviour(world)
    if path is not None and (found := _load(path, seen)):
        return found
    blob = Blob()
    made = graphs.world_graphs(world, graphs.example(world), blob)
    if searching:
        made |= {"together": together.rules_together(world, blob), "advice": advice_table.advice_table(world)}
    if path is not None:
        _save(path, {"graphs": made, "behaviour": seen, "tensors": blob.tensors}, blob)
    return made, blob


def behaviour(world: World) -> str:
    """A digest of what a world does on episodes of random tokens, mostly legal ones."""
    draws, digest = stream(0, "behaviour"), hashlib.sha256()
    kinds = torch.arange(ROWS) % len(world.kinds)
    for tasks in (world.sample(kinds, draws), graphs.example(world, ROWS)):
        for tensor in _episodes(world, tasks, draws):
            digest.update(tensor.numpy().tobytes())
    if advising.advises(world):
        for text in _advice(world, draws):
            digest.update(text.encode())
    return digest.hexdigest()


def _advice(world: World, draws: torch.Generator) -> Iterator[str]:
    """What is advised at the first moments of an episode of each kind."""
    adviser = capable(world, "advice")
    assert adviser is not None
    for kind in range(len(world.kinds)):
        [task, *_] = problems.advised_examples(world, kind)
        episodes = advising.Episodes(adviser, adviser.describe(task)[0])
        path = list[int]()
        while len(path) < MOMENTS and not (twin := episodes.after(path)).ended:
            advice = adviser.advice(twin)
            values = {token: float(each) for token, each in advice.values.items()}
            yield json.dumps([advice.best, values, advising.parts(advice), advice.alike])
            may = twin.legal() if twin.forced() == CHOICE else list(advising.chances(twin))
            path.append(may[int(torch.randint(len(may), (), generator=draws))])


def _episodes(world: World, tasks: Tasks, draws: torch.Generator) -> Iterator[Tensor]:
    """All that is seen of episodes: prompts, states, registers, what may be written, and what was paid and counted."""
    state, registers = world.reset(tasks), capable(world, "registers")
    yield from (*world.prompt(tasks), world.stage(tasks), *state.values())
    for _ in range(world.num_columns):
        legal, forced = world.legal(state), world.forced(state)
        astray = (torch.rand(len(tasks), 1, generator=draws) < STRAYS) & (forced == CHOICE)[:, None]
        weights = torch.where(astray | ~legal.any(1, keepdim=True), 1.0, legal.double())
        drawn = torch.multinomial(weights, 1, generator=draws)[:, 0]
        state, step = world.step(state, torch.where(forced >= 0, forced, drawn))
        yield from (legal, forced, *state.values(), step.reward, step.terminated, step.truncated, step.success)
        yield from (*step.extra.values(), *step.counts.values())
        if registers:
            held = registers.read_registers(state)
            others = registers.write_registers(state, *(each.roll(1, 0) for each in held))
            yield from (*held, *others.values())


def _path_of(world: World, searching: bool) -> Path | None:
    """The file of a world's graphs; None where there is no place for it."""
    if (folder := cache_folder()) is None:
        return None
    shown = capable(world, "registers")
    described = [asdict(each) for each in shown.machine_registers] if shown else []
    about = [world.id, world.settings.to_dict(), described, __version__, torch.__version__, searching]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    try:
        for module in TRACED:
            digest.update(Path(module.__file__ or "").read_bytes())
    except OSError:
        return None
    return folder / f"graphs-{digest.hexdigest()[:32]}.json"


def _load(path: Path, seen: str) -> tuple[Json, Blob] | None:
    """What `_save` wrote; None if it is not there, not whole, or of a world that behaved otherwise."""
    try:
        digest, _, text = path.read_bytes().partition(b"\n")
        if hashlib.sha256(text).hexdigest().encode() != digest:
            return None
        kept = json.loads(text)
    except (OSError, ValueError):
        return None
    if kept["behaviour"] != seen:
        return None
    return kept["graphs"], Blob(kept["tensors"], base64.b64decode(kept["data"]))


def _save(path: Path, kept: Json, blob: Blob) -> None:
    """Write a file in one step, or silently nothing; the oldest files go."""
    text = storage.to_json(kept | {"data": base64.b64encode(blob.data).decode()}, indent=None)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        storage.replace(path, hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
        files = sorted(path.parent.glob("graphs-*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in files[KEPT:]:
            old.unlink()
