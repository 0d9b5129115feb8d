"""Every registered world as a Gymnasium id, for tests that are parametrised over them."""

from __future__ import annotations

import pytest

from inwit import worlds
from inwit.gym import env_ids

# Gymnasium warns, rightly, that there is a v1; v0 is the published system and kept on purpose. Nothing else is muted.
_OLD = "ignore:.*inwit/Tutorial-v0 is out of date.*:DeprecationWarning"

every_id = pytest.mark.parametrize(
    "env_id",
    [
        pytest.param(name, marks=pytest.mark.filterwarnings(_OLD) if name == "inwit/Tutorial-v0" else ())
        for name in env_ids()
    ],
)


def skip_without_machine(world_id: str, observe: str = "machine") -> None:
    """Skip a test that asks for the machine of a world that shows none."""
    if observe == "machine" and "machine" not in worlds.make(world_id).capabilities:
        pytest.skip(f"{world_id} shows no machine.")
