"""What every learner must keep to. A learner is held to it by being registered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from inwit.core.settings import build
from inwit.core.types import Output, Rollout
from inwit.learners import LEARNERS
from inwit.rollout.collect import collect
from inwit.training.metrics import checked
from inwit.worlds.oracle.programs import oracle_for
from support import all_kinds, make_world, small_policy

# Settings beside the defaults that change what a learner does.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "a2c": [{"credit": "per-step"}, {"credit": "whole-sequence"}, {"credit": "per-step", "group_size": 4}],
}
CASES = [(name, variant) for name in LEARNERS.names() for variant in VARIANTS.get(name, [{}])]
every_learner = pytest.mark.parametrize(("learner_id", "settings"), CASES)


def make_learner(learner_id: str, settings: dict[str, Any]) -> Any:
    cls = LEARNERS.load(learner_id)
    return cls(build(cls.Settings, settings))


def collected(learner: Any, policy: Any, seed: int = 0, world_id: str = "tutorial-v1", masks: bool = True) -> Rollout:
    """A rollout of the kind that the training loop gives this learner; legality masks make successes common enough."""
    world = make_world(world_id, max_steps=5, masks=masks)
    problems = world.sample(all_kinds(world, 16), torch.Generator().manual_seed(seed))
    rollout = collect(
        world,
        policy,
        problems,
        group_size=learner.group_size,
        generator=torch.Generator().manual_seed(seed + 1),
        keep_graph=learner.one_pass,
        after_end=learner.whole_sequence,
    )
    return replace(rollout, oracle=oracle_for(world)(problems)) if learner.reads_oracle else rollout


def losses(learner: Any, policy: Any, rollout: Rollout) -> list[float]:
    return [float(loss.detach()) for loss, _ in learner.losses(policy, rollout)]


@every_learner
def test_protocol(learner_id: str, settings: dict[str, Any]) -> None:
    learner = make_learner(learner_id, settings)
    assert learner.group_size >= 1, f"{learner_id}: group_size is the number of episodes on a problem."
    assert isinstance(learner.one_pass, bool), f"{learner_id}: one_pass says whether the rollout's graph is kept."
    assert isinstance(learner.whole_sequence, bool), f"{learner_id}: whole_sequence says whether rows write on."
    assert learner.reads_oracle is ("oracle" in learner_id), (
        f"{learner_id}: a learner that is handed the oracle's programs says so in its name, and no other is."
    )


@every_learner
def test_losses_and_gradients_are_finite(learner_id: str, settings: dict[str, Any]) -> None:
    learner, policy = make_learner(learner_id, settings), small_policy("gru", make_world("tutorial-v1"))
    rollout = collected(learner, policy)
    assert bool(rollout.success.any()), "The rollout must hold successes, or there is nothing to learn from it."
    count = 0
    for loss, metrics in learner.losses(policy, rollout):
        policy.zero_grad()
        loss.backward()
        count += 1
        assert loss.shape == (), f"{learner_id}: a loss is one number."
        assert bool(torch.isfinite(loss)), f"{learner_id}: the loss is not finite."
        checked(learner_id, metrics)
        for name, value in metrics.items():
            assert bool(torch.isfinite(value)), f"{learner_id}: the metric {name} is not finite."
            assert not value.requires_grad, f"{learner_id}: the metric {name} keeps the graph alive."
        gradients = [p.grad for p in policy.parameters() if p.grad is not None]
        assert gradients, f"{learner_id}: the loss has no gradient."
        assert all(bool(torch.isfinite(g).all()) for g in gradients), f"{learner_id}: a gradient is not finite."
        assert any(bool(g.any()) for g in gradients), f"{learner_id}: every gradient is zero."
    assert count >= 1, f"{learner_id}: losses yields nothing."


@every_learner
def test_nothing_to_learn_is_no_accident(learner_id: str, settings: dict[str, Any]) -> None:
    """A rollout in which nobody succeeds, as at the start of a training, has a finite loss and finite gradients."""
    learner, policy = make_learner(learner_id, settings), small_policy("gru", make_world("tutorial-v1"))
    rollout = collected(learner, policy)
    for loss, _ in learner.losses(policy, replace(rollout, reward=torch.zeros_like(rollout.reward))):
        policy.zero_grad()
        loss.backward()
        gradients = [p.grad for p in policy.parameters() if p.grad is not None]
        assert bool(torch.isfinite(loss)), f"{learner_id}: the loss is not finite where nobody succeeds."
        assert all(bool(torch.isfinite(g).all()) for g in gradients), f"{learner_id}: a gradient is not finite."


def garbled(rollout: Rollout, where: torch.Tensor) -> Rollout:
    """Other tokens, outputs and recorded values in the columns `where`."""
    assert rollout.outputs is not None
    generator = torch.Generator().manual_seed(7)
    tokens = torch.randint(0, rollout.legal.shape[-1], rollout.tokens.shape, generator=generator)
    noise = torch.randn(rollout.outputs.logits.shape, generator=generator)
    logits = torch.where(where[:, :, None], rollout.outputs.logits + noise, rollout.outputs.logits)
    value = torch.where(where, rollout.outputs.value + noise[..., 0], rollout.outputs.value)
    return replace(
        rollout,
        tokens=torch.where(where, tokens, rollout.tokens),
        legal=rollout.legal | where[:, :, None],
        log_probs=torch.where(where, rollout.log_probs - 1, rollout.log_probs),
        values=torch.where(where, rollout.values + 1, rollout.values),
        outputs=Output(logits, value),
    )


@every_learner
@pytest.mark.parametrize("world_id", ["tutorial-v1", "lookup-v0"])
def test_only_what_was_live_and_chosen_counts(learner_id: str, settings: dict[str, Any], world_id: str) -> None:
    """Tokens after the end and forced ones change nothing; the published whole-sequence loss, though, is made of
    them."""
    learner, policy = make_learner(learner_id, settings), small_policy("gru", make_world(world_id))
    if not learner.one_pass or (learner.whole_sequence and world_id == "lookup-v0"):
        pytest.skip(f"{learner_id}, {settings}: it does not use the rollout's outputs, or is refused in {world_id}.")
    rollout = collected(learner, policy, world_id=world_id)
    idle = ~(rollout.live & rollout.chosen)
    if learner.whole_sequence:
        idle = ~rollout.live
    assert bool(idle.any()), "No episode ended early: the test would prove nothing."
    before, after = losses(learner, policy, rollout), losses(learner, policy, garbled(rollout, idle))
    if learner.whole_sequence:
        assert before != pytest.approx(after), f"{learner_id}, {settings}: tokens after the end must count here."
    else:
        assert before == pytest.approx(after, abs=1e-6), f"{learner_id}, {settings}: a token after the end counts."
    live = garbled(rollout, rollout.live & rollout.chosen)
    assert losses(learner, policy, live) != pytest.approx(before), f"{learner_id}, {settings}: no token counts at all."


class Noting:
    """A policy that keeps the outputs of its replays, with their gradients, and which rows they were. A problem's stage
    is its number here; the policy is shown the true one."""

    def __init__(self, policy: Any, rollout: Rollout) -> None:
        self.policy, self.stages, self.size = policy, rollout.stage, rollout.group_size
        self.noted: list[tuple[Output, torch.Tensor]] = []

    def replay(self, prompt: Any, prompt_mask: Any, number: torch.Tensor, tokens: torch.Tensor) -> Output:
        output = self.policy.replay(prompt, prompt_mask, self.stages[number], tokens)
        self.noted.append((with_gradients(output), number.repeat_interleave(len(tokens) // len(number))))
        return output


def with_gradients(output: Output) -> Output:
    output.logits.retain_grad()
    output.value.retain_grad()
    return output


@every_learner
@pytest.mark.parametrize("masks", [True, False])
def test_nothing_is_learnt_from_what_the_world_wrote(learner_id: str, settings: dict[str, Any], masks: bool) -> None:
    """In a world that answers: no logit and no value of a column that the world wrote has a gradient, and those of the
    agent's own tokens have."""
    learner = make_learner(learner_id, settings)
    if learner.whole_sequence:
        pytest.skip(f"{learner_id}, {settings}: it is refused in worlds that answer.")
    policy = small_policy("gru", make_world("lookup-v0", masks=masks))
    rollout = collected(learner, policy, world_id="lookup-v0", masks=masks)
    assert bool((rollout.live & ~rollout.chosen).any()), "The world wrote nothing: the test would prove nothing."
    own = rollout.live & rollout.chosen if rollout.oracle is None else rollout.oracle.chosen
    noting = Noting(policy, rollout)
    if rollout.outputs is not None:
        with_gradients(rollout.outputs)
    for loss, _ in learner.losses(noting, replace(rollout, stage=torch.arange(len(rollout.stage)))):
        loss.backward()
    every_row = torch.arange(len(rollout.tokens))
    seen = noting.noted if rollout.outputs is None else [(rollout.outputs, every_row)]
    assert seen, f"{learner_id}: it neither uses the rollout's outputs nor replays it."
    for output, rows in seen:
        for gradient in (output.logits.grad, None if output.value.grad is None else output.value.grad[:, :, None]):
            if gradient is not None:
                assert not bool(gradient[~own[rows]].any()), f"{learner_id}: it learns from what the world wrote."
        assert output.logits.grad is not None
        assert bool(output.logits.grad[own[rows]].any()), f"{learner_id}: no token of the agent's counts."


