"""Rehearsal: random programs are tried in the world alone, and the policy imitates what held up best.

In every update some random legal programs are run without any network, most of them on kinds without a good one yet.
Those that were right on their own problem are tried again on fresh problems of the same kind, and for each kind the
program is kept that was right most often, of equals the shortest. The loss is the negative log-likelihood of a kind's
program under the prompts of its problems. Trying a program on fresh problems is what tells a right one from a lucky
one. Nothing is known but success bits; there is no oracle.

It helps where a policy's own episodes will never meet a long program that earns nothing on the way (the last stage of
the tutorial without masks), and only where *one* program is right on all or most of a kind's problems.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.settings import Settings, setting
from inwit.worlds.running import any_of, perform

CANDIDATES = 32  # programs tried again in an update
FRESH = 64  # problems on which each of them is tried
FLOOR = 0.05  # of the programs tried, even a kind with a program beyond doubt gets some: there may be a shorter one


@dataclass(frozen=True)
class RehearsalSettings(Settings):
    rows: int = setting(0, "programs imitated in an update; 0 turns rehearsal off", at_least=0)
    weight: float = setting(1.0, "weight of its loss", at_least=0)
    programs: int = setting(512, "random legal programs tried in an update", at_least=CANDIDATES)


class Rehearsal:
    """The best program of each kind: `programs` Int[K, T], `length` Int[K], `score` Int[K], -1 where none is known.

    A program that was right on more of the fresh problems has a higher score, of equals the shorter one. Kinds of the
    test set are never tried. No shape depends on what is found.
    """

    def __init__(self, settings: RehearsalSettings, world: Any, device: torch.device | str = "cpu") -> None:
        self.settings = settings
        self.world = world
        trained = sorted(set(range(len(world.kinds))) - set(world.kinds.held_out))
        self.trained = torch.tensor(trained, device=device)
        self.programs = torch.zeros(len(world.kinds), world.num_columns, dtype=torch.int64, device=device)
        self.length = torch.zeros(len(world.kinds), dtype=torch.int64, device=device)
        self.score = torch.full_like(self.length, -1)

    def state_dict(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        return {"programs": self.programs, "length": self.length, "score": self.score}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for name, now in self.state_dict().items():
            setattr(self, name, state[name].to(now.device))

    @torch.no_grad()
    def practise(self, generator: torch.Generator) -> None:
        """Try random programs; keep what holds up better than what was known."""
        kind, tokens, length, success = self._improvise(generator)
        # Candidates: as many as fit of those that were right, kinds without a good program first (an easy kind's would
        # take every place), and wrong ones to fill the block, which do no harm.
        chance = torch.rand(success.shape, generator=generator, device=success.device)
        rows = (success * (1 + self._doubt()[kind]) + 0.5 * chance).topk(CANDIDATES)
        kind, tokens, length = kind[rows.indices], tokens[rows.indices], length[rows.indices]
        tasks = self.world.sample(kind.repeat_interleave(FRESH), generator)
        again, _ = perform(self.world, tasks, tokens.repeat_interleave(FRESH, 0))
        right = again.view(-1, FRESH).sum(1)
        score = torch.where(right > 0, right * (self.world.num_columns + 1) - length, -1)
        key = score * CANDIDATES + torch.arange(CANDIDATES, device=score.device)
        best = torch.full_like(self.score, -1).scatter_reduce_(0, kind, key, "amax")
        score, row = best.div(CANDIDATES, rounding_mode="floor"), best % CANDIDATES
        better = score > self.score
        self.programs = torch.where(better[:, None], tokens[row], self.programs)
        self.length = torch.where(better, length[row], self.length)
        self.score = torch.where(better, score, self.score)

    def loss(self, policy: Any, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The negative log-likelihood per token of the kinds' programs, illegal tokens competing; all kinds alike."""
        world, rows = self.world, self.settings.rows
        kind = self._draw(rows, generator)
        tasks = world.sample(kind, generator)
        tokens = self.programs[kind]
        logits = policy.replay(*world.prompt(tasks), world.stage(tasks), tokens).logits
        log_probs = torch.log_softmax(logits, -1).gather(-1, tokens[..., None])[..., 0]
        mask = torch.arange(tokens.shape[1], device=kind.device) < self.length[kind][:, None]
        loss = -(log_probs * mask).sum() / mask.sum().clamp_min(1)
        return self.settings.weight * loss, {"rehearsal": loss.detach(), "rehearsed": self._known()}

    def _improvise(
        self, generator: torch.Generator
    ) -> tuple[Int[Tensor, " N"], Int[Tensor, "N T"], Int[Tensor, " N"], Bool[Tensor, " N"]]:
        """Random legal programs to their end, on random problems: kind, tokens, length and success of each."""
        world = self.world
        weights = (self._doubt() + FLOOR)[self.trained]
        kind = self.trained[torch.multinomial(weights, self.settings.programs, replacement=True, generator=generator)]
        state = world.reset(world.sample(kind, generator))
        live, success = torch.ones_like(kind, dtype=torch.bool), torch.zeros_like(kind, dtype=torch.bool)
        tokens, length = [], torch.zeros_like(kind)
        for _ in range(world.num_columns):
            forced = world.forced(state)
            token = torch.where(forced < 0, any_of(world.legal(state), generator), forced)
            state, step = world.step(state, token)
            tokens.append(token)
            length = length + live
            success = success | step.success
            live = live & ~step.terminated & ~step.truncated
        return kind, torch.stack(tokens, 1), length, success

    def _draw(self, count: int, generator: torch.Generator) -> Int[Tensor, " N"]:
        place = torch.randint(len(self.trained), (count,), generator=generator, device=generator.device)
        return self.trained[place]

    def _doubt(self) -> Float[Tensor, " K"]:
        """1 where no program is known, nearly 0 where one was right on every fresh problem."""
        return 1 - self.score.clamp_min(0) / (FRESH * (self.world.num_columns + 1))

    def _known(self) -> Tensor:
        """The share of the kinds that have a program."""
        return (self.score[self.trained] >= 0).float().mean()
