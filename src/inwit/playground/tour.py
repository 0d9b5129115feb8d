"""What `inwit evidence` did to a run's agent, as sessions of a page: each opens the same intervention, on one problem.

An intervention of the battery is made on thousands of episodes. A session shows one of them, and a person may try
others. The verdict beside it is the battery's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import torch

from inwit.core.capabilities import capable
from inwit.core.claims import Claim, Evidence
from inwit.core.contracts import Agent, Policy, World
from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.core.seeding import stream
from inwit.core.vocabulary import UNDECIDED
from inwit.playground.links import forgets, has_memory_of, link, token
from inwit.playground.problems import drawn, revealed
from inwit.rollout.collect import collect
from inwit.runs.finding import EVIDENCE

TRIED = 64  # problems, among which one is sought that shows an intervention


class _Own:
    """An agent's own episodes, on problems as a page poses them: of a world that draws, nothing is drawn yet."""

    def __init__(self, world: World, policy: Policy, name: str) -> None:
        self.world, self.name = world, name
        kinds = torch.arange(TRIED) * len(self.world.kinds) // TRIED
        self.tasks = drawn(self.world, kinds, stream(0, "page evidence"))
        played = revealed(self.world, self.tasks, stream(0, "page evidence/answers"))
        self.rollout = collect(self.world, policy, played)

    def tokens(self, row: int) -> list[int]:
        return self.rollout.tokens[row][self.rollout.live[row]].tolist()

    def solved(self) -> list[int]:
        """Rows, those with the longest programs first."""
        lengths = self.rollout.live.sum(1)
        rows = self.rollout.success.nonzero()[:, 0].tolist()
        return sorted(rows, key=lambda row: -int(lengths[row]))

    def link(self, row: int, branches: list[list[str]], at: int) -> str:
        return link(self.world, self.tasks[row : row + 1], branches, self.name, at)

    def steps(self, row: int) -> list[str]:
        return [token(self.world, each) for each in self.tokens(row)]


def tour(agent: Agent, policy: Policy, name: str) -> list[Json]:
    """A session for each claim that the run's evidence judged and that a page can show: `link` and `text`. `policy` is
    the agent's on the CPU. Empty for an agent without kept evidence."""
    evidence = _kept(agent)
    if evidence is None:
        return []
    claims = {claim.claim: claim for claim in evidence.claims}
    own = _Own(agent.world, policy, name)
    found = [*_derailed(agent, name, evidence), *_exchanged_answer(own), *_rebuilt(own), *_other_memory(own)]
    return [{"link": where, "text": _judged(claims[claim], text)} for claim, text, where in found if claim in claims]


def _kept(agent: Agent) -> Evidence | None:
    """None where there is none or where it cannot be read."""
    if agent.path is None or agent.script or agent.untold:
        return None
    for file in EVIDENCE:
        try:
            return Evidence.from_dict(json.loads((agent.path / file).read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError):
            continue
    return None


def _judged(claim: Claim, text: str) -> str:
    return f"{claim.claim} ({claim.verdict}): {text}"


Found = Iterator[tuple[str, str, str]]  # claim, text and link


def _derailed(agent: Agent, name: str, evidence: Evidence) -> Found:
    """The episode that the evidence keeps, in which the agent went astray after a forced token."""
    kept, world = evidence.derailment, agent.world
    if kept is None:
        return
    try:
        task = world.task(kept.task)
        own, forced = (world.vocabulary.ids(words) for words in (kept.own, [kept.forced]))
    except UserError:
        return  # of another version of the world
    steps = [token(world, each) for each in own]
    branch = [*steps[: kept.at], token(world, forced[0])]
    where = link(world, task, [steps, branch], name, kept.at + 1)
    yield "re-plans", f"After {kept.forced} was forced on it, another right way was left. It goes astray.", where


def _exchanged_answer(own: _Own) -> Found:
    """The agent's own episode up to the first answer that was not decided, then the other answer."""
    drawing = capable(own.world, "chance")
    for row in own.solved() if drawing else ():
        state = own.world.reset(own.tasks[row : row + 1])
        for at, number in enumerate(own.tokens(row)):
            if int(own.world.forced(state)) == UNDECIDED:
                chance = drawing.chance(state)[0].clone()  # pyright: ignore[reportOptionalMemberAccess]
                chance[number] = 0
                if float(chance.max()) > 0:
                    other, steps = token(own.world, int(chance.argmax())), own.steps(row)
                    where = own.link(row, [steps, [*steps[:at], other]], at + 1)
                    yield "re-plans", f"The world answers {other}, not what it answered at first.", where
                    return
            state, _ = own.world.step(state, torch.tensor([number]))


def _rebuilt(own: _Own) -> Found:
    for row in own.solved()[:1]:
        steps = own.steps(row)
        if len(steps) < 3:
            return
        last = next((place for place in range(len(steps) // 2, 0, -1) if bool(own.rollout.chosen[row, place])), 1)
        branch = [*steps[:last], forgets(own.name), steps[last]]
        text = (
            f"After {steps[last]} its memory is rebuilt from the problem and this token: what it wrote before is gone."
        )
        yield "remembers", text, own.link(row, [steps, branch], len(branch))


def _other_memory(own: _Own) -> Found:
    rows = own.solved()
    pairs = ((row, other) for row in rows for other in rows if own.tokens(row) != own.tokens(other))
    for row, other in pairs:
        of = own.tasks[other : other + 1]
        text = "Having read this problem, it gets the memory that it has of another one. Whose program does it write?"
        yield "looks ahead", text, own.link(row, [own.steps(row), [has_memory_of(own.name, of)]], 1)
        return
