"""What every policy must keep to. A policy is held to it by being registered."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from inwit.core.errors import UserError
from inwit.core.types import Output, map_rows
from inwit.policies import POLICIES
from support import all_kinds, make_world, small_policy

every_policy = pytest.mark.parametrize("policy_id", POLICIES.names())
TOKENS = 6


@pytest.fixture(scope="module")
def world() -> Any:
    return make_world("tutorial-v1")


@pytest.fixture(scope="module")
def read(world: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Prompts of all stages, thus of several lengths, with mask and stage."""
    tasks = world.sample(all_kinds(world, 4), torch.Generator().manual_seed(0))
    return (*world.prompt(tasks), world.stage(tasks))


def random_tokens(world: Any, rows: int, columns: int = TOKENS) -> torch.Tensor:
    return torch.randint(0, len(world.vocabulary), (rows, columns), generator=torch.Generator().manual_seed(1))


def stepped(policy: Any, read: Any, tokens: torch.Tensor) -> tuple[Output, dict[str, torch.Tensor]]:
    """The outputs of writing `tokens`, and the memory at the end."""
    output, memory = policy.begin(*read)
    outputs = [output]
    for token in tokens.unbind(1)[:-1]:
        output, memory = policy.step(token, memory)
        outputs.append(output)
    stacked = Output(torch.stack([o.logits for o in outputs], 1), torch.stack([o.value for o in outputs], 1))
    return stacked, memory


