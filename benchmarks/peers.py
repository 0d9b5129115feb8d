"""inwit beside Stable-Baselines3, sb3-contrib and TorchRL: same worlds, same width, one pinned core, one thread.

    python benchmarks/peers.py speed                     # environment steps/s with learning
    python benchmarks/peers.py solve                     # training seconds to 99 % of every stage
    python benchmarks/peers.py cold                      # from nothing to the end of the first update
    python benchmarks/peers.py table                     # docs/benchmarks.md from the results that are kept

Each measurement is a process of its own; seeds are the outer loop, so that the rivals take turns on a machine that
others may use. Results are kept as they come, with what they were measured on: the same command goes on where it was
stopped, and one with a longer `--limit` measures anew what did not get there. The clock of `solve` runs while a rival
trains, not while it is examined; it is examined exactly, on every problem.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"  # before anything imports NumPy or PyTorch

import argparse
import contextlib
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from peer_variants import VARIANTS, WORLDS, named

RESULTS = Path(__file__).parent / "results" / "peers.json"
WARM_UP = 2  # calls of `advance` before the clock of `speed` starts
SOLVED = 0.99
VARIANTS_HELP = "names, or how names begin or end, as in inwit,tuned or sb3-ppo,recurrent-one-pass; all if left out"
LOOK = 300  # problems of a stage in the first look that saves most examinations


def main() -> None:
    args = _arguments()
    if args.cell:
        print(json.dumps(measure(args)))
        return
    if args.what == "table":
        from peer_table import write

        write(args.results)
        return
    for seed in range(args.seeds):
        for name in args.variants:
            if args.world in VARIANTS[name].worlds and args.what in VARIANTS[name].commands:
                run(args, name, seed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "solve", "cold", "table"))
    parser.add_argument("--variants", type=_variants, default=list(VARIANTS), help=VARIANTS_HELP)
    parser.add_argument("--world", default="tutorial", choices=tuple(WORLDS))
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="measured in each cell of `speed`")
    parser.add_argument("--limit", type=float, default=120.0, help="training seconds in each cell of `solve`, at most")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="the core to be pinned to")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file that results are kept in")
    parser.add_argument("--again", action="store_true", help="measure anew what was measured before")
    parser.add_argument("--cell", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _variants(given: str) -> list[str]:
    try:
        return named(given.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(args: argparse.Namespace, name: str, seed: int) -> None:
    """One measurement in a process of its own, kept with what a reader needs to judge it."""
    kept = _kept(args.results)
    key = f"{args.what}/{args.world}/{args.width}/{name}/{seed}"
    if key in kept and not args.again and not _cut_short(kept[key], args.limit):
        return
    cell = ["--cell", "--variants", name, "--seed", str(seed), "--world", args.world, "--width", str(args.width)]
    cell += ["--seconds", str(args.seconds), "--limit", str(args.limit), "--core", str(args.core)]
    start, load = time.perf_counter(), os.getloadavg()[0]
    command = [sys.executable, __file__, args.what, *cell]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20 * args.limit + 600, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"{key}: failed: {(error.stderr or str(error)).strip().splitlines()[-1]}", flush=True)
        return
    wall = time.perf_counter() - start
    result = json.loads(done.stdout.splitlines()[-1]) | {"wall": round(wall, 2), "load_before": round(load, 2)}
    kept = _kept(args.results) | {key: result}
    args.results.parent.mkdir(parents=True, exist_ok=True)
    partial = args.results.with_suffix(".partial")
    partial.write_text(json.dumps(dict(sorted(kept.items())), indent=0) + "\n")
    partial.replace(args.results)
    told = {name: value for name, value in result.items() if name != "on"}  # versions and machine: only in the file
    print(f"{key}: {' '.join(f'{name}={value}' for name, value in told.items())}", flush=True)


def _cut_short(result: dict[str, Any], limit: float) -> bool:
    """Whether a rival that did not get there has longer now."""
    return result.get("seconds", 0) is None and result["limit"] < limit


def _kept(results: Path) -> dict[str, Any]:
    return json.loads(results.read_text()) if results.exists() else {}


def measure(args: argparse.Namespace) -> dict[str, Any]:
    os.sched_setaffinity(0, {args.core})
    warnings.simplefilter("ignore")  # the libraries' own, about each other
    import torch

    import rivals

    torch.set_num_threads(1)
    [name] = args.variants
    variant, world = VARIANTS[name], WORLDS[args.world]
    rival = rivals.make(variant.family, variant.settings, world, args.width, args.seed)
    measured = {
        "cold": lambda: {"steps": rival.advance()},
        "speed": lambda: _speed(rival, args.seconds),
        "solve": lambda: _solve(rival, world, args.limit),
    }[args.what]()
    return measured | {"on": _surroundings()}


def _surroundings() -> dict[str, Any]:
    """What a reader needs to judge a figure, or to measure it again. Asked after the measurement."""
    from importlib.metadata import PackageNotFoundError, version

    from inwit.runs.provenance import now, revision, surroundings

    versions = {}
    for package in ("stable-baselines3", "sb3-contrib", "torchrl", "gymnasium"):
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    about = surroundings(threads=1, device="cpu")
    return about | {"versions": about["versions"] | versions, "revision": revision(), "ended": now()}


def _speed(rival: Any, seconds: float) -> dict[str, Any]:
    for _ in range(WARM_UP):
        rival.advance()
    steps, updates, start = 0, 0, time.perf_counter()
    while not updates or time.perf_counter() - start < seconds:
        steps += rival.advance()
        updates += 1
    spent = time.perf_counter() - start
    return {"steps_per_second": round(steps / spent), "updates": updates, "seconds": round(spent, 2)}


def _solve(rival: Any, world: dict[str, Any], limit: float) -> dict[str, Any]:
    """Trains until an examination finds every stage solved. The examinations come at growing distances."""
    from rivals.exact import success_by_stage

    trained, steps, look_at, shares = 0.0, 0, 0.1, [0.0]
    while trained < limit:
        start = time.perf_counter()
        steps += rival.advance()
        trained += time.perf_counter() - start
        if trained < look_at:
            continue
        look_at = trained + max(0.02, 0.05 * trained)
        shares = success_by_stage(rival, world, LOOK)
        if min(shares) >= SOLVED - 0.01:
            shares = success_by_stage(rival, world)
            if min(shares) >= SOLVED:
                break
    else:
        shares = success_by_stage(rival, world)
    solved = min(shares) >= SOLVED
    return {"seconds": round(trained, 2) if solved else None, "limit": limit, "steps": steps} | {
        "success": [round(share, 5) for share in shares]
    }


if __name__ == "__main__":
    main()
