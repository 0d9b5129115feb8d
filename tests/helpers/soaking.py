"""Loops that try to break a run: kills, cuts, failing disks, flipped bytes, many processes.

`benchmarks/soak.py` runs them for long, the tests for a moment. Each raises AssertionError where
something was lost, and returns what it counted.
"""

from __future__ import annotations

import errno
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import inwit
from faults import FaultyDisk, disk
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.runs import checkpoint
from inwit.runs.folder import read_whole_record
from inwit.runs.loading import find
from inwit.runs.writing import LINES
from inwit.training.config import Config, resolve
from support import small_config, whole_lines

WALL_CLOCK = ("time", "seconds")
NEVER = 1e9  # seconds


def quiet(text: str) -> None:
    pass


@contextmanager
def runs_folder(in_memory: bool = True) -> Iterator[Path]:
    """A runs folder of its own: in memory where that exists, since syncing to a disk takes most of a short training."""
    before, memory = os.environ.get("INWIT_RUNS"), Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if in_memory and memory.is_dir() else None) as name:
        os.environ["INWIT_RUNS"] = name
        try:
            yield Path(name)
        finally:
            os.environ.pop("INWIT_RUNS")
            if before is not None:
                os.environ["INWIT_RUNS"] = before


def outcome(agent: Agent) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """All that a training decides: the weights' bytes, and the metrics but for the clock's."""
    assert agent.path is not None
    weights = {name: tensor.numpy().tobytes() for name, tensor in agent.policy.state_dict().items()}
    lines = whole_lines(agent.path / "metrics.jsonl")
    return weights, [{name: value for name, value in line.items() if name not in WALL_CLOCK} for line in lines]


def sound(path: Path, committed: int) -> None:
    """A run that was cut off anywhere: its record and lines can be read, every checkpoint is whole, and none that
    was said to be on disk is missing."""
    read_whole_record(path)
    for name in LINES:
        if (path / name).exists():
            whole_lines(path / name)
    present = checkpoint.listed(path)
    for kept in present:
        checkpoint.read_verified(kept)
    newest = int(present[0].name) if present else 0
    assert newest >= committed, f"update {committed} was committed, the newest checkpoint is {newest}"


def refusal(work: Callable[[], Any]) -> str:
    """The one line that a `UserError` out of `work` says."""
    try:
        result = work()
    except UserError as error:
        message = str(error)
    else:
        raise AssertionError(f"nothing was refused: {result}")
    assert "\n" not in message, message
    return message


class Cut(Exception):  # noqa: N818
    """Ends a training between two updates, as an exception of a report does."""


def cut_at(update: int) -> Callable[[Any], None]:
    def report(seen: Any) -> None:
        if seen.index + 1 == update:
            raise Cut

    return report


def cuts(config: Config, count: int, seed: int = 0) -> int:
    """Cut one training at `count` random updates, resuming each time; the end must be that of one never cut."""
    with runs_folder():
        whole = outcome(inwit.train(config, tell=quiet))
        places = sorted(random.Random(seed).sample(range(1, config.training.max_updates), count))
        path: Path | None = None
        for place in places:
            with suppress(Cut):
                if path is None:
                    inwit.train(config, callback=cut_at(place), tell=quiet)
                else:
                    inwit.resume(path, callback=cut_at(place), tell=quiet)
            path = find("latest", any_status=True)
            assert read_whole_record(path).summary["update"] == place
        assert path is not None
        weights, metrics = outcome(inwit.resume(path, tell=quiet))
        assert weights == whole[0], f"{config.learner.id}, {config.policy.id}: other weights after cuts at {places}"
        assert metrics == whole[1], f"{config.learner.id}, {config.policy.id}: other metrics after cuts at {places}"
    return count


def _often(**training: Any) -> Config:
    """A training of a second or so that checkpoints all the time."""
    settings = {"max_updates": 150, "confirm": False, "checkpoint_every": 0.02} | training
    return small_config(training=settings)