@every_policy
def test_replay_is_stepping(policy_id: str, world: Any, read: Any) -> None:
    policy = small_policy(policy_id, world)
    tokens = random_tokens(world, len(read[0]))
    slow, _ = stepped(policy, read, tokens)
    fast = policy.replay(*read, tokens)
    assert fast.logits.shape == (len(tokens), TOKENS, len(world.vocabulary)), f"{policy_id}: replay has another shape."
    torch.testing.assert_close(fast.logits, slow.logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(fast.value, slow.value, atol=1e-5, rtol=0)


@every_policy
def test_a_replay_reads_a_groups_prompt_once(policy_id: str, world: Any, read: Any) -> None:
    """Outputs and gradients are those of reading it again for each of the group's consecutive rows."""
    exact = "matrix_dtype" in POLICIES.load(policy_id).Settings.__dataclass_fields__  # its sums would be bfloat16's
    policy = small_policy(policy_id, world, **({"matrix_dtype": "float32"} if exact else {}))
    tokens = random_tokens(world, 3 * len(read[0]))
    every, losses = [part.repeat_interleave(3, 0) for part in read], []
    for given in (read, every):
        outputs = policy.replay(*given, tokens)
        weight = torch.randn(outputs.logits.shape, generator=torch.Generator().manual_seed(2))
        losses.append((outputs, (outputs.logits * weight).sum() + outputs.value.square().sum()))
    (shared, one), (repeated, two) = losses
    torch.testing.assert_close(shared.logits, repeated.logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(shared.value, repeated.value, atol=1e-5, rtol=0)
    parameters = list(policy.parameters())
    gradients = (torch.autograd.grad(loss, parameters, allow_unused=True) for loss in (one, two))
    for name, ours, theirs in zip(dict(policy.named_parameters()), *gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-4, msg=f"{policy_id}: the gradient of {name}.")


@every_policy
def test_the_last_token_of_a_replay_is_not_read(policy_id: str, world: Any, read: Any) -> None:
    """Column t predicts tokens[:, t] and must not have seen it."""
    policy = small_policy(policy_id, world)
    tokens = random_tokens(world, len(read[0]))
    changed = tokens.clone()
    changed[:, 3] = (changed[:, 3] + 1) % len(world.vocabulary)
    one, two = policy.replay(*read, tokens), policy.replay(*read, changed)
    assert torch.equal(one.logits[:, :4], two.logits[:, :4]), f"{policy_id}: an output depends on a later token."
    assert not torch.equal(one.logits[:, 4], two.logits[:, 4]), f"{policy_id}: an output ignores the token before it."


@every_policy
def test_the_prompt_and_the_stage_are_read(policy_id: str, world: Any, read: Any) -> None:
    policy = small_policy(policy_id, world)
    prompt, mask, stage = read
    first, _ = policy.begin(prompt, mask, stage)
    other, _ = policy.begin((prompt + 1) % 10, mask, stage)
    assert not torch.equal(first.logits, other.logits), f"{policy_id}: the prompt makes no difference."
    other, _ = policy.begin(prompt, mask, (stage + 1) % world.kinds.num_stages)
    assert not torch.equal(first.logits, other.logits), f"{policy_id}: the stage makes no difference."


@every_policy
def test_a_policy_unaware_of_stages_ignores_them(policy_id: str, world: Any, read: Any) -> None:
    if "stage_aware" not in POLICIES.load(policy_id).Settings.__dataclass_fields__:
        pytest.skip(f"{policy_id} has no setting stage_aware.")
    policy = small_policy(policy_id, world, stage_aware=False)
    prompt, mask, stage = read
    one, _ = policy.begin(prompt, mask, stage)
    two, _ = policy.begin(prompt, mask, (stage + 1) % world.kinds.num_stages)
    assert torch.equal(one.logits, two.logits), f"{policy_id}: stage_aware = False, but the stage makes a difference."


@every_policy
def test_padding_changes_nothing(policy_id: str, world: Any, read: Any) -> None:
    """Not a bit, whatever stands on the padding; and however much of it there is."""
    policy = small_policy(policy_id, world)
    prompt, mask, stage = read
    tokens = random_tokens(world, len(prompt))
    expected = policy.replay(prompt, mask, stage, tokens)
    for pad in (0, 5, len(world.vocabulary) - 1):
        got = policy.replay(prompt.masked_fill(~mask, pad), mask, stage, tokens)
        assert torch.equal(got.logits, expected.logits), f"{policy_id}: token {pad} as padding changes the logits."
        assert torch.equal(got.value, expected.value), f"{policy_id}: token {pad} as padding changes the value."
    # A wider prompt may be summed in another order: equal to rounding.
    wider = torch.nn.functional.pad(prompt, (0, 3), value=1)
    wider_mask = torch.nn.functional.pad(mask, (0, 3), value=False)
    got = policy.replay(wider, wider_mask, stage, tokens)
    torch.testing.assert_close(got.logits, expected.logits, atol=1e-6, rtol=0)
    torch.testing.assert_close(got.value, expected.value, atol=1e-6, rtol=0)


@every_policy
def test_weights_come_from_the_generator_alone(policy_id: str, world: Any) -> None:
    before = torch.get_rng_state()
    first, again, other = (small_policy(policy_id, world, seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before), f"{policy_id}: the weights draw from the global generator."
    torch.manual_seed(17)  # the weights must not follow it
    later = small_policy(policy_id, world).state_dict()
    torch.set_rng_state(before)
    for name, tensor in first.items():
        assert torch.equal(tensor, again[name]), f"{policy_id}: one seed gives two {name}."
        assert torch.equal(tensor, later[name]), f"{policy_id}: {name} follows the global seed."
    assert any(not torch.equal(t, other[name]) for name, t in first.items()), f"{policy_id}: the seed is not used."


@every_policy
def test_running_a_policy_draws_nothing(policy_id: str, world: Any, read: Any) -> None:
    policy = small_policy(policy_id, world)
    before = torch.get_rng_state()
    one = policy.replay(*read, random_tokens(world, len(read[0])))
    two = policy.replay(*read, random_tokens(world, len(read[0])))
    assert torch.equal(torch.get_rng_state(), before), f"{policy_id}: it draws from the global generator."
    assert torch.equal(one.logits, two.logits), f"{policy_id}: the same prompts and tokens give different outputs."


@every_policy
def test_memory_is_a_flat_dict_of_rows(policy_id: str, world: Any, read: Any) -> None:
    """Indexing the memory and stepping is stepping and indexing: rows do not meet in `step`."""
    policy = small_policy(policy_id, world)
    tokens = random_tokens(world, len(read[0]))
    _, memory = policy.begin(*read)
    assert isinstance(memory, dict), f"{policy_id}: the memory is no dict."
    for name, tensor in memory.items():
        assert isinstance(tensor, torch.Tensor), f"{policy_id}: the memory's {name} is no tensor."
        assert tensor.shape[0] == len(read[0]), f"{policy_id}: the memory's {name} is not batch-first."
    rows = torch.tensor([5, 0, 5, 11])
    whole_output, whole = policy.step(tokens[:, 0], memory)
    some_output, some = policy.step(tokens[rows, 0], map_rows(memory, lambda tensor: tensor[rows]))
    torch.testing.assert_close(some_output.logits, whole_output.logits[rows], atol=1e-6, rtol=0)
    torch.testing.assert_close(some_output.value, whole_output.value[rows], atol=1e-6, rtol=0)
    assert set(some) == set(whole) == set(memory), f"{policy_id}: the memory changes its names."
    for name in whole:
        torch.testing.assert_close(some[name], whole[name][rows], atol=1e-6, rtol=0)


@every_policy
def test_a_step_leaves_the_given_memory_alone(policy_id: str, world: Any, read: Any) -> None:
    policy = small_policy(policy_id, world)
    with torch.no_grad():
        _, memory = policy.begin(*read)
        before = map_rows(memory, torch.clone)
        policy.step(random_tokens(world, len(read[0]))[:, 0], memory)
    for name, tensor in memory.items():
        assert torch.equal(tensor, before[name]), f"{policy_id}: step changes the {name} that it is given."


@every_policy
def test_gradients_reach_every_parameter(policy_id: str, world: Any, read: Any) -> None:
    policy = small_policy(policy_id, world)
    output = policy.replay(*read, random_tokens(world, len(read[0]), 12))
    weights = torch.randn(output.logits.shape, generator=torch.Generator().manual_seed(2))
    ((output.logits * weights).sum() + output.value.sum()).backward()
    for name, parameter in policy.named_parameters():
        assert parameter.grad is not None, f"{policy_id}: no gradient reaches {name}."
        assert bool(torch.isfinite(parameter.grad).all()), f"{policy_id}: the gradient of {name} is not finite."
        assert bool(parameter.grad.any()), f"{policy_id}: the gradient of {name} is zero everywhere."


@every_policy
def test_logits_are_finite_and_shaped(policy_id: str, world: Any, read: Any) -> None:
    output, _ = small_policy(policy_id, world).begin(*read)
    assert output.logits.shape == (len(read[0]), len(world.vocabulary)), f"{policy_id}: logits have another shape."
    assert output.value.shape == (len(read[0]),), f"{policy_id}: values have another shape."
    assert bool(torch.isfinite(output.logits).all()), f"{policy_id}: logits are not finite."


@every_policy
def test_weights_survive_the_state_dict(policy_id: str, world: Any, read: Any) -> None:
    """A run keeps the state dict and nothing else: it must hold all that the outputs depend on."""
    one, two = small_policy(policy_id, world, seed=0), small_policy(policy_id, world, seed=1)
    two.load_state_dict(one.state_dict())
    tokens = random_tokens(world, len(read[0]))
    assert torch.equal(one.replay(*read, tokens).logits, two.replay(*read, tokens).logits), (
        f"{policy_id}: its state dict does not hold all of it."
    )


@every_policy
def test_a_memory_answers_at_once(policy_id: str, world: Any, read: Any) -> None:
    """`read` gives the output that the memory came with, after the prompt and after tokens."""
    policy = small_policy(policy_id, world)
    output, memory = policy.begin(*read)
    for token in random_tokens(world, len(read[0])).unbind(1):
        answer = policy.read(memory)
        torch.testing.assert_close(answer.logits, output.logits, atol=1e-5, rtol=0)
        torch.testing.assert_close(answer.value, output.value, atol=1e-5, rtol=0)
        output, memory = policy.step(token, memory)


@every_policy
def test_taps_of_a_replay_are_those_of_its_steps(policy_id: str, world: Any, read: Any) -> None:
    policy = small_policy(policy_id, world)
    tokens = random_tokens(world, len(read[0]))
    output, memory = policy.begin(*read, capture=policy.taps)
    taps = [output.taps]
    for token in tokens.unbind(1)[:-1]:
        output, memory = policy.step(token, memory, capture=policy.taps)
        taps.append(output.taps)
    replayed = policy.replay(*read, tokens, capture=policy.taps).taps
    assert policy.taps
    assert set(replayed) == set(policy.taps) == set(taps[0])
    for name in policy.taps:
        slow = torch.stack([each[name] for each in taps], 1)
        torch.testing.assert_close(replayed[name], slow, atol=1e-5, rtol=0, msg=f"{policy_id}: the tap {name}.")
    assert not policy.replay(*read, tokens).taps, f"{policy_id}: taps that nobody asked for."


def differ(one: Output, other: Output) -> bool:
    """By more than rounding."""
    return bool(((one.logits - other.logits).abs() > 1e-2).any())


@every_policy
def test_an_edit_at_a_tap_counts_and_lasts(policy_id: str, world: Any, read: Any) -> None:
    """What stands at a tap is what the policy goes on with, and what `read` answers from; what is captured is what was
    edited. An LSTM's cell is seen one token later; what no later token sees is made anew with each."""
    policy, token = small_policy(policy_id, world), torch.full((len(read[0]),), 3)
    plain, memory = policy.begin(*read, capture=policy.taps)
    later, further = policy.step(token, memory, capture=policy.taps)
    latest, _ = policy.step(token, further)
    for name in policy.taps:
        same = {name: lambda value, kept=plain.taps[name]: kept}
        torch.testing.assert_close(policy.begin(*read, edit=same)[0].logits, plain.logits, atol=1e-5, rtol=0)
        # Noise, because a constant is taken away where a layer is normalised.
        noise = torch.randn(plain.taps[name].shape, generator=torch.Generator().manual_seed(0))
        edit: dict[str, Any] = {"edit": {name: lambda value, noise=noise: value + noise}, "capture": (name,)}
        begun, stepped = policy.begin(*read, **edit), policy.step(token, memory, **edit)
        for before, after, (edited, changed) in ((plain, later, begun), (later, latest, stepped)):
            torch.testing.assert_close(edited.taps[name], before.taps[name] + noise)
            at_once = (policy_id, name) != ("lstm", "cell")
            assert differ(edited, before) is at_once, f"{policy_id}: an edit of {name} at once."
            torch.testing.assert_close(policy.read(changed).logits, edited.logits, atol=1e-5, rtol=0)
            lasts = (policy_id, name) not in {("memoryless", "hidden"), ("transformer", policy.taps[-1])}
            assert differ(policy.step(token, changed)[0], after) is lasts, f"{policy_id}: an edit of {name} later."


@every_policy
def test_an_unknown_tap_is_named(policy_id: str, world: Any, read: Any) -> None:
    policy = small_policy(policy_id, world)
    with pytest.raises(UserError, match="tap"):
        policy.begin(*read, capture=("hiddn",))
