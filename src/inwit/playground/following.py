"""What a run's folder says while it is trained, line by line, each once. It is read, and never written.

A `Follower` stands at a cursor: how many bytes of `metrics.jsonl` and of `events.jsonl` it has read, and from which
update on it has not yet shown the specimen. Whoever comes back gives the last cursor, and nothing is told twice.
"""

from __future__ import annotations

from pathlib import Path

from inwit.core.errors import UserError, short
from inwit.core.records import as_list
from inwit.core.results import Json
from inwit.playground.run_list import parsed
from inwit.playground.specimen import Specimens, updates_kept
from inwit.playground.trainings import Training
from inwit.runs.folder import evaluations, number, read_record, result, status_now

START = (0, 0, 0)
FILES = ("metrics.jsonl", "events.jsonl")
WORDS = ("report", "event")  # what the lines of these files are called
AT_ONCE = 4  # specimens, so that lines do not wait for them
WHY = {
    "running": "the run is being trained",
    "finished": "the training has finished",
    "interrupted": "the training was stopped",
    "stopped": "the training was killed",
    "failed": "the training failed",
    "damaged": "the run's record is damaged",
    "gone": "the run is gone: its folder was removed, or the training ended before its first update, and kept nothing",
}


def cursor(given: object) -> tuple[int, int, int]:
    """A cursor as a page gives it; the start for none. Raises `UserError`."""
    if given is None:
        return START
    values = [each for each in as_list(given) if isinstance(each, int) and 0 <= each < 2**53]
    if len(values) == len(as_list(given)) == len(START):
        return values[0], values[1], values[2]
    raise UserError(f"from = {short(given)} is no cursor: give the one of the last line, or none")


class Follower:
    """Reads what is new in one run's folder. `ended` is true after the last line."""

    def __init__(
        self,
        path: Path,
        start: tuple[int, int, int] = START,
        training: Training | None = None,
        specimens: Specimens | None = None,
    ) -> None:
        self.path, self.training = path, training
        self.ended, self.behind = False, False  # whether there is more to read already
        self.specimens = Specimens() if specimens is None else specimens
        self.read_to, self.next_update = list(start[:2]), start[2]

    def read(self) -> list[Json]:
        """The lines since the last call, none after the end. Each has a `cursor`, and one of: `report`, a line of the
        metrics; `event`, a line of the events; `specimen`; `end`. A report whose update is not above that of the one
        before says that the training went back: what was told of later updates no longer holds."""
        if self.ended:
            return []
        over = self._is_over()  # first: what is written until now is read below
        lines = [line for place in range(len(FILES)) for line in self._new(place)]
        waiting = [update for update in updates_kept(self.path) if update >= self.next_update]
        for update in waiting[:AT_ONCE]:
            self.next_update = update + 1
            if found := self.specimens.at(self.path, update):
                lines.append({"specimen": found, "cursor": self._cursor()})
        self.behind = len(waiting) > AT_ONCE
        if over and not self.behind:
            self.ended = True
            said = self.training.last_words() if self.training else ""
            lines.append({"end": standing(self.path, said), "cursor": self._cursor()})
        return lines

    def _is_over(self) -> bool:
        here = self.training is not None and not self.training.has_ended()  # it may still examine its agent
        return not here and _status(self.path) != "running"

    def _new(self, place: int) -> list[Json]:
        """The whole lines that a file has after the cursor."""
        data = _after(self.path / FILES[place], self.read_to[place])
        if data is None:  # a resumed training has cut the file
            self.read_to[place] = 0
            self.next_update = 0
            data = _after(self.path / FILES[place], 0)
        lines: list[Json] = []
        for line in (data or b"").splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break  # the rest is still to be written
            self.read_to[place] += len(line)
            if (told := parsed(line)) is not None:
                lines.append({WORDS[place]: told, "cursor": self._cursor()})
        return lines

    def _cursor(self) -> list[int]:
        return [*self.read_to, self.next_update]


def about(path: Path) -> Json:
    """What a run is: `recipe`, `seed`, `world`, `policy`, `learner`, `status`, and its `most` updates. Raises
    `UserError` for a damaged record."""
    record = read_record(path)
    parts = {name: record.part(name) for name in ("world", "policy", "learner")}
    seed, most = number(record.config, "seed"), number(record.config.get("training"), "max_updates")
    return {"recipe": record.recipe, "seed": seed, **parts, "status": status_now(path, record.status), "most": most}


def standing(path: Path, said: str = "") -> Json:
    """How a run stands that nobody trains: `status`, `update`, `seconds`, `solved` of `problems` where that is known,
    and a sentence, `text`. `said`: the last words of its training."""
    try:
        record = read_record(path)
    except UserError:
        status = "damaged" if path.exists() else "gone"
        return {"status": status, "text": f"{WHY[status]}{': ' if said else ''}{said}"}
    status = status_now(path, record.status)
    text = WHY.get(status, f"the run is {status}")
    if status == "failed" and said:
        text += f": {said}"
    if status in ("interrupted", "stopped"):
        text += f"; inwit train --resume {path.name} goes on with it"
    found = result(record, evaluations(path))
    solved = {"solved": found.solved, "problems": found.problems} if found and found.rows else {}
    numbers = {name: number(record.summary, name) for name in ("update", "seconds")}
    return {"status": status, "text": text, **numbers, **solved}


def _status(path: Path) -> str:
    try:
        return status_now(path, read_record(path).status)
    except UserError:
        return "damaged"


def _after(file: Path, start: int) -> bytes | None:
    """What a file has after `start` bytes, at which a line begins; nothing where it is absent. None where no line
    begins there: the file was cut, and perhaps written on."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(start - 1, 0))
            data = stream.read()
    except OSError:
        return b""
    if not start:
        return data
    return data[1:] if data[:1] == b"\n" else None