def _child(work: Callable[[], Any], pipe: int) -> int:
    """Fork a process that does `work` and tells the pipe of every committed checkpoint; returns its id."""
    process = os.fork()
    if process:
        return process
    save = checkpoint.save

    def telling(run: Path, snapshot: checkpoint.Snapshot, metadata: dict[str, str]) -> Path:
        path = save(run, snapshot, metadata)
        os.write(pipe, snapshot.update.to_bytes(4, "big"))
        return path

    checkpoint.save = telling
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def _killed(work: Callable[[], Any], folder: Path, wait: float) -> int:
    """Start `work`, kill it `wait` seconds after its run is there; returns the last update that it committed."""
    reading, writing = os.pipe()
    process = _child(work, writing)
    os.close(writing)
    deadline = time.monotonic() + 60
    while not list(folder.glob("[!.]*/run.json")):
        assert time.monotonic() < deadline, "The training did not get under way."
        time.sleep(0.001)
    time.sleep(wait)
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    told = b""
    while part := os.read(reading, 65536):
        told += part
    os.close(reading)
    return int.from_bytes(told[-4:], "big")


def kills(count: int, seed: int = 0, say: Callable[[str], None] = quiet) -> dict[str, int]:
    """Kill `count` trainings at random moments (every third again while it resumes), and resume each to its end."""
    choose, config = random.Random(seed), _often()
    with runs_folder():
        started = time.monotonic()
        whole = outcome(inwit.train(config, tell=quiet))
        duration = time.monotonic() - started
    counted = {"kills": 0, "resumed": 0, "before the first checkpoint": 0, "torn last lines": 0, "half-made folders": 0}
    while counted["kills"] < count:
        with runs_folder() as folder:
            committed = _killed(lambda: inwit.train(config, tell=quiet), folder, choose.uniform(0, duration))
            [path] = [file.parent for file in folder.glob("[!.]*/run.json")]
            sound(path, committed)
            counted["kills"] += 1
            go_on = read_whole_record(path).status == "running"
            if go_on and counted["kills"] % 3 == 0 and counted["kills"] < count:
                again = _killed(partial(inwit.resume, path, tell=quiet), folder, choose.uniform(0, duration))
                committed = max(committed, again)
                sound(path, committed)
                counted["kills"] += 1
                counted["resumed"] += 1  # of the first kill: it got under way again
            counted["before the first checkpoint"] += not committed
            lines = (path / "metrics.jsonl").read_bytes() if (path / "metrics.jsonl").exists() else b""
            counted["torn last lines"] += bool(lines) and not lines.endswith(b"\n")
            counted["half-made folders"] += bool(list(path.rglob(".*.partial")))
            whole_already = read_whole_record(path).status == "finished"  # killed after its end
            agent = inwit.load(path) if whole_already else inwit.resume(path, tell=quiet)
            assert outcome(agent) == whole, f"{path}: another outcome after kill {counted['kills']}"
            counted["resumed"] += 1
            say(f"{counted}")
    return counted


def disk_faults(every: int = 1, say: Callable[[str], None] = quiet) -> dict[str, int]:
    """Refuse the k-th write, sync or rename of a training, for every k, with ENOSPC and EIO, once and from then on."""
    config = small_config(training={"max_updates": 4, "confirm": False, "checkpoint_every": 0.0})
    with runs_folder(), disk(FaultyDisk()) as counting:
        whole = outcome(inwit.train(config, tell=quiet))
    counted = {"calls": counting.calls, "faults": 0, "nothing kept yet": 0, "resumed": 0}
    cases = [(error, stays) for error in (errno.ENOSPC, errno.EIO) for stays in (False, True)]
    for kth in range(1, counting.calls + 1, every):
        for error, stays in cases:
            counted["faults"] += 1
            counted["resumed" if _disk_fault(config, whole, FaultyDisk(kth, error, stays)) else "nothing kept yet"] += 1
        say(f"{counted}")
    return counted


