"""The README's picture: a token is forced on the tutorial's agent, and the agent still expects to be right.

python benchmarks/playground_picture.py [FILE]     docs/images/playground.png by default; trains for some 10 seconds

Needs the extra `browser` and a Chromium: `make browser` installs the one and says where it looks for the other.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))

import inwit
from browsing import launched, viewed
from inwit.commands.evaluate import keep_evaluation
from inwit.playground.links import link, token

TASK = {"stage": 2, "operands": [7, 9, 6, 8, 2]}
FORCED = 2  # column in which MUL is written instead of the agent's own token


def main(out: Path) -> None:
    torch.set_num_threads(1)
    with TemporaryDirectory() as name, sync_playwright() as playwright:
        os.environ["INWIT_RUNS"] = name
        gru = inwit.train("tutorial", seed=0)
        keep_evaluation(gru, inwit.evaluate(gru))
        memoryless = inwit.train("tutorial", seed=0, policy={"id": "memoryless"}, training={"max_updates": 60})
        path = inwit.page([gru, memoryless], Path(name) / "page.html", tell=lambda _: None)
        world = gru.world
        task = world.task(TASK)
        own = world.vocabulary.ids(inwit.explain(gru, TASK).program)
        steps = [token(world, each) for each in own]
        address = link(world, task, [steps, [*steps[:FORCED], "MUL"]], "gru", FORCED + 1)
        with viewed(launched(playwright), width=1340) as view:
            view.open(f"{path.as_uri()}{address}")
            view.page.wait_for_timeout(2000)  # the searches
            view.page.screenshot(path=out)
        Image.open(out).convert("RGB").save(out, optimize=True)
    print(f"written: {out} ({out.stat().st_size / 1000:.0f} kB)")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/images/playground.png"))
