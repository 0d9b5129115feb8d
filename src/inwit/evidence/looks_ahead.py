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
from inwit.evidence.plans import Plans, Trials, plans
from inwit.evidence.subject import FEW, Subject

CALLS = 3  # the first ones are judged
BAR, GAP, STAYS = 0.8, 0.3, 0.9
TRAINED = 0.75  # of the classes
TESTED = 1000  # trials of each call and control, at most
UNCHANGED = 0.25  # of the trials that a subspace is found on: nothing is to change
WHYS = {
    "wrong model": "a subspace that was found as long for another one of the donor's calls, put in this one's place",
    "random subspace": "as large, and not searched for",
    "same call": "the donor has this call, too: the agent must write what it writes on its own",
    "whole memory": "all that the taps hold is taken from the donor: the agent must write the donor's program",
}


def judge(subject: Subject) -> Claim:
    """The claim *looks ahead* of one agent, on the tasks that it solves."""
    why, policy = _untestable(subject), subject.agent.policy
    if why or not isinstance(policy, Tapped):
        return Claim("looks ahead", decisive=False, untestable=why or _untapped(policy))
    found = plans(subject)
    if found.calls.shape[1] < CALLS:
        why = f"the agent's own programs differ in {found.calls.shape[1]} calls: a plan has {CALLS}"
        return Claim("looks ahead", decisive=False, untestable=why)
    test = Experiments(Interchange(subject, policy), found)
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

    def __init__(self, interchange: Interchange, found: Plans) -> None:
        self.interchange, self.plans = interchange, found
        classes = int(found.clusters.max()) + 1
        trained = torch.rand(classes, generator=stream(0, "interchange classes")) < TRAINED
        self.trained: Bool[Tensor, " N"] = trained.to(found.clusters.device)[found.clusters]
        self.everywhere = torch.ones_like(self.trained)
        self.whole = self._share(self._same(0, alike=False), None)

    def measures(self) -> tuple[Measure, ...]:
        """One for each call that is judged. All subspaces are found together."""
        models = [(call, call) for call in range(CALLS)] + [(call, self._other(call)) for call in range(CALLS)]
        names = [f"{call} from {source}" for call, source in models]
        trials = [self._training(*model, name) for model, name in zip(models, names, strict=True)]
        short = [call for (call, _), each in zip(models, trials, strict=True) if not len(each)]
        if short:
            why = f"too few of the agent's programs differ in call {short[0] + 1} alone"
            return (Measure(f"call {short[0] + 1}", None, BAR, 0, why=why),)
        parts = self.interchange.found(trials, names)
        one = [{tap: part[each : each + 1] for tap, part in parts.items()} for each in range(len(models))]
        return tuple(self._measure(call, one[call], one[CALLS + call]) for call in range(CALLS))

    def _measure(self, call: int, right: Parts, wrong: Parts) -> Measure:
        trials, other = self._tested(call, call), self._tested(call, self._other(call))
        clusters = self.plans.clusters[trials.goal]
        if len(clusters.unique()) < FEW:
            why = f"too few of the agent's programs differ in call {call + 1} alone"
            return Measure(f"call {call + 1}", None, BAR, len(trials), why=why)
        correct = self.interchange.right(trials, right)
        share = float(correct.double().mean())
        random = self.interchange.random(1, [stream(0, f"interchange random/{call}")])
        values = {
            "wrong model": (self._share(other, wrong), share - GAP, AT_MOST),
            "random subspace": (self._share(trials, random), share - GAP, AT_MOST),
            "same call": (self._share(self._same(call, alike=True), right), STAYS, AT_LEAST),
            "whole memory": (self.whole, STAYS, AT_LEAST),
        }
        controls = {name: Control(*value, why=WHYS[name]) for name, value in values.items()}
        interval = clustered_share(correct.cpu(), clusters.cpu())
        return Measure(f"call {call + 1}", share, BAR, len(trials), interval, controls=controls)

    def _training(self, call: int, source: int, name: str) -> Trials:
        generator = stream(0, f"interchange trials/{name}")
        rows, count = self.trained, STEPS * ROWS
        return self.plans.draw(call, source, count, generator, rows=rows, goals=rows, unchanged=UNCHANGED)

    def _tested(self, call: int, source: int) -> Trials:
        generator = stream(0, f"interchange test/{call} from {source}")
        return self.plans.draw(call, source, TESTED, generator, rows=self.everywhere, goals=~self.trained)

    def _same(self, call: int, *, alike: bool) -> Trials:
        """Trials in which nothing is to change, or (not `alike`) in which all is to be the donor's."""
        generator = stream(0, f"interchange same/{call}")
        goals = ~self.trained
        drawn = self.plans.draw(call, call, TESTED, generator, rows=self.everywhere, goals=goals, unchanged=1.0)
        return drawn if alike else Trials(drawn.base, drawn.donor, drawn.donor)

    def _other(self, call: int) -> int:
        """The call that a wrong model takes from the donor: the one before, for the first one the one after."""
        return call - 1 if call else 1

    def _share(self, trials: Trials, parts: Parts | None) -> float:
        return float(self.interchange.right(trials, parts).double().mean())
