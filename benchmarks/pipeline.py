"""Pipelines beside networks: the table of docs/pipeline.md, and what stands behind each of its lines.

    python benchmarks/pipeline.py train                  # the networks, each in its worlds
    python benchmarks/pipeline.py home                   # exact success, cost over the proven optimum
    python benchmarks/pipeline.py changes                # after a change that nobody told the agents of
    python benchmarks/pipeline.py longer                 # expressions longer than any seen
    python benchmarks/pipeline.py deviation              # after a token that is not their own
    python benchmarks/pipeline.py speed                  # time of a decision, parameters
    python benchmarks/pipeline.py lines                  # lines of hand-written code
    python benchmarks/pipeline.py all                    # all of that
    python benchmarks/pipeline.py table                  # docs/pipeline.md from what is kept, and prints it

Every figure is kept as it comes, with what it was measured on: a command goes on where it was stopped. `--only` names
agents, or changes (or both), as in `changes --only pipeline,crossed`. `--seeds` and `--retrained` take fewer seeds than
the tables have. Times of training are of the processor, on one thread; `--jobs` processes measure side by side, but for
`speed`, which measures alone. All of it takes about 90 minutes of a processor.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"  # before anything imports NumPy or PyTorch

import argparse
import json
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import pipeline_cases as cases
from pipeline_cases import AGENTS, CHANGES, HOMES, MAIN, NETS, RETRAINED, RETRAINING, SCRIPTS

RESULTS = Path(__file__).parent / "results" / "pipeline.json"
LONGER = {"4": 99, "5": 1}  # operators, and how many seeds at the most: there are 1,134 and 10,206 expressions
DEVIATED = 3  # seeds
Kept = dict[str, Any]


def main() -> None:
    args = _arguments()
    os.environ["INWIT_RUNS"] = str(args.runs)
    if args.what == "table":
        from pipeline_table import write

        print(write(_kept(args.results)))
        return
    steps = ["train", "home", "changes", "longer", "deviation", "speed", "lines"] if args.what == "all" else [args.what]
    for step in steps:
        for jobs in _rounds(step, args):
            jobs = [key for key in jobs if _can_be(key, _kept(args.results))]
            _run(jobs, args, 1 if step == "speed" else args.jobs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = ("train", "home", "changes", "longer", "deviation", "speed", "lines", "all", "table")
    parser.add_argument("what", choices=steps)
    parser.add_argument("--seeds", type=int, help="seeds of each network, at the most")
    parser.add_argument("--retrained", type=int, help="seeds of each network that are retrained, at the most; 0: none")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], help="agents, changes or worlds")
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side")
    parser.add_argument("--runs", type=Path, default=Path("runs/pipeline"), help="the folder of the trained networks")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file that figures are kept in")
    return parser.parse_args()


def _rounds(step: str, args: argparse.Namespace) -> Iterator[list[str]]:
    """The jobs of a step by their keys, in rounds: what a round needs was done in those before."""
    asked, everything = set(args.only), {*AGENTS, *CHANGES, *HOMES}
    if unknown := asked - everything:
        raise SystemExit(
            f"--only: nothing is called {', '.join(sorted(unknown))}: take {', '.join(sorted(everything))}"
        )
    agents = [each for each in AGENTS if each in asked or not asked & set(AGENTS)]
    homes = [each for each in HOMES if each in asked or not asked & set(HOMES)]
    changes = [each for each in CHANGES if each in asked or not asked & set(CHANGES)]

    def of(kind: str, place: str, agent: str, home: str, most: int = 99) -> list[str]:
        count = min(HOMES[home].count(agent), args.seeds or 99, most)
        return [f"{kind}/{place}/{agent}/{seed}" for seed in range(count)]

    if step == "train":
        yield [key for home in homes for net in agents if net in NETS for key in of("train", home, net, home)]
    elif step == "home":
        yield [key for home in MAIN if home in homes for agent in agents for key in of("home", home, agent, home)]
    elif step == "changes":
        places = [(name, CHANGES[name].home) for name in changes if CHANGES[name].home in homes]
        for kind in ("before", "at once"):
            yield [key for name, home in places for agent in agents for key in of(kind, name, agent, home)]
        limit = 99 if args.retrained is None else args.retrained
        most = {each: 1 if each in SCRIPTS else min(limit, RETRAINED.get(each, 1)) for each in agents}
        yield [key for name, home in places for agent in agents for key in of("after", name, agent, home, most[agent])]
    elif step == "longer":
        for size, most in LONGER.items():
            yield [key for agent in agents for key in of("longer", size, agent, "calculator", most)]
    elif step == "deviation":
        yield [key for agent in agents for key in of("deviation", "calculator", agent, "calculator", DEVIATED)]
    else:
        yield [step]


def _can_be(key: str, kept: Kept) -> bool:
    """False for a measurement of a network that is not trained yet: it is left out."""
    kind, *rest = key.split("/")
    if kind in ("train", "speed", "lines") or rest[1] in SCRIPTS:
        return True
    place, agent, seed = rest
    home = {"home": place, "longer": "calculator", "deviation": place}.get(kind) or CHANGES[place].home
    return f"train/{home}/{agent}/{seed}" in kept


def _run(keys: list[str], args: argparse.Namespace, jobs: int) -> None:
    """Do the jobs that are not kept, and keep each when it ends."""
    kept = _kept(args.results)
    missing = [key for key in keys if key not in kept]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        waiting = {pool.submit(job, key, kept, str(args.runs)): key for key in missing}
        for done in as_completed(waiting):
            key, result = waiting[done], done.result()
            keep(args.results, key, result)
            print(f"{key}: {json.dumps({name: value for name, value in result.items() if name != 'on'})}", flush=True)


def keep(results: Path, key: str, result: Kept) -> None:
    kept = _kept(results) | {key: result}
    results.parent.mkdir(parents=True, exist_ok=True)
    partial = results.with_suffix(".partial")
    partial.write_text(json.dumps(dict(sorted(kept.items())), indent=0) + "\n")
    partial.replace(results)


def _kept(results: Path) -> Kept:
    return json.loads(results.read_text()) if results.exists() else {}


def job(key: str, kept: Kept, runs: str) -> Kept:
    """One measurement."""
    os.environ["INWIT_RUNS"] = runs
    cases.register()
    kind, *rest = key.split("/")
    start = time.process_time()
    if kind in ("speed", "lines"):
        from pipeline_costs import lines, speed

        known = [(h, a) for h in MAIN for a in AGENTS if a in SCRIPTS or f"train/{h}/{a}/0" in kept]
        return lines() if kind == "lines" else speed({f"{h}/{a}": _agent(h, a, 0, kept) for h, a in known})
    place, agent, seed = rest[0], rest[1], int(rest[2])
    if kind == "train":
        return _train(place, agent, seed)
    measured = {"home": _home, "before": _before, "at once": _at_once, "after": _after}
    measured |= {"longer": _longer, "deviation": _deviation}
    result = measured[kind](place, agent, seed, kept)
    return result | {"cpu": round(time.process_time() - start, 2)}


def _train(home: str, net: str, seed: int) -> Kept:
    import torch

    import inwit
    from inwit.core.contracts import parameters_of
    from inwit.runs.provenance import revision, surroundings

    torch.set_num_threads(1)
    start = time.process_time()
    settings = HOMES[home].settings(net, seed)
    agent = inwit.train(HOMES[home].recipe, name=f"{home}-{net}", tell=lambda _: None, **settings)
    seconds, parameters = time.process_time() - start, sum(each.numel() for each in parameters_of(agent.policy))
    assert agent.path is not None
    told = {"run": agent.path.name, "seconds": round(seconds, 2), "parameters": parameters}
    totals = {"updates": agent.summary["update"], "tokens": agent.summary.get("tokens")}
    return told | totals | {"on": surroundings(1, "cpu") | {"revision": revision()}}


def _agent(home: str, agent: str, seed: int, kept: Kept) -> Any:
    """An agent at home."""
    import inwit
    from inwit.scripts import scripted

    if agent in SCRIPTS:
        return scripted(agent, cases.home_world(home))
    key = f"train/{home}/{agent}/{seed}"
    if key not in kept:
        raise SystemExit(f"{key} was not trained yet: `train` comes first")
    return inwit.load(Path(os.environ["INWIT_RUNS"]) / kept[key]["run"])


def _home(home: str, agent: str, seed: int, kept: Kept) -> Kept:
    return cases.measure(_agent(home, agent, seed, kept))


def _before(change: str, agent: str, seed: int, kept: Kept) -> Kept:
    home = CHANGES[change].home
    key = f"home/{home}/{agent}/{seed}"
    return kept[key] if key in kept else _home(home, agent, seed, kept)


def _at_once(change: str, agent: str, seed: int, kept: Kept) -> Kept:
    case = CHANGES[change]
    before = _agent(case.home, agent, seed, kept)
    return cases.measure(replace(before, world=cases.changed_world(case)))


def _after(change: str, agent: str, seed: int, kept: Kept) -> Kept:
    """What a person makes of a script in the changed world, with the lines that this takes; what retraining makes of a
    network there, from its weights on."""
    case = CHANGES[change]
    if agent in SCRIPTS:
        from pipeline_repairs import repaired

        fixed, lines, told = repaired(agent, change)
        return cases.measure(fixed) | {"lines": lines, "told": told}
    return _retrained(case, agent, seed, kept)


def _retrained(case: cases.Change, net: str, seed: int, kept: Kept) -> Kept:
    import torch

    import inwit

    torch.set_num_threads(1)
    before = kept[f"train/{case.home}/{net}/{seed}"]
    settings = HOMES[case.home].settings(net, seed)
    there = cases.changed_world(case)
    world = {"id": there.id, **there.settings.to_dict()}
    # A falling learning rate falls to its end within the time.
    most = max(1, round(before["updates"] * 0.9 * RETRAINING / before["seconds"]))
    falls = inwit.resolve(HOMES[case.home].recipe, **settings).training.last_rate < 1
    training = {**settings.get("training", {}), "start_from": str(Path(os.environ["INWIT_RUNS"]) / before["run"])}
    training |= {"max_updates": most} if falls else {}
    start, last = time.process_time(), None
    for update in inwit.updates(HOMES[case.home].recipe, **{**settings, "world": world, "training": training}):
        last = update
        if time.process_time() - start > RETRAINING:
            break
    seconds = time.process_time() - start
    assert last is not None
    return cases.measure(last.agent) | {"seconds": round(seconds, 2), "updates": last.index + 1}


def _longer(size: str, agent: str, seed: int, kept: Kept) -> Kept:
    from inwit import worlds

    before = _agent("calculator", agent, seed, kept)
    world = {**before.world.settings.to_dict(), "min_operators": int(size), "max_operators": int(size)}
    return cases.measure(replace(before, world=worlds.make(before.world.id, **world)))


def _deviation(home: str, agent: str, seed: int, kept: Kept) -> Kept:
    """As `inwit.examine(agent, only=["re-plans"])` has it, without its controls."""
    import torch

    from inwit.evidence.subject import Subject

    with torch.no_grad():
        found = Subject(_agent(home, agent, seed, kept)).deviations
        right = found.own_right
    told = {"unknown": found.unknown}
    for name, members in (("tie", found.tie), ("longer", ~found.tie)):
        told |= {name: int(right[members].sum()), f"{name}_of": int(members.sum())}
    return told


if __name__ == "__main__":
    main()