def _disk_fault(config: Config, whole: Any, faulty: FaultyDisk) -> bool:
    """One refused call, or all from there on: one line that names the folder, older checkpoints intact; False if
    nothing was kept yet. Where only lines, checkpoints or the table of metrics needed it, that is told (but for what
    is no longer needed, and is deleted with the next checkpoint), and the run is finished."""
    committed: list[int] = []
    told: list[str] = []
    save = checkpoint.save

    def noting(run: Path, snapshot: checkpoint.Snapshot, metadata: dict[str, str]) -> Path:
        path = save(run, snapshot, metadata)
        committed.append(snapshot.update)
        return path

    with runs_folder() as folder:
        checkpoint.save = noting
        try:
            with disk(faulty):
                agent = inwit.train(config, tell=told.append)
        except UserError as error:
            told.append(str(error))
            refused = True
        else:
            assert agent.status == "finished"
            assert outcome(inwit.load(agent.path)) == whole  # type: ignore[arg-type]
            refused = False
        finally:
            checkpoint.save = save
        assert len(told) <= 3, told
        for message in told:
            assert str(folder) in message, message
            assert "\n" not in message, message
        if not refused:
            return True
        found = [file.parent for file in folder.glob("[!.]*/run.json")]
        if not found:
            assert not committed, "A run with a committed checkpoint is gone."
            assert not list(folder.iterdir()) or faulty.stays, list(folder.iterdir())
            return False
        sound(found[0], max(committed, default=0))
        status = read_whole_record(found[0]).status
        # The very last call syncs the name of a record that says `finished`: what it says is true, although unsynced.
        whole_already = status == "finished" and faulty.stays
        assert whole_already or status in ("running", "failed"), status
        assert outcome(inwit.load(found[0]) if whole_already else inwit.resume(found[0], tell=quiet)) == whole
        return True


def damages(flips: int | None, truncations: int | None, seed: int = 0) -> dict[str, int]:
    """Flip bytes of a checkpoint, one at a time, and cut its files short: each is refused in one line. None: all."""
    choose, counted = random.Random(seed), {"flips": 0, "truncations": 0}
    config = small_config(policy={"width": 1}, training={"max_updates": 2, "confirm": False, "checkpoint_every": 0.0})
    with runs_folder():
        path = inwit.train(config, tell=quiet).path
        assert path is not None
        newest, older = checkpoint.listed(path)[:2]
        for name in (*checkpoint.FILES, "manifest.json"):
            file = newest / name
            data = file.read_bytes()
            for place in _places(choose, len(data), flips):
                changed = bytearray(data)
                changed[place] ^= 1 << choose.randrange(8)
                _refused(file, bytes(changed), path, older if place % 97 == 0 else None)
                counted["flips"] += 1
            for length in _places(choose, len(data), truncations):
                _refused(file, data[:length], path, older if length % 97 == 0 else None)
                counted["truncations"] += 1
            file.write_bytes(data)
        checkpoint.load(newest)
    return counted


def _places(choose: random.Random, size: int, count: int | None) -> list[int]:
    return list(range(size)) if count is None or count >= size else choose.sample(range(size), count)


def _refused(file: Path, data: bytes, run: Path, older: Path | None) -> None:
    file.write_bytes(data)
    assert str(file.parent) in refusal(lambda: checkpoint.load(file.parent))
    if older is not None:
        told: list[str] = []
        kept = checkpoint.newest(run, told.append)
        assert kept is not None
        assert (kept.update, len(told)) == (int(older.name), 1)


def crowd(seconds: float, writers: int, readers: int) -> dict[str, int]:
    """Many trainings side by side in one runs folder, and readers of all of them: no error, no torn line."""
    config = _often(max_updates=60, checkpoint_every=0.2)
    with runs_folder():
        inwit.train(config, tell=quiet)  # everything is imported once, before the processes part
    until = time.monotonic() + seconds
    counted = {"trainings": 0, "readings": 0, "lines read": 0}
    with runs_folder() as folder:
        works = [_write_runs] * writers + [_read_runs] * readers
        processes = [(work.__name__, *_forked(work, config, folder, until, seed)) for seed, work in enumerate(works)]
        for name, process, reading in processes:
            with os.fdopen(reading, "rb") as pipe:
                told = pipe.read().decode()
            _, status = os.waitpid(process, 0)
            assert status == 0, f"{name} failed: {told}"
            first, _, second = told.partition(" ")
            counted["trainings" if name == "_write_runs" else "readings"] += int(first)
            counted["lines read"] += int(second or 0)
        for path in folder.glob("[!.]*"):
            sound(path, config.training.max_updates)
            assert read_whole_record(path).status == "finished"
    return counted


