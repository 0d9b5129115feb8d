"""Token names and their ids: one id space for prompt, tool and argument tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from inwit.core.errors import UserError, short, unknown
from inwit.core.numbers import scalar

# What a world's `forced` says in place of a token: the policy chooses; the world writes, and it is not decided what.
CHOICE, UNDECIDED = -1, -2


class Vocabulary:
    """An ordered set of token names; a token's id is its place."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._ids = {name: index for index, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def id(self, token: str | int) -> int:
        """The id of a token given by name or id. Raises `UserError` for one that does not exist."""
        if isinstance(token, str):
            if token not in self._ids:
                raise unknown("token", token, self.names)
            return self._ids[token]
        token = cast("int", scalar(token))
        if isinstance(token, bool) or not hasattr(token, "__index__") or not 0 <= token < len(self.names):
            raise UserError(f"token id {short(token)} does not exist: ids are 0..{len(self.names) - 1}")
        return int(token)

    def ids(self, tokens: Iterable[str | int]) -> list[int]:
        return [self.id(token) for token in tokens]

    def decode(self, ids: Iterable[int]) -> list[str]:
        return [self.names[index] for index in ids]