@every_learner
def test_the_gradient_favours_what_was_rewarded(learner_id: str, settings: dict[str, Any]) -> None:
    """A small step down the loss makes the successful episodes likelier, against the failed ones."""
    policy = small_policy("gru", make_world("tutorial-v1"))
    quiet = {"entropy": 0.0} if "entropy" in LEARNERS.load(learner_id).Settings.__dataclass_fields__ else {}
    learner = make_learner(learner_id, settings | quiet)
    if learner.whole_sequence:
        pytest.skip(f"{learner_id}, {settings}: its advantage is the return less the sum of all values.")
    rollout = collected(learner, policy)
    mask = rollout.live & rollout.chosen

    def lead() -> float:
        with torch.no_grad():
            repeated = (t.repeat_interleave(rollout.group_size, 0) for t in (rollout.prompt, rollout.prompt_mask))
            stage = rollout.stage.repeat_interleave(rollout.group_size, 0)
            logits = policy.replay(*repeated, stage, rollout.tokens).logits.masked_fill(~rollout.legal, -1e9)
        log_probs = (torch.log_softmax(logits, -1).gather(-1, rollout.tokens[..., None])[..., 0] * mask).sum(1)
        return float(log_probs[rollout.success].mean() - log_probs[~rollout.success].mean())

    before = lead()
    for loss, _ in learner.losses(policy, rollout):
        policy.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in policy.parameters():
                if parameter.grad is not None:
                    parameter -= 0.05 * parameter.grad
    assert lead() > before, f"{learner_id}, {settings}: a step down its loss makes success less likely."