def _forked(work: Callable[..., str], *arguments: Any) -> tuple[int, int]:
    reading, writing = os.pipe()
    process = os.fork()
    if process:
        os.close(writing)
        return process, reading
    status = 1
    try:
        os.write(writing, work(*arguments).encode())
        status = 0
    except BaseException as error:
        os.write(writing, repr(error).encode())
    finally:
        os._exit(status)


def _write_runs(config: Config, folder: Path, until: float, seed: int) -> str:
    done = 0
    while time.monotonic() < until:
        inwit.train(config, seed=1000 * seed + done, tell=quiet)
        done += 1
    return str(done)


def _read_runs(config: Config, folder: Path, until: float, seed: int) -> str:
    readings = lines = 0
    while time.monotonic() < until:
        for path in folder.glob("[!.]*"):
            record = read_whole_record(path)
            told = whole_lines(path / "metrics.jsonl") if (path / "metrics.jsonl").exists() else []
            updates = [line["update"] for line in told]
            assert updates == sorted(set(updates)), updates
            for kept in checkpoint.listed(path)[:1]:
                with suppress(FileNotFoundError):  # superfluous by now, and deleted
                    (kept / "manifest.json").read_bytes()
            if record.status == "finished":
                inwit.load(path)
            readings += 1
            lines += len(told)
    return f"{readings} {lines}"


def memory_growth(seconds: float, warm_up: float) -> dict[str, float]:
    """Megabytes of resident memory that 1,000 updates add, by a straight line through readings after the warm-up."""
    config = small_config(
        policy={"width": 32}, training={"max_updates": 10**9, "confirm": False, "checkpoint_every": 5.0}
    )
    start, points = time.monotonic(), []

    def report(update: Any) -> None:
        if update.index % 100 == 0:
            passed = time.monotonic() - start
            if passed > warm_up:
                points.append((update.index / 1000, _resident()))
            if passed > seconds:
                raise Cut

    with runs_folder(), suppress(Cut):
        inwit.train(config, callback=report, tell=quiet)
    count = len(points)
    mean_x, mean_y = (sum(point[axis] for point in points) / count for axis in (0, 1))
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    return {"updates": points[-1][0] * 1000, "MB per 1,000 updates": slope, "MB at the end": points[-1][1]}


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def checkpoint_cost(recipe: str, seconds: float, **overrides: Any) -> dict[str, float]:
    """Milliseconds of a checkpoint, and their share of the default interval."""
    settings = {"confirm": False, "max_updates": 10**9}
    config = resolve(recipe, **overrides, training={**settings, "checkpoint_every": seconds / 20})
    from inwit.runs.recording import Recorder

    take, times, start = Recorder.save_checkpoint, [], time.monotonic()

    def timed(recorder: Any) -> None:
        before = time.perf_counter()
        take(recorder)
        times.append(time.perf_counter() - before)

    def report(update: Any) -> None:
        if time.monotonic() - start > seconds:
            raise Cut

    Recorder.save_checkpoint = timed  # type: ignore[method-assign]
    try:
        with runs_folder(in_memory=False), suppress(Cut):
            inwit.train(config, callback=report, tell=quiet)
    finally:
        Recorder.save_checkpoint = take  # type: ignore[method-assign]
    mean = sum(times) / len(times)
    every = resolve(recipe).training.checkpoint_every
    return {"checkpoints": len(times), "ms each": 1000 * mean, "slowest ms": 1000 * max(times), "share": mean / every}


if __name__ == "__main__":  # in a process of its own, which may fork: python soaking.py kills 5
    print(globals()[sys.argv[1]](*map(int, sys.argv[2:])))
