"""*Looks ahead*: does the memory at the prompt's end hold the program that comes, call by call?

A *variable* is the token of the k-th call of the agent's own program (see `plans`). The part of the memory that is said
to hold it is taken from another task's memory (`interchange`), and the agent must then write its own program with that
one call changed. The subspace is found on three quarters of the classes; the goals that are judged are of the others.
"""

from __future__ import annotations

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
BAR, GAP, STAYS = 0.8, 0.3, 0.9
TRAINED = 0.75  # of the classes
TESTED = 1000  # trials of each call and control, at most
UNCHANGED = 0.25  # of the trials that a subspace is found on: nothing is to change
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
        return Claim("looks ahead", decisive=False, untestable=why or _untapped(policy))
    found = plans(subject)
    if found.calls.shape[1] < CALLS:
        why = f"the agent's own programs differ in {found.calls.shape[1]} calls: a plan has {CALLS}"
        return Claim("looks ahead", decisive=False, untestable=why)
    test = Experiments(Interchange(subject, policy), found, readings(subject), steps)
    if test.whole < STAYS:
        taps, share = ", ".join(policy.taps), f"{test.whole:.2f}"
        why = f"what the newest position holds ({taps}) does not decide the program: exchanged it gives {share} of them"
        return Claim("looks ahead", decisive=False, untestable=why)
    return Claim("looks ahead", test.measures(), decisive=False)


def _untestable(subject: Subject) -> str:
    if answers(subject.world):
        return f"in {subject.world.id} the world's answers decide the program, which no prompt foretells"
    return subject.too_few


def _untapped(policy: object) -> str:
    return f"the policy {type(policy).__name__} has no taps: nobody can put one memory's part into another"


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
        """One for each call that is judged. All subspaces are found together."""
        models = [model for call in range(CALLS) for model in self._models(call)]
        trials = [self._drawn(*model, "training", self.steps * ROWS) for model in models]
        short = [place // MODELS for place, each in enumerate(trials) if not len(each)]
        if short:
            return tuple(self._unmeasured(call, 0, short[0]) for call in range(CALLS))
        names = [f"{place % MODELS} of {place // MODELS}" for place in range(len(models))]
        parts = self.interchange.found(trials, names, self.steps)
        one = [{tap: part[each : each + 1] for tap, part in parts.items()} for each in range(len(models))]
        return tuple(self._measure(call, *one[MODELS * call : MODELS * (call + 1)]) for call in range(CALLS))

    def _models(self, call: int) -> tuple[tuple[Plans, int, int], ...]:
        """What the memory is said to hold of a call, and what the donor gives: the right model, and two wrong ones. The
        call that the first of these takes is the one before, for the first call the one after."""
        return (self.plans, call, call), (self.plans, call, call - 1 if call else 1), (self.read, call, call)

    def _measure(self, call: int, right: Parts, wrong: Parts, read: Parts) -> Measure:
        trials, other, reading = (self._tested(*model) for model in self._models(call))
        clusters = self.plans.clusters[trials.goal]
        if len(clusters.unique()) < FEW:
            return self._unmeasured(call, len(trials), call)
        correct = self.interchange.right(trials, right)
        random = self.interchange.random(1, [stream(0, f"interchange random/{call}")])
        same = self._drawn(*self._models(call)[0], "same", TESTED, unchanged=1.0)
        values = {
            "wrong model": (self._share(other, wrong), BAR - GAP, AT_MOST),
            "prompt's order": (self._share(reading, read), None, AT_MOST),
            "random subspace": (self._share(trials, random), BAR - GAP, AT_MOST),
            "same call": (self._share(same, right), STAYS, AT_LEAST),
            "whole memory": (self.whole, STAYS, AT_LEAST),
        }
        controls = {name: Control(*value, why=WHYS[name]) for name, value in values.items()}
        interval, share = clustered_share(correct.cpu(), clusters.cpu()), float(correct.double().mean())
        return Measure(f"call {call + 1}", share, BAR, len(trials), interval, controls=controls)

    def _tested(self, found: Plans, call: int, source: int) -> Trials:
        return self._drawn(found, call, source, "test", TESTED)

    def _drawn(self, found: Plans, call: int, source: int, part: str, count: int, unchanged: float = 0.0) -> Trials:
        generator = stream(0, f"interchange {part}/{call} from {source}")
        if part == "training":
            rows, goals, unchanged = self.trained, self.trained, UNCHANGED
        else:
            rows, goals = torch.ones_like(self.trained), ~self.trained
        return found.draw(call, source, count, generator, rows=rows, goals=goals, unchanged=unchanged)

    def _share(self, trials: Trials, parts: Parts | None) -> float:
        return float(self.interchange.right(trials, parts).double().mean()) if len(trials) else 0.0

    def _unmeasured(self, call: int, count: int, short: int) -> Measure:
        why = f"too few of the agent's programs differ in call {short + 1} alone"
        return Measure(f"call {call + 1}", None, BAR, count, why=why)