@every_learner
def test_a_bonus_for_entropy_flattens(learner_id: str, settings: dict[str, Any]) -> None:
    """More weight on the entropy makes the loss lower by weight times entropy."""
    if "entropy" not in LEARNERS.load(learner_id).Settings.__dataclass_fields__:
        pytest.skip(f"{learner_id} has no entropy bonus.")
    policy = small_policy("gru", make_world("tutorial-v1"))
    without, with_bonus = (make_learner(learner_id, settings | {"entropy": weight}) for weight in (0.0, 1.0))
    rollout = collected(without, policy)
    (low, metrics), *_ = without.losses(policy, rollout)
    (high, _), *_ = with_bonus.losses(policy, rollout)
    assert float(metrics["entropy"]) > 0.1, f"{learner_id}: an untrained policy has entropy."
    assert float(low.detach() - high.detach()) == pytest.approx(float(metrics["entropy"]), abs=1e-5)


@every_learner
def test_the_loop_can_lower_the_entropy_bonus(learner_id: str, settings: dict[str, Any]) -> None:
    """`entropy_share` multiplies its weight, and nothing else."""
    policy = small_policy("gru", make_world("tutorial-v1"))
    if "entropy" not in LEARNERS.load(learner_id).Settings.__dataclass_fields__:
        full, low = (make_learner(learner_id, settings) for _ in range(2))
    else:
        full = make_learner(learner_id, settings | {"entropy": 0.25})
        low = make_learner(learner_id, settings | {"entropy": 1.0})
    assert full.entropy_share == 1.0, f"{learner_id}: a learner begins with its whole bonus."
    low.entropy_share = 0.25
    rollout = collected(full, policy)
    assert losses(low, policy, rollout) == losses(full, policy, rollout)


class Counting:
    """A policy that counts the prompts it is given."""

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self.read = 0

    def begin(self, prompt: Any, *rest: Any) -> Any:
        self.read += len(prompt)
        return self.policy.begin(prompt, *rest)

    def step(self, token: Any, memory: Any) -> Any:
        return self.policy.step(token, memory)


@every_learner
def test_a_group_is_repeated_tasks_read_once(learner_id: str, settings: dict[str, Any]) -> None:
    """`collect` with the learner's group size reads each prompt once, and is otherwise as if each problem had been
    given as often as the group is large."""
    learner = make_learner(learner_id, settings)
    size = max(learner.group_size, 2)
    world = make_world("tutorial-v1")
    policy = Counting(small_policy("gru", world))
    problems = world.sample(all_kinds(world, 3), torch.Generator().manual_seed(0))
    grouped = collect(world, policy, problems, group_size=size, generator=torch.Generator().manual_seed(1))
    assert policy.read == len(problems), f"{policy.read} prompts were read for {len(problems)} problems."
    repeated = collect(world, policy, problems.repeat_interleave(size), generator=torch.Generator().manual_seed(1))
    assert len(grouped.prompt) == len(problems)
    for name in ("tokens", "legal", "live", "chosen", "reward", "success", "terminated", "truncated"):
        assert torch.equal(getattr(grouped, name), getattr(repeated, name)), f"{name} differs within groups."
    torch.testing.assert_close(grouped.log_probs, repeated.log_probs, atol=1e-5, rtol=0)
    torch.testing.assert_close(grouped.values, repeated.values, atol=1e-5, rtol=0)
    assert torch.equal(grouped.tasks.kind, repeated.tasks.kind)
