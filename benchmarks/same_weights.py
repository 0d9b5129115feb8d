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

import inwit
from inwit.core.contracts import weights_of

RECIPES = ("tutorial", "calculator")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["INWIT_RUNS"] = folder
        for recipe in RECIPES:
            agent = inwit.train(recipe, seed=0)
            digest = hashlib.sha256()
            for name, tensor in sorted(weights_of(agent.policy).items()):  # not the file: it names the settings, too
                digest.update(name.encode() + tensor.numpy().tobytes())
            print(f"{recipe}: {agent.summary['update']} updates, {digest.hexdigest()}")


if __name__ == "__main__":
    main()
