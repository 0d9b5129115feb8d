"""One episode as it goes, token by token, of any world: what `play` tells and what a person at a terminal sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inwit.core.errors import UserError, short
from inwit.core.results import Json

if TYPE_CHECKING:  # playing by hand needs no PyTorch
    from inwit.core.contracts import ScalarWorld


class Course:
    """An episode and what was written in it. Aligned, one for each token that was chosen: `actions`, `legal` (before
    it), `answers` (what the world wrote after it) and `states` (after both). `stream` has all tokens."""

    def __init__(self, episode: ScalarWorld) -> None:
        self.episode = episode
        self.stream: list[str] = []
        self.actions: list[str] = []
        self.legal: list[list[str]] = []
        self.answers: list[list[str]] = []
        self.states: list[Json] = []

    def choose(self, token: int) -> None:
        """Carry out a token of the policy's, legal or not."""
        [name] = self.episode.vocabulary.decode([token])
        self.actions.append(name)
        self.legal.append(self.episode.vocabulary.decode(self.episode.legal()))
        self.answers.append([])
        self._carry_out(token, name)
        self.states.append(self.episode.state())

    def answer(self, token: int) -> None:
        """Carry out a token of the world's. Raises `UserError` for one that cannot come here."""
        names = self.episode.vocabulary.decode
        [name], may = names([token]), self.episode.legal()
        if token not in may:
            left = " ".join(names(may))
            raise UserError(f"{self.where()} cannot be {name}: the rules and what was heard before leave {left}")
        self._carry_out(token, name)
        if self.actions:
            self.answers[-1].append(name)
            self.states[-1] = self.episode.state()

    def where(self) -> str:
        """The world's next token, in words."""
        return f"the world's token after {short(' '.join(self.stream)) if self.stream else 'the prompt'}"

    def _carry_out(self, token: int, name: str) -> None:
        self.episode.step(token)
        self.stream.append(name)
