"""One problem, token by token: what the agent wrote, what the machine held, and what it might have written instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import torch
from jaxtyping import Bool
from rich.console import Group
from rich.text import Text
from torch import Tensor

from inwit.core.capabilities import capable
from inwit.core.columns import Columns
from inwit.core.contracts import Agent, ScalarWorld, World
from inwit.core.distributions import choose, masked_log_softmax
from inwit.core.errors import UserError
from inwit.core.isolation import on_own_terms
from inwit.core.results import Advice
from inwit.core.shown import Shown
from inwit.core.text import held, percent, task_text
from inwit.core.types import Json, Output, Task, Tasks
from inwit.core.vocabulary import CHOICE, UNDECIDED
from inwit.evaluation.exact import refuse_unfit
from inwit.worlds import make_scalar
from inwit.worlds.oracle.constant import kind_success
from inwit.worlds.oracle.programs import oracle_program

FEW = 8  # equally good tokens that a cell holds


@dataclass(frozen=True)
class Choice:
    """One token of an episode: the agent's, or where `chosen` is False one that the world wrote."""

    token: str
    value: float  # the agent's estimate before the token
    alternatives: list[tuple[str, float]]  # the three likeliest tokens with their probabilities; none of the world's
    keeps_to_oracle: bool | None  # whether the program so far is the oracle's; None where the kind has no oracle
    state: Json  # the machine after the token
    chosen: bool = True
    facts: Json = field(default_factory=dict)  # what one knows after the token, where the world tells it
    best: list[str] = field(default_factory=list)  # what the optimum would write here, where that is known
    expected: float | None = None  # the expected reward from here on with this token, and the optimum after it
    regret: float | None = None  # how much more it would be with the best token


@dataclass(frozen=True)
class Explanation(Shown):
    """`program_success` says how general a success is. Where the world does not answer it is the share of the kind's
    problems on which this same program is right; where the world answers, of the hidden worlds that give the same
    answers the share in which the agent's answer is right."""

    world: str
    task: Task
    prompt: list[str]
    choices: list[Choice]
    oracle_program: list[str] | None
    success: bool
    extra: dict[str, bool]
    program_success: float | None  # None where it is unknown
    lucky: bool | None  # right here, but not by a program that is right everywhere; None where that is unknown
    steps: int = 0  # tokens that the agent chose
    counts: dict[str, int] = field(default_factory=dict)  # what else the episode is counted by, as `calls`
    regret: float | None = None  # of the whole episode

    @property
    def program(self) -> list[str]:
        """The agent's tokens, without the world's."""
        return [choice.token for choice in self.choices if choice.chosen]

    def to_dict(self) -> Json:
        """As plain data; the further readings of success stand beside `success`."""
        values = asdict(self)
        return values | values.pop("extra") | {"program": self.program}

    def __rich__(self) -> Group:
        """A row for each token; `> 7` is the world's."""
        title = Text(f"{task_text(self.task)}: ", "italic") + self._verdict()
        ends = ("optimum's", "regret") if self.regret is not None else ("oracle's",)
        if self.regret is None and all(choice.keeps_to_oracle is None for choice in self.choices):
            ends = ()  # neither is known
        told = [choice.facts or choice.state for choice in self.choices]
        rows = [
            (_token(choice), *map(held, facts.values()), *_cells(choice, ends))
            for choice, facts in zip(self.choices, told, strict=True)
        ]
        headings = ("token", *told[0], "value", "likeliest tokens", *ends)
        likeliest, words = headings.index("likeliest tokens"), len(told[0]) if self.choices[0].facts else 0
        left = (*range(words + 1), likeliest, likeliest + 1)
        return Group(title, Columns(headings, rows, left=left, wide=True), *self._totals())

    def _verdict(self) -> Text:
        if not self.lucky:
            return Text("right", "bold green") if self.success else Text("wrong", "bold red")
        share, answered = self.program_success, any(not choice.chosen or choice.facts for choice in self.choices)
        if answered:
            where = f"in {percent(share or 0.0)} of the hidden worlds that answer like this"
            return Text(f"lucky: right here, but this answer is right {where}", "yellow")
        where = f"right on {percent(share)} of the problems of its kind" if share else "not right in general"
        return Text(f"lucky: right here, but this program is {where}", "yellow")

    def _totals(self) -> list[Text]:
        """A line on the whole episode, in a world that counts more than tokens."""
        if not self.counts:
            return []
        regret = "" if self.regret is None else f", regret {self.regret:g}"
        return [Text(f"{task_text({'steps': self.steps, **self.counts})}{regret}")]


def _token(choice: Choice) -> Text:
    return Text(choice.token, "bold") if choice.chosen else Text(f"> {choice.token}")


def _cells(choice: Choice, ends: Sequence[str]) -> tuple[str, ...]:
    """What is said of a token beside the machine: nothing of one of the world's. `ends` are the last columns."""
    if not choice.chosen:
        return ("·",) * (2 + len(ends))
    likeliest = "  ".join(f"{name} {probability:.2f}" for name, probability in choice.alternatives)
    cells = (f"{choice.value:+.2f}", likeliest)
    if len(ends) < 2:
        return (*cells, *({True: "yes", False: "no", None: "·"}[choice.keeps_to_oracle] for _ in ends))
    return (*cells, _few(choice.best), "·" if choice.regret is None else f"{choice.regret:.4g}")


