"""What the code does on a GPU: a line for each thing that it claims of one, as JSON.

    python benchmarks/gpu.py [--device cuda] [--only trains,bits,waits,graph,agents,examined,resumes,speed,played]
                             [--seed 0]

`trains`: recipes on the device and on the CPU: solved, seconds. `bits`: whether one seed gives the same weights twice,
with and without `torch.use_deterministic_algorithms`. `waits`: what an update reads back from the device, found by
PyTorch's own check (nothing is allowed). `graph`: an update captured as one CUDA graph, and how much faster its replay
is. `agents`: an agent trained on one device and examined on the other. `examined`: its evidence on
both devices. `resumes`: a training that was cut and goes on.
`speed`: tokens a second by episodes in an update. `played`: the page and the local server of an agent that was trained
on the device; both compute on the CPU. A part that fails says why and the others go on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch

import inwit
from inwit.core.contracts import parameters_of, weights_of
from inwit.core.isolation import on_own_terms
from inwit.core.seeding import stream
from inwit.learners import LEARNERS
from inwit.playground.page import described
from inwit.playground.tables import Table
from inwit.policies import POLICIES
from inwit.rollout.collect import collect
from inwit.training.config import resolve
from inwit.training.loop import Parts, _learn, _roll_out, loop, prepare

IMITATING = ("calculator", "calculator-robust", "tutorial-unmasked", "lookup")  # recipes with an auxiliary each
WARM = 3  # updates before one is watched


def trains(device: str, seed: int) -> Iterator[dict[str, Any]]:
    for recipe in ("tutorial", "calculator", "lookup"):
        for where in (device, "cpu"):
            start = time.perf_counter()
            agent = inwit.train(recipe, seed=seed, training={"device": where})
            seconds = time.perf_counter() - start
            result = inwit.evaluate(agent)
            yield {
                "recipe": recipe,
                "on": where,
                "solved": f"{result.solved} of {result.problems}",
                "seconds": round(seconds, 1),
                "updates": agent.summary.get("update"),
            }


def bits(device: str, seed: int) -> Iterator[dict[str, Any]]:
    for recipe in ("tutorial", "calculator"):
        for strict in (False, True):
            with deterministic(strict):
                sums = [weight_sum(_run(_parts(recipe, device, seed), 40)) for _ in range(2)]
            yield {"recipe": recipe, "deterministic": strict, "same weights after 40 updates": sums[0] == sums[1]}


def waits(device: str, seed: int) -> Iterator[dict[str, Any]]:
    """One update in which whatever waits for the device raises."""
    pairs = [("gru", learner) for learner in LEARNERS.names()] + [(policy, "a2c") for policy in POLICIES.names()]
    cells = [("tutorial", policy, learner) for policy, learner in pairs]
    cells += [(recipe, "gru", "a2c") for recipe in IMITATING]
    for recipe, policy, learner in cells:
        parts = _parts(recipe, device, seed, policy={"id": policy}, learner={"id": learner})
        _run(parts, WARM)
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            with on_own_terms(1):
                rollout = _roll_out(parts, WARM)
                _learn(parts, rollout)
                parts.curriculum.observe(rollout.tasks.kind, rollout.success)
            found = "nothing"
        except RuntimeError as error:
            frames = traceback.extract_tb(error.__traceback__)
            own = [frame for frame in frames if "inwit" in frame.filename][-1]
            found = f"{Path(own.filename).name}:{own.lineno} {own.line}"
        finally:
            torch.cuda.set_sync_debug_mode("default")
        yield {"recipe": recipe, "policy": policy, "learner": learner, "waits for the device at": found}


def graph(device: str, seed: int) -> Iterator[dict[str, Any]]:
    """An update as one graph: kinds, tasks, episodes, losses, backward, clipping, Adam and the curriculum."""
    for recipe, episodes in (("tutorial", 512), ("tutorial", 4096), ("calculator", 128), ("calculator", 1024)):
        parts = _parts(recipe, device, seed, training={"episodes": episodes})
        assert parts.optimiser is not None
        for group in parts.optimiser.param_groups:
            group["capturable"] = True
        _run(parts, WARM)
        for state in parts.optimiser.state.values():
            state["step"] = state["step"].to(device)
        eager = _timed(partial(_update, parts), 20)
        row = {"recipe": recipe, "episodes": episodes, "eager ms": round(1000 * eager, 2)}
        try:
            captured = _captured(parts)
            row["graph ms"] = round(1000 * _timed(captured.replay, 50), 2)
        except Exception as error:  # the point is to learn why it cannot be captured
            own = [frame for frame in traceback.extract_tb(error.__traceback__) if "inwit" in frame.filename]
            place = f" at {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
            row["not captured"] = f"{type(error).__name__}{place}: {str(error).splitlines()[0][:160]}"
            torch.cuda.synchronize()
        yield row


def agents(device: str, seed: int) -> Iterator[dict[str, Any]]:
    for recipe in ("tutorial", "calculator"):
        for first, second in ((device, "cpu"), ("cpu", device)):
            agent = inwit.train(recipe, seed=seed, training={"device": first})
            assert agent.path is not None
            results = [inwit.evaluate(inwit.load(agent.path, device=where)) for where in (first, second)]
            tokens = [[row.cost for row in result.rows] for result in results]
            yield {
                "recipe": recipe,
                "trained on": first,
                "examined on": second,
                "solved": f"{results[1].solved} of {results[1].problems}",
                "same as where it was trained": results[0].solved == results[1].solved and tokens[0] == tokens[1],
            }


def examined(device: str, seed: int) -> Iterator[dict[str, Any]]:
    """Claims of one agent on both devices: rounding may differ, verdicts must not."""
    agent = inwit.train("calculator", seed=seed, training={"device": device})
    assert agent.path is not None
    found = {}
    for where in (device, "cpu"):
        start = time.perf_counter()
        found[where] = inwit.examine(inwit.load(agent.path, device=where))
        yield {"on": where, "seconds": round(time.perf_counter() - start, 1)}
    for one, other in zip(*(each.claims for each in found.values()), strict=True):
        pairs = zip(one.measures, other.measures, strict=True)
        apart = max((abs((a.statistic or 0.0) - (b.statistic or 0.0)) for a, b in pairs), default=0.0)
        yield {"claim": one.claim, "verdicts": [one.verdict, other.verdict], "largest difference": round(apart, 4)}


def resumes(device: str, seed: int) -> Iterator[dict[str, Any]]:
    with deterministic(True):
        settings = {"training": {"device": device, "max_updates": 40, "checkpoint_every": 0.0, "confirm": False}}
        whole = inwit.train("tutorial", seed=seed, **settings)
        cut = inwit.train("tutorial", seed=seed, callback=lambda update: update.index < 19, **settings)
        assert cut.path is not None
        on = inwit.resume(cut.path)
    yield {"cut after": cut.summary.get("update"), "as the whole one": weight_sum_of(whole) == weight_sum_of(on)}


def speed(device: str, seed: int) -> Iterator[dict[str, Any]]:
    for recipe in ("tutorial", "calculator", "lookup"):
        for policy in ("gru", "lstm", "transformer"):
            for episodes in (512, 4096, 32768):
                parts = _parts(recipe, device, seed, policy={"id": policy}, training={"episodes": episodes})
                _run(parts, WARM)
                before, start = int(parts.counters.tokens), time.perf_counter()
                _run(parts, 10)
                tokens, seconds = int(parts.counters.tokens) - before, time.perf_counter() - start
                yield {"recipe": recipe, "policy": policy, "episodes": episodes, "tokens/s": round(tokens / seconds)}


def played(device: str, seed: int) -> Iterator[dict[str, Any]]:
    for recipe in ("tutorial", "calculator", "lookup"):
        agent = _parts(recipe, device, seed).agent
        assert isinstance(agent.policy, torch.nn.Module)
        agent = replace(agent, policy=agent.policy.to(device), device=torch.device(device))
        start = time.perf_counter()
        held = described([agent], lambda _: None)
        seconds = time.perf_counter() - start
        there, tables = f"{device} to cpu", Table(agent.world, [agent])
        devices = {each.device.type for seat in tables.seats.values() for each in parameters_of(seat.policy)}
        tasks = agent.world.sample(torch.zeros(64, dtype=torch.int64), stream(0, "played"))
        on_device = collect(agent.world, agent.policy, tasks.to(device)).tokens.cpu()
        on_cpu = collect(agent.world, next(iter(tables.seats.values())).policy, tasks).tokens
        same = float((on_device == on_cpu).all(1).double().mean())
        yield {
            "recipe": recipe,
            "moved": there,
            "computes on": sorted(devices),
            "same episodes": same,
            "golden": len(held["golden"]),
            "seconds": round(seconds, 1),
        }


def _parts(recipe: str, device: str, seed: int, **overrides: Any) -> Parts:
    """As a recipe makes them, or one that imitates nothing if the learner is another."""
    overrides["training"] = {"device": device, "confirm": False, "max_updates": 1000} | overrides.get("training", {})
    if "learner" in overrides and overrides["learner"]["id"] == "a2c":
        overrides.pop("learner")
    if overrides.get("policy") == {"id": "gru"}:
        overrides.pop("policy")
    return prepare(resolve(recipe, seed=seed, **overrides))


def _run(parts: Parts, updates: int) -> Parts:
    for _ in islice(loop(parts), updates):
        pass
    return parts


def _update(parts: Parts) -> None:
    with on_own_terms(1):
        rollout = _roll_out(parts, parts.counters.updates)
        _learn(parts, rollout)
        parts.curriculum.observe(rollout.tasks.kind, rollout.success)


def _captured(parts: Parts) -> torch.cuda.CUDAGraph:
    """The update as a graph; its random draws go on from replay to replay."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM):
            _update(parts)
    torch.cuda.current_stream().wait_stream(stream)
    captured = torch.cuda.CUDAGraph()
    for generator in parts.draws.values():
        captured.register_generator_state(generator)
    with torch.cuda.graph(captured):
        _update(parts)
    return captured


