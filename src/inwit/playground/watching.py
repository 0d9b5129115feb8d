"""What a page asks about runs and trainings: which there are, to start and stop one, to follow one, to make a page.

    runs {text}                      -> runs (200 rows at most, newest first), fitting, all
    recipes                          -> recipes, each with the few settings that may be changed; `default`: a name
    start {recipe, seed, settings}   -> run, as soon as its folder is there; settings by name, as in policy.width
    stop {run}                       -> run, status, text, when the training has ended; only of one started here
    follow {run, from}               -> run, number, and what the run is; then `{"follow": RUN, "line": ...}` is
                                        pushed: see `following.py`
    unfollow {number}                -> nothing; the lines of that `follow` end
    snapshots {run}                  -> run, updates: of each RUN@UPDATE can be opened
    page {run}                       -> run, page: the path of the file that was made in the run's folder

PyTorch is imported with the first answer that needs it, which `runs` does not.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING

from inwit.core.errors import UserError, cut
from inwit.core.results import Json
from inwit.core.storage import Tell, to_stderr
from inwit.playground.asking import Asker, Part, Runs
from inwit.playground.run_list import rows
from inwit.playground.trainings import Command, Trainings
from inwit.runs.folder import runs_folder

if TYPE_CHECKING:
    from inwit.playground.following import Follower
    from inwit.playground.specimen import Specimens

PAUSE = 0.3  # seconds between two looks into a run's folder
LONGEST = 300.0  # seconds of making a page
FOLLOWERS = 32  # at once, of all pages together
FILE = "page.html"  # of a run, in its folder


def part(runs: Runs) -> Part:
    """The answers about runs and trainings. When it is closed, the trainings that were started here are stopped."""
    watching = Watching(runs)
    names = ("runs", "recipes", "start", "stop", "follow", "unfollow", "snapshots", "page")
    return Part({name: getattr(watching, name) for name in names}, watching.close, watching.busy)


class Watching:
    """Answers, and what is started for them: trainings, and threads that follow runs. `tell` hears at the end which
    trainings were stopped."""

    def __init__(self, runs: Runs, tell: Tell = to_stderr) -> None:
        self._runs, self._tell = runs, tell
        self._lock, self._making = threading.Lock(), threading.Lock()
        self._following: dict[int, threading.Event] = {}  # by number: set when it shall end
        self._followed = 0
        self.trainings = Trainings()

    @cached_property
    def specimens(self) -> Specimens:
        from inwit.playground.specimen import Specimens

        return Specimens()

    def runs(self, message: Json, asker: Asker) -> Json:
        return rows(message.get("text"), self.trainings.running())

    def recipes(self, message: Json, asker: Asker) -> Json:
        from inwit.playground.settings_offered import offered
        from inwit.training.config import DEFAULT_RECIPE

        return {"recipes": offered(), "default": DEFAULT_RECIPE}

    def start(self, message: Json, asker: Asker) -> Json:
        return {"run": self.trainings.start(*(message.get(name) for name in ("recipe", "seed", "settings")))}

    def stop(self, message: Json, asker: Asker) -> Json:
        from inwit.playground.following import standing

        run = message.get("run")
        if self.trainings.of(run) is None:
            self._runs.folder(run)  # no error for a training of this server, whose folder may be gone
        training = self.trainings.stop(run)
        return {"run": training.run, **standing(runs_folder() / training.run, training.last_words())}

    def follow(self, message: Json, asker: Asker) -> Json:
        from inwit.playground.following import Follower, about, cursor

        path = self._runs.folder(message.get("run")).absolute()
        start, told = cursor(message.get("from")), about(path)
        follower = Follower(path, start, self.trainings.of(path.name), self.specimens)
        with self._lock:
            if len(self._following) >= FOLLOWERS:
                raise UserError(f"{FOLLOWERS} runs are followed already: close a page, or leave one of them")
            self._followed += 1
            number, ends = self._followed, threading.Event()
            self._following[number] = ends
        threading.Thread(target=self._push, args=(number, follower, ends, asker), daemon=True).start()
        return {"run": path.name, "number": number, **told}

    def _push(self, number: int, follower: Follower, ends: threading.Event, asker: Asker) -> None:
        """Push what a follower reads, until the run or the page ends, or somebody says so."""
        try:
            while not follower.ended:
                for line in follower.read():
                    if ends.is_set() or not asker.push({"follow": follower.path.name, "line": line}):
                        return
                if ends.is_set() or asker.closed(0.0 if follower.behind else PAUSE):
                    return
        except Exception as error:  # of a policy that somebody else wrote, or of the disk
            text = f"the run cannot be followed any further: {type(error).__name__}: {cut(error)}"
            asker.push({"follow": follower.path.name, "line": {"end": {"status": "unknown", "text": text}}})
        finally:
            with self._lock:
                self._following.pop(number, None)

    def unfollow(self, message: Json, asker: Asker) -> Json:
        number = message.get("number")
        with self._lock:
            ends = self._following.get(number) if isinstance(number, int) else None
        if ends is not None:
            ends.set()
        return {}

    def snapshots(self, message: Json, asker: Asker) -> Json:
        from inwit.playground.specimen import updates_kept

        path = self._runs.folder(message.get("run"))
        return {"run": path.name, "updates": updates_kept(path)}

    def page(self, message: Json, asker: Asker) -> Json:
        from inwit.playground.page import MARK

        path = self._runs.folder(message.get("run")).absolute()
        file = path / FILE
        with self._making:  # one at a time: each takes all of a core for seconds
            if asker.stopped():
                return {}
            if file.is_symlink():  # in a run that came from elsewhere, a link could lead anywhere
                raise UserError(f"{file} is a link: remove it")
            if file.is_file() and MARK not in file.read_bytes():
                raise UserError(f"{file} is no page of inwit's: move it")
            making = Command(["page", str(path), "--out", str(file)])  # tracing takes memory, and keeps it
            if not making.wait(LONGEST, asker.stopped):
                making.end()
            if making.process.returncode:
                raise UserError(making.last_words() or "the page could not be made")
        return {"run": path.name, "page": str(file)}

    def busy(self) -> bool:
        """Whether a training goes on that was started here."""
        return bool(self.trainings.running())

    def close(self) -> None:
        """Stop the trainings that were started here, and follow no run any more."""
        with self._lock:
            for ends in self._following.values():
                ends.set()
        for run in self.trainings.close():
            self._tell(f"the training {run} is stopped; go on with: inwit train --resume {run}")
