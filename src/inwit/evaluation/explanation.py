"""One problem, token by token: what the agent wrote, what the machine held, and what it might have written instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from inwit.core.capabilities import capable
from inwit.core.contracts import Agent, ScalarWorld, World
from inwit.core.distributions import masked_log_softmax
from inwit.core.errors import UserError, short
from inwit.core.isolation import on_own_terms
from inwit.core.results import Advice
from inwit.core.types import Rollout, Task
from inwit.evaluation.costs import priced, right_end
from inwit.evaluation.derailing import Force, compared, played
from inwit.evaluation.exact import refuse_unfit
from inwit.evaluation.explained import Choice, Explanation
from inwit.worlds import make_scalar
from inwit.worlds.oracle.constant import kind_success
from inwit.worlds.oracle.from_state import SECONDS
from inwit.worlds.oracle.programs import oracle_program


def explain(
    agent: Agent,
    task: Task,
    oracle_program: Sequence[str] | None = None,
    *,
    force: Force | None = None,
    seconds: float = SECONDS,
) -> Explanation:
    """Let the greedy agent solve one task. Raises `UserError` for a task that does not fit the agent's world, and for
    an agent with weights that are not finite.

    `oracle_program` is the oracle's for this kind, if the caller knows it: the search may take a second. `force` writes
    tokens in the agent's place, by step (0 is the first; the world's tokens count), as in `{2: "SUB"}`: the agent goes
    on from there. Raises `UserError` for a token that is illegal there, and for a step that is the world's or that lies
    past the end. `seconds` is how long it may be searched what each token cost; with 0 it is not.
    """
    if force is not None and not isinstance(force, Mapping):
        raise UserError(
            f"force = {short(force)} names no steps: give steps with their tokens, as in force={{2: 'SUB'}}"
        )
    refuse_unfit(agent)
    with on_own_terms(agent.threads):
        return _explain(agent, task, oracle_program, force or {}, seconds)


def _explain(
    agent: Agent, task: Task, oracle_program: Sequence[str] | None, force: Force, seconds: float
) -> Explanation:
    world = agent.world
    row = world.task(task).to(agent.device)
    kind = int(row.kind)
    twin = make_scalar(world.id, task, **world.settings.to_dict())
    if oracle_program is None:
        oracle = _oracle(world, kind, world.describe(row)[0])
    else:
        oracle = tuple(world.vocabulary.ids(oracle_program))
    own, rollout = played(agent, row, force)
    choices = _choices(agent, rollout, twin, oracle)
    success = bool(twin.success)
    share = _program_success(world, kind, choices, twin)
    identity = capable(world, "identity")
    right_here = success or bool(identity and twin.extra.get(identity.value_outcome))
    regrets = [choice.regret for choice in choices if choice.regret is not None]
    derailed = None
    if not force or capable(world, "causal") is None:  # else `compared` finds what each token cost
        choices = priced(world, row, rollout, choices, oracle, seconds)
    if force:
        choices, derailed = compared(world, row, own, rollout, choices, sorted(force))
        if derailed.within is None:
            written = rollout.tokens[0, : max(force) + 1].tolist()
            end = right_end(world, row, written, seconds)
            derailed = replace(derailed, right=None if end is None else world.vocabulary.decode(end))
    return Explanation(
        world=world.id,
        task=twin.task_dict(),
        prompt=world.vocabulary.decode(rollout.prompt[0][rollout.prompt_mask[0]].tolist()),
        choices=choices,
        oracle_program=world.vocabulary.decode(oracle) if oracle else None,
        success=success,
        extra={name: bool(value) for name, value in twin.extra.items()},
        program_success=share,
        lucky=None if share is None else right_here and share < 1.0,
        steps=twin.steps,
        counts=dict(twin.counts),
        regret=sum(regrets) if regrets else None,
        derailed=derailed,
    )


def _choices(agent: Agent, rollout: Rollout, twin: ScalarWorld, oracle: tuple[int, ...] | None) -> list[Choice]:
    """Write the tokens of an episode into its twin, to the end, and note what stood at each."""
    world, choices, tokens = agent.world, [], []
    advisor = capable(world, "advice")
    advice = advisor.advice(twin) if advisor else Advice({})
    names = world.vocabulary.names
    for column in range(int(rollout.live.sum())):
        written, chosen = int(rollout.tokens[0, column]), bool(rollout.chosen[0, column])
        tokens += [written] if chosen else []
        twin.step(written)
        before, advice = advice, advisor.advice(twin) if advisor else Advice({})
        choices.append(
            Choice(
                token=names[written],
                value=None if agent.script else float(rollout.values[0, column]),
                alternatives=_alternatives(agent, rollout, column) if chosen else [],
                keeps_to_oracle=None if oracle is None else tuple(tokens) == oracle[: len(tokens)],
                state=twin.state(),
                chosen=chosen,
                facts=advice.facts,
                best=[names[each] for each in before.best],
                expected=float(before.values[written]) if before.values else None,
                regret=float(max(before.values.values()) - before.values[written]) if before.values else None,
            )
        )
    return choices


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


def _alternatives(agent: Agent, rollout: Rollout, column: int) -> list[tuple[str, float]]:
    """The three likeliest legal tokens with their probabilities; of a script the one that it writes."""
    assert rollout.outputs is not None
    legal = rollout.legal[0, column]
    probabilities = masked_log_softmax(rollout.outputs.logits[0, column], legal).exp()
    sure = agent.script and float(probabilities.max()) > 0.5  # where what it writes is illegal, all others are alike
    top = probabilities.topk(1 if sure else min(3, int(legal.sum())))
    names = agent.world.vocabulary.decode(top.indices.tolist())
    return [(name, round(share, 4)) for name, share in zip(names, top.values.tolist(), strict=True)]