def _timed(call: Callable[[], object], times: int) -> float:
    call()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(times):
        call()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / times


@contextmanager
def deterministic(strict: bool) -> Iterator[None]:
    torch.use_deterministic_algorithms(strict)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def weight_sum(parts: Parts) -> str:
    return _sum(weights_of(parts.agent.policy))


def weight_sum_of(agent: inwit.Agent) -> str:
    return _sum(weights_of(agent.policy))


def _sum(weights: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


PARTS = {each.__name__: each for each in (trains, bits, waits, graph, agents, examined, resumes, speed, played)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic products need
    on_gpu = args.device.startswith("cuda")
    machine = torch.cuda.get_device_name() if on_gpu else "cpu"
    print(json.dumps({"torch": torch.__version__, "device": machine}), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["INWIT_RUNS"] = folder
        for name in args.only.split(","):
            start = time.perf_counter()
            try:
                for row in PARTS[name](args.device, args.seed):
                    print(json.dumps({"part": name, **row}), flush=True)
            except Exception as error:
                print(json.dumps({"part": name, "failed": f"{type(error).__name__}: {error}"[:400]}), flush=True)
                traceback.print_exc()
            print(json.dumps({"part": name, "took": round(time.perf_counter() - start, 1)}), flush=True)


if __name__ == "__main__":
    main()
