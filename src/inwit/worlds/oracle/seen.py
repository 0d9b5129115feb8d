"""The positions that a search has met, exactly: a hash might take two for one."""

from __future__ import annotations

import numpy as np

Bytes = np.ndarray  # uint8 [N, W]: N positions, all that each holds


class Seen:
    """Tells positions apart by those of their bytes that differ anywhere from the first position's, which are few."""

    def __init__(self, first: Bytes) -> None:
        self.first, self.differs = first[0], np.zeros(first.shape[1], bool)
        self.keys = {b""}

    def new(self, positions: Bytes) -> list[int]:
        """Which of some positions were not met before, each once. They are met now."""
        differs = self.differs | (positions != self.first).any(axis=0)
        if (differs != self.differs).any():
            self._widen(differs)
        known, found = self.keys, list[int]()
        for place, key in enumerate(_rows(positions[:, differs])):
            if key not in known:
                known.add(key)
                found.append(place)
        return found

    def _widen(self, differs: np.ndarray) -> None:
        """Write the keys again with further bytes, in which all positions so far are as the first."""
        wide = np.repeat(self.first[None], len(self.keys), axis=0)
        wide[:, self.differs] = np.frombuffer(b"".join(self.keys), np.uint8).reshape(len(self.keys), -1)
        self.differs, self.keys = differs, set(_rows(wide[:, differs]))


def _rows(positions: Bytes) -> list[bytes]:
    width = positions.shape[1]
    return np.ascontiguousarray(positions).view(f"V{width}")[:, 0].tolist() if width else [b""] * len(positions)
