"""What the page draws and no verdict uses. Each picture says itself how it is drawn: a title, the axes, a caption, and
lines by name, pairs of x and a share. What proves nothing says so, beside its controls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.contracts import Agent, Tapped, answers, weights_of
from inwit.core.results import Json
from inwit.core.types import Rollout
from inwit.evidence.probes import Kernel, by_horizon, cubic, folds, linear
from inwit.evidence.subject import Subject
from inwit.runs.loading import load
from inwit.runs.moments import listed, update_of
from inwit.runs.weights import fit, untrained

Written = tuple[Int[Tensor, "B T"], Bool[Tensor, "B T"]]  # tokens, and which ones the policy chose

MEMORY, PROMPT, FRESH = "memory at the prompt's end", "prompt alone", "memory of an untrained network"
FORETOLD = 2  # horizon of the picture of odd tokens
DISTURBED = 512  # episodes with an odd token, at most
LATER = 12  # tokens after the odd one


def horizons(subject: Subject, others: Sequence[Subject] = ()) -> Json:
    """How well a probe reads off the memory what the agent will write. `others` are other seeds: their memories on the
    same tasks are controls, as what they hold cannot be this agent's plan."""
    if _nothing(subject):
        return {}
    rows = subject.solved.nonzero()[:, 0]
    kernels = {MEMORY: linear(_memory(subject)[rows]), PROMPT: _prompt_kernel(subject, rows)}
    fresh = _fresh(subject)
    if fresh is not None:
        kernels[FRESH] = linear(_memory(fresh)[rows])
    for place, other in enumerate(others):
        kernels[f"memory of another seed ({place + 1})"] = linear(_memory(other)[rows])
    own = subject.own
    found = by_horizon(kernels, own.tokens[rows], own.live[rows], subject.clusters[rows])
    caption = (
        "Linear probes on classes that they were not fitted on; the prompt's probe sees up to three of its tokens "
        "together. Where the controls are as high the probe shows no plan: the prompt decides it."
    )
    lines = {name: _points(values) for name, values in found.items()}
    return _picture("What a probe foretells", "macro F1", "tokens ahead", caption, lines)