def _few(names: Sequence[str]) -> str:
    """Names; of many the first three, and how many there are."""
    return " ".join(names) if len(names) <= FEW else f"{' '.join(names[:3])} ... ({len(names)} tokens)"


def explain(agent: Agent, task: Task, oracle_program: Sequence[str] | None = None) -> Explanation:
    """Let the greedy agent solve one task. Raises `UserError` for a task that does not fit the agent's world, and for
    an agent with weights that are not finite.

    `oracle_program` is the oracle's for this kind, if the caller knows it: the search may take a second.
    """
    refuse_unfit(agent)
    with on_own_terms(agent.threads):
        return _explain(agent, task, oracle_program)


def _explain(agent: Agent, task: Task, oracle_program: Sequence[str] | None) -> Explanation:
    world = agent.world
    row = world.task(task).to(agent.device)
    kind = int(row.kind)
    twin = make_scalar(world.id, task, **world.settings.to_dict())
    if oracle_program is None:
        oracle = _oracle(world, kind, world.describe(row)[0])
    else:
        oracle = tuple(world.vocabulary.ids(oracle_program))
    prompt, mask = world.prompt(row)
    choices = _choices(agent, row, twin, oracle)
    success = bool(twin.success)
    share = _program_success(world, kind, choices, twin)
    identity = capable(world, "identity")
    right_here = success or bool(identity and twin.extra.get(identity.value_outcome))
    regrets = [choice.regret for choice in choices if choice.regret is not None]
    return Explanation(
        world=world.id,
        task=twin.task_dict(),
        prompt=world.vocabulary.decode(prompt[0][mask[0]].tolist()),
        choices=choices,
        oracle_program=world.vocabulary.decode(oracle) if oracle else None,
        success=success,
        extra={name: bool(value) for name, value in twin.extra.items()},
        program_success=share,
        lucky=None if share is None else right_here and share < 1.0,
        steps=twin.steps,
        counts=dict(twin.counts),
        regret=sum(regrets) if regrets else None,
    )


@torch.no_grad()
def _choices(agent: Agent, row: Tasks, twin: ScalarWorld, oracle: tuple[int, ...] | None) -> list[Choice]:
    """Play the task of `row` in its twin, to the end."""
    world, choices, tokens = agent.world, [], []
    output, memory = agent.policy.begin(*world.prompt(row), world.stage(row))
    advisor = capable(world, "advice")
    advice = advisor.advice(twin) if advisor else Advice({})
    names = world.vocabulary.names
    while not twin.ended:
        legal = torch.zeros_like(output.logits, dtype=torch.bool)
        legal[:, twin.legal() if world.masks else slice(None)] = True
        forced = _forced(world, twin)
        token = choose(output.logits, legal, None) if forced is None else torch.full_like(row.kind, forced)
        written = int(token)
        tokens += [written] if forced is None else []
        twin.step(written)
        before, advice = advice, advisor.advice(twin) if advisor else Advice({})
        choices.append(
            Choice(
                token=names[written],
                value=float(output.value),
                alternatives=_alternatives(world, output, legal) if forced is None else [],
                keeps_to_oracle=None if oracle is None else tuple(tokens) == oracle[: len(tokens)],
                state=twin.state(),
                chosen=forced is None,
                facts=advice.facts,
                best=[names[each] for each in before.best],
                expected=float(before.values[written]) if before.values else None,
                regret=float(max(before.values.values()) - before.values[written]) if before.values else None,
            )
        )
        output, memory = agent.policy.step(token, memory)
    return choices


def _forced(world: World, twin: ScalarWorld) -> int | None:
    """The token that the world writes now; None on the policy's turn."""
    forced = twin.forced()
    if forced == UNDECIDED:
        raise UserError(
            f"the hidden part of the task is not drawn, so {world.id} has nothing to answer: give the task a seed, as "
            "in --seed 0, or all of its hidden part"
        )
    return None if forced == CHOICE else forced


def _oracle(world: World, kind: int, task: Task) -> tuple[int, ...] | None:
    """The best program for the task's kind, if it is known, with the task's own arguments."""
    if knows := capable(world, "best_programs"):
        program = knows.best_program_for(task)
        return tuple(program) if program else None
    return oracle_program(world, kind)


def _program_success(world: World, kind: int, choices: list[Choice], twin: ScalarWorld) -> float | None:
    """See `Explanation`. Where success is an identity the share is 1 or 0: problems that another program gets right by
    luck do not count."""
    if capable(world, "advice"):
        return choices[-1].expected if twin.terminated else 0.0
    if capable(world, "constant_programs"):
        tokens = world.vocabulary.ids(choice.token for choice in choices)
        return kind_success(world.id, kind, tuple(tokens), world.settings)
    if capable(world, "identity"):
        return float(twin.success)
    return None


def _alternatives(world: World, output: Output, legal: Bool[Tensor, "1 V"]) -> list[tuple[str, float]]:
    """The three likeliest legal tokens with their probabilities."""
    probabilities = masked_log_softmax(output.logits, legal)[0].exp()
    top = probabilities.topk(min(3, int(legal.sum())))
    names = world.vocabulary.decode(top.indices.tolist())
    return [(name, round(share, 4)) for name, share in zip(names, top.values.tolist(), strict=True)]
