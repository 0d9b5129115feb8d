"""*Looks ahead*: does the memory at the prompt's end hold the program that comes, call by call?

A *variable* is the token of the k-th call of the agent's own program (see `plans`). The part of the memory that is said
to hold it is taken from another task's memory (`interchange`), and the agent must then write its own program with that
one call changed. The subspace is found on three quarters of the classes; the goals that are judged are of the others.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from inwit.core.claims import AT_LEAST, AT_MOST, Claim, Control, Measure
from inwit.core.contracts import Tapped, answers
from inwit.core.seeding import stream
from inwit.evidence.interchange import ROWS, STEPS, Interchange, Parts
from inwit.evidence.intervals import clustered_share
from inwit.evidence.plans import Plans, Trials, plans, readings
from inwit.evidence.subject import FEW, Subject

CALLS = 3  # the first ones are judged
MODELS = 3  # of each
READ = 2  # the last of them: the prompt's order
BAR, GAP, STAYS = 0.8, 0.3, 0.9
TRAINED = 0.75  # of the classes
TESTED = 1000  # trials of each call and control, at most
UNCHANGED = 0.25  # of the trials that a subspace is found on: nothing is to change
NO_TRIAL = "no two programs of the agent differ so that there is a trial"
WHYS = {
    "wrong model": "a subspace that was found as long for another one of the donor's calls, put in this one's place",
    "prompt's order": "the calls are counted as the prompt has them: what an agent holds that remembers what it read",
    "random subspace": "as large, and not searched for",
    "same call": "the donor has this call, too: the agent must write what it writes on its own",
    "whole memory": "all that the taps hold is taken from the donor: the agent must write the donor's program",
}


def judge(subject: Subject, steps: int = STEPS) -> Claim:
    """The claim *looks ahead* of one agent, on the tasks that it solves. Subspaces are found in so many steps."""
    why, policy = _untestable(subject), subject.agent.policy
    if why or not isinstance(policy, Tapped):
        return Claim("looks ahead", decisive=False, untestable=why or _untapped(subject))
    found = plans(subject)
    if found.calls.shape[1] < CALLS:
        why = f"the agent's own programs differ in {found.calls.shape[1]} calls: a plan has {CALLS}"
        return Claim("looks ahead", decisive=False, untestable=why)
    test = Experiments(Interchange(subject, policy), found, readings(subject), steps)
    if test.whole is None:
        return Claim("looks ahead", decisive=False, untestable=test.few(0))
    if test.whole < STAYS:
        taps, share = ", ".join(policy.taps), f"{test.whole:.2f}"
        why = f"what the newest position holds ({taps}) does not decide the program: exchanged it gives {share} of them"
        return Claim("looks ahead", decisive=False, untestable=why)
    return Claim("looks ahead", test.measures(), decisive=False)


def _untestable(subject: Subject) -> str:
    if answers(subject.world):
        return f"in {subject.world.id} the world's answers decide the program, which no prompt foretells"
    return subject.too_few


def _untapped(subject: Subject) -> str:
    agent = subject.agent
    who = f"the script {agent.script}" if agent.script else f"the policy {type(agent.policy).__name__}"
    return f"{who} has no taps: nobody can put one memory's part into another"


class Experiments:
    """The experiments on one agent."""

    def __init__(self, interchange: Interchange, found: Plans, read: Plans, steps: int) -> None:
        self.interchange, self.plans, self.read, self.steps = interchange, found, read, steps
        classes = int(found.clusters.max()) + 1
        trained = torch.rand(classes, generator=stream(0, "interchange classes")) < TRAINED
        self.trained: Bool[Tensor, " N"] = trained.to(found.clusters.device)[found.clusters]
        whole = self._tested(self.plans, 0, 0)
        self.whole = self._share(Trials(whole.base, whole.donor, whole.donor), None)

    def measures(self) -> tuple[Measure, ...]:
        """One for each call that is judged. All subspaces are found together. Where there is no trial to find one with
        nothing is judged, but for the prompt's order, which is left out."""
        models = [model for call in range(CALLS) for model in self._models(call)]
        trials = [self._drawn(*model, "training", self.steps * ROWS) for model in models]
        there = [place for place, each in enumerate(trials) if len(each)]
        for place in sorted(set(range(len(models))) - set(there)):
            call, model = divmod(place, MODELS)
            if model < READ:
                why = self.few(call) if model == 0 else f"{NO_TRIAL} for the control wrong model of call {call + 1}"
                return tuple(Measure(_name(each), None, BAR, 0, why=why) for each in range(CALLS))
        names = [f"{place % MODELS} of {place // MODELS}" for place in there]
        parts = self.interchange.found([trials[place] for place in there], names, self.steps)
        one: dict[int, Parts] = {
            place: {tap: part[which : which + 1] for tap, part in parts.items()} for which, place in enumerate(there)
        }
        return tuple(
            self._measure(call, one[MODELS * call], one[MODELS * call + 1], one.get(MODELS * call + READ))
            for call in range(CALLS)
        )

    def _models(self, call: int) -> tuple[tuple[Plans, int, int], ...]:
        """What the memory is said to hold of a call, and what the donor gives: the right model, and two wrong ones. The
        call that the first of these takes is the one before, for the first call the one after."""
        return (self.plans, call, call), (self.plans, call, call - 1 if call else 1), (self.read, call, call)

    def _measure(self, call: int, right: Parts, wrong: Parts, read: Parts | None) -> Measure:
        trials, other, reading = (self._tested(*model) for model in self._models(call))
        clusters = self.plans.clusters[trials.goal]
        if len(clusters.unique()) < FEW:
            return Measure(_name(call), None, BAR, len(trials), why=self.few(call))
        correct = self.interchange.right(trials, right)
        random = self.interchange.random(1, [stream(0, f"interchange random/{call}")])
        same = self._drawn(*self._models(call)[0], "same", TESTED, unchanged=1.0).distinct()
        values = {
            "wrong model": (self._share(other, wrong), BAR - GAP, AT_MOST),
            "prompt's order": (read and self._share(reading, read), BAR - GAP if read else None, AT_MOST),
            "random subspace": (self._share(trials, random), BAR - GAP, AT_MOST),
            "same call": (self._share(same, right), STAYS, AT_LEAST),
            "whole memory": (self.whole, STAYS, AT_LEAST),
        }
        controls = {name: _control(*value, why=WHYS[name]) for name, value in values.items()}
        interval, share = clustered_share(correct.cpu(), clusters.cpu()), float(correct.double().mean())
        found = Measure(_name(call), share, BAR, len(trials), interval, controls=controls)
        blind = [name for name, control in controls.items() if control.value is None and control.bar is not None]
        why = f"{NO_TRIAL} for the control {', '.join(blind)}"
        return replace(found, statistic=None, interval=None, why=why) if blind else found

    def _tested(self, found: Plans, call: int, source: int) -> Trials:
        return self._drawn(found, call, source, "test", TESTED).distinct()

    def _drawn(self, found: Plans, call: int, source: int, part: str, count: int, unchanged: float = 0.0) -> Trials:
        generator = stream(0, f"interchange {part}/{call} from {source}")
        if part == "training":
            rows, goals, unchanged = self.trained, self.trained, UNCHANGED
        else:
            rows, goals = torch.ones_like(self.trained), ~self.trained
        return found.draw(call, source, count, generator, rows=rows, goals=goals, unchanged=unchanged)

    def _share(self, trials: Trials, parts: Parts | None) -> float | None:
        return float(self.interchange.right(trials, parts).double().mean()) if len(trials) else None

    def few(self, call: int) -> str:
        """Why nothing can be measured of a call."""
        return f"too few of the agent's programs differ in call {call + 1} alone"


def _name(call: int) -> str:
    return f"call {call + 1}"


def _control(value: float | None, bar: float | None, side: str, why: str) -> Control:
    return Control(value, bar, side, why if value is not None else f"{NO_TRIAL}: {why}")