def odd_token(subject: Subject) -> Json:
    """How well a probe of the memory foretells what the agent writes, by the time since one token was forced."""
    if _nothing(subject) or "causal" not in subject.world.capabilities:
        return {}
    found = subject.deviations
    some = found[torch.arange(min(DISTURBED, len(found))) * len(found) // max(1, min(DISTURBED, len(found)))]
    if not len(some):
        return {}
    disturbed = list(some.episodes(subject.agent.policy))
    foretold = _Foretold(subject)
    lines: dict[str, dict[int, list[float]]] = {"after the odd token": {}, "undisturbed": {}}
    start = 0
    for rollout in disturbed:
        part = some[start : start + len(rollout.tokens)]
        start += len(part)
        for name, episodes in (
            ("after the odd token", _written(rollout)),
            ("undisturbed", _written(subject.own, part.row)),
        ):
            for later, right in foretold.right(episodes, part.row, part.at).items():
                lines[name].setdefault(later, []).extend(right)
    points = {name: _points({x: sum(y) / len(y) for x, y in each.items()}) for name, each in lines.items()}
    caption = (
        f"A linear probe, fitted on undisturbed episodes of other classes, says what the agent writes in {FORETOLD} "
        "tokens; 0 is the odd token itself."
    )
    return _picture("What a probe foretells after one odd token", "right", "tokens since", caption, points)


def emergence(snapshots: Iterable[tuple[int, Subject]]) -> Json:
    """By update: what is solved, what is still right after an odd token where a way of the same length is left, and
    how well a probe foretells (the mean over horizons)."""
    lines: dict[str, dict[int, float]] = {"solved": {}, "right after an odd token": {}, "foretold (F1)": {}}
    for update, subject in snapshots:
        lines["solved"][update] = float(subject.solved.double().mean())
        if _nothing(subject):
            continue
        if "causal" in subject.world.capabilities and bool(subject.deviations.tie.any()):
            right = subject.deviations.own_right[subject.deviations.tie]
            lines["right after an odd token"][update] = float(right.double().mean())
        rows = subject.solved.nonzero()[:, 0]
        kernels = {MEMORY: linear(_memory(subject)[rows])}
        own = subject.own
        found = by_horizon(kernels, own.tokens[rows], own.live[rows], subject.clusters[rows])[MEMORY]
        if found:
            lines["foretold (F1)"][update] = sum(found.values()) / len(found)
    if len(lines["solved"]) < 2:
        return {}
    caption = "Odd tokens and probes are judged on what the agent of that time solves."
    return _picture("How it came", "share", "update", caption, {name: _points(each) for name, each in lines.items()})


def growth(subject: Subject) -> Json:
    """`emergence` of the snapshots that the agent's run keeps, and of the agent itself; {} where it keeps none. Raises
    `UserError` for a damaged snapshot."""
    path, device, now = subject.agent.path, str(subject.agent.device), subject.agent.summary.get("update")
    updates = [update_of(file) for file in listed(path)] if path and subject.agent.status != "checkpoint" else []
    if path is None or not updates or answers(subject.world) or subject.agent.untold:
        return {}
    snapshots = ((at, Subject(load(path, device, at=at), subject.block)) for at in updates if at != now)
    return emergence(chain(snapshots, [] if now is None else [(int(now), subject)]))


class _Foretold:
    """A probe for each fold, from what the taps hold in any column to the token that is written soon after."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.fold = folds(subject.clusters)
        solved = subject.solved.nonzero()[:, 0]
        own = _written(subject.own, solved)
        features, target, there = self._columns(own, solved)
        self.shift, self.scale = features[there].mean(0), features[there].std(0).clamp_min(1e-6)
        self.weights = []
        for each in range(int(self.fold.max()) + 1):
            seen = there & (self.fold[solved] != each)[:, None]
            rows = self._scaled(features[seen])
            wanted = torch.nn.functional.one_hot(target[seen], len(subject.world.vocabulary)).double()
            square = rows.T @ rows
            ridge = 1e-3 * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype, device=square.device)
            self.weights.append(torch.linalg.solve(square + ridge, rows.T @ wanted))

    def right(self, episodes: Written, row: Int[Tensor, " B"], at: Int[Tensor, " B"]) -> dict[int, list[float]]:
        """By time since column `at`: in which of the episodes the probe is right."""
        features, target, there = self._columns(episodes, row)
        scores = torch.stack([self._scaled(features) @ weights for weights in self.weights])  # [F, B, T, V]
        found = scores[self.fold[row], torch.arange(len(row), device=row.device)].argmax(2)
        since = torch.arange(found.shape[1], device=at.device) - at[:, None]
        correct = (found == target).double()
        return {
            later: correct[there & (since == later + 1)].tolist()  # the memory after the odd token is the next column's
            for later in range(LATER)
            if bool((there & (since == later + 1)).any())
        }

    def _columns(self, episodes: Written, row: Int[Tensor, " B"]) -> tuple[Tensor, Tensor, Tensor]:
        """What the taps hold in each column, the token to be foretold, and whether there is one."""
        policy, ahead, (tokens, chosen) = self.subject.agent.policy, FORETOLD - 1, episodes
        assert isinstance(policy, Tapped)
        prompt = *self.subject.world.prompt(self.subject.tasks[row]), self.subject.world.stage(self.subject.tasks[row])
        taps = policy.replay(*prompt, tokens, capture=policy.taps).taps
        features = torch.cat([taps[name] for name in policy.taps], 2).double()
        later = torch.nn.functional.pad(tokens, (0, ahead))[:, ahead:]
        there = torch.nn.functional.pad(chosen, (0, ahead))[:, ahead:]
        return features, later, there

    def _scaled(self, features: Tensor) -> Tensor:
        scaled = (features - self.shift) / self.scale
        return torch.cat([scaled, torch.ones_like(scaled[..., :1])], -1)


def _nothing(subject: Subject) -> bool:
    """Whether there is nothing to draw: the answers decide, too little is solved, or nobody can look inside."""
    return answers(subject.world) or bool(subject.too_few) or not isinstance(subject.agent.policy, Tapped)


def _memory(subject: Subject) -> Float[Tensor, "N H"]:
    """What all taps hold at the prompt's end, side by side."""
    policy, world, tasks = subject.agent.policy, subject.world, subject.tasks
    assert isinstance(policy, Tapped)
    with torch.no_grad():
        taps = policy.begin(*world.prompt(tasks), world.stage(tasks), capture=policy.taps)[0].taps
    return torch.cat([taps[name] for name in policy.taps], 1)


def _prompt_kernel(subject: Subject, rows: Int[Tensor, " R"]) -> Kernel:
    """Each place of the prompt as one-hot, counted from its end."""
    tokens, mask = subject.world.prompt(subject.tasks[rows])
    features = torch.nn.functional.one_hot(tokens, len(subject.world.vocabulary)) * mask[:, :, None]
    return cubic(features.flatten(1).double())


def _fresh(subject: Subject) -> Subject | None:
    """The same network before its training; None for an agent that no training made."""
    config = subject.agent.config
    if config is None:
        return None
    _, policy = untrained(config)
    place = fit(policy, weights_of(policy), config, str(subject.agent.device), "")
    return Subject(Agent(subject.world, policy, config, device=place), subject.block)


def _written(rollout: Rollout, rows: Int[Tensor, " B"] | slice = slice(None)) -> Written:
    return rollout.tokens[rows], (rollout.live & rollout.chosen)[rows]


def _points(values: Mapping[int, float]) -> list[list[float]]:
    return [[float(x), y] for x, y in sorted(values.items())]


def _picture(title: str, y: str, x: str, caption: str, lines: Mapping[str, list[list[float]]]) -> Json:
    drawn = {name: points for name, points in lines.items() if points}
    return {"title": title, "y": y, "x": x, "caption": caption, "lines": drawn} if drawn else {}
