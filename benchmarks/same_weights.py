"""Whether a change of the code changes what is learnt: the SHA-256 of the weights that seed 0 of two recipes ends with.

Run it before and after a change that must not touch results, on the same machine:

    python benchmarks/same_weights.py > before.txt
    python benchmarks/same_weights.py | diff before.txt -

Sums depend on PyTorch's version and on the processor, so none is recorded here.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import inwit

RECIPES = ("tutorial", "calculator")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["INWIT_RUNS"] = folder
        for recipe in RECIPES:
            agent = inwit.train(recipe, seed=0)
            assert agent.path is not None
            digest = hashlib.sha256(Path(agent.path, "weights.safetensors").read_bytes()).hexdigest()
            print(f"{recipe}: {agent.summary['update']} updates, {digest}")


if __name__ == "__main__":
    main()
