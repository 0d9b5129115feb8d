"""Rehearsal: random programs are tried in the world alone, and the policy imitates those that are right most often.

In every update some random legal programs are run without any network, most of them on kinds without a good program
yet. Those that were right on their own problem are tried again on fresh problems of the same kind, which separates
right programs from lucky ones. For each kind the program is kept that was right most often, then the shorter one. The
loss is the negative log-likelihood of a kind's program under the prompts of its problems. Rehearsal sees success bits
only; there is no oracle.

It helps where a policy's own episodes never reach a long program that earns nothing on the way (the last stage of the
tutorial without masks), and only where *one* program is right on all or most of a kind's problems. A world that
answers has no such programs, and is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.contracts import Metrics, Trainable, World, answers
from inwit.core.errors import UserError
from inwit.core.settings import setting
from inwit.core.types import Rollout, copy_into
from inwit.learners.auxiliary import AuxiliarySettings
from inwit.learners.auxiliary.programs import lexicographic, program_log_probs
from inwit.worlds.running import any_of, perform

CANDIDATES = 32  # programs tried again in an update
FRESH = 64  # problems on which each of them is tried
FLOOR = 0.05  # weight of a kind whose program is always right: a shorter one may still be found


@dataclass(frozen=True)
class RehearsalSettings(AuxiliarySettings):
    programs: int = setting(512, "random legal programs tried in an update", at_least=CANDIDATES, at_most=1_000_000)


class Rehearsal:
    """The best program of each kind: `programs` Int[K, T], `length` Int[K], `score` Int[K], -1 where none is known.

    A higher score means right on more of the fresh problems, then shorter. Kinds of the test set are never tried. No
    shape depends on what is found. Raises `UserError` for a world that writes tokens of its own in mid-episode.
    """

    Settings = RehearsalSettings
    streams = ("rehearsal",)
    reads_achieved = False

    def __init__(self, settings: RehearsalSettings, world: World, device: torch.device | str = "cpu") -> None:
        if answers(world):
            raise UserError(
                f"rehearsal.rows = {settings.rows}: {world.id} answers the agent, and no fixed program reads answers; "
                "use 0"
            )
        self.settings = settings
        self.world = world
        self.trained = torch.tensor(world.kinds.trained, device=device)
        self.programs = torch.zeros(len(world.kinds), world.num_columns, dtype=torch.int64, device=device)
        self.length = torch.zeros(len(world.kinds), dtype=torch.int64, device=device)
        self.score = torch.full_like(self.length, -1)
        self.scores = FRESH * (world.num_columns + 1)  # above every score

    def state_dict(self) -> dict[str, Tensor]:
        """The tensors that a checkpoint keeps."""
        return {"programs": self.programs, "length": self.length, "score": self.score}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        copy_into(self.state_dict(), state)

    def observe(self, rollout: Rollout, draws: Mapping[str, torch.Generator]) -> None:
        """Practise. The rollout itself is not used."""
        self.practise(draws["rehearsal"])

    @torch.no_grad()
    def practise(self, generator: torch.Generator) -> None:
        """Try random programs; keep those that are better than what was known."""
        kind, tokens, length, success = self._improvise(generator)
        # Right programs are tried again, those first whose kind has no good program yet: else the programs of an easy
        # kind would take every place. Wrong ones fill the rest of the block; their score drops them.
        chance = torch.rand(success.shape, generator=generator, device=success.device)
        rows = (success * (1 + self._doubt()[kind]) + 0.5 * chance).topk(CANDIDATES).indices
        kind, tokens, length = kind[rows], tokens[rows], length[rows]
        score, row = self._best(kind, self._score(kind, tokens, length, generator))
        better = score > self.score
        self.programs.copy_(torch.where(better[:, None], tokens[row], self.programs))
        self.length.copy_(torch.where(better, length[row], self.length))
        self.score.copy_(torch.where(better, score, self.score))

    def _score(
        self, kind: Int[Tensor, " C"], tokens: Int[Tensor, "C T"], length: Int[Tensor, " C"], generator: torch.Generator
    ) -> Int[Tensor, " C"]:
        """How good programs are, on fresh problems of their kinds; -1 for those that were never right."""
        tasks = self.world.sample(kind.repeat_interleave(FRESH), generator)
        success, _ = perform(self.world, tasks, tokens.repeat_interleave(FRESH, 0))
        right, longest = success.view(-1, FRESH).sum(1), self.world.num_columns + 1
        return torch.where(right > 0, lexicographic((right - 1, FRESH), (longest - length, longest)), -1)

    def _best(self, kind: Int[Tensor, " C"], score: Int[Tensor, " C"]) -> tuple[Int[Tensor, " K"], Int[Tensor, " K"]]:
        """For each kind the best score and the candidate that has it, of several the last; -1 where there is none."""
        place = torch.arange(CANDIDATES, device=score.device)
        key = lexicographic((score, self.scores), (place, CANDIDATES))
        best = torch.full_like(self.score, -1).scatter_reduce_(0, kind, key, "amax")
        return best // CANDIDATES, best % CANDIDATES

    def loss(self, policy: Trainable, draws: Mapping[str, torch.Generator]) -> tuple[Tensor, Metrics]:
        """The negative log-likelihood per token of the kinds' programs, illegal tokens competing; all kinds alike."""
        generator = draws["rehearsal"]
        place = torch.randint(len(self.trained), (self.settings.rows,), generator=generator, device=generator.device)
        kind = self.trained[place]
        tasks = self.world.sample(kind, generator)
        programs, length = self.programs[kind], self.length[kind]
        taught = torch.arange(programs.shape[1], device=length.device) < length[:, None]
        log_probs = program_log_probs(policy, self.world, tasks, programs, taught)
        loss = -log_probs.sum() / length.sum().clamp_min(1)
        known = (self.score[self.trained] >= 0).float().mean()
        return self.settings.weight * loss, {"rehearsal": loss.detach(), "rehearsed": known}

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

    def _doubt(self) -> Float[Tensor, " K"]:
        """1 where no program is known, nearly 0 where one was right on every fresh problem."""
        return 1 - self.score.clamp_min(0) / self.scores
