"""Without an extra everything else works, and what needs it says what to install."""

from __future__ import annotations

import pytest

from support import python

BLOCKED = """
import sys
for name in ("stable_baselines3", "sb3_contrib", "torchrl", "tensordict", "huggingface_hub", "onnxscript"):
    sys.modules[name] = None  # what Python then raises is what it raises where they are not installed
import inwit
for use in sys.argv[1:]:
    try:
        exec(use)
    except inwit.UserError as error:
        print(error)
"""


def told(package: str, extra: str) -> str:
    return f'{package} is not installed: in the clone of inwit: pip install -e ".[{extra}]"'


USES = {
    "import inwit.integrations.stable_baselines3": told("stable-baselines3", "rl"),
    "import inwit.integrations.torchrl": told("torchrl", "rl"),
    "inwit.push_to_hub('run', 'me/agent')": told("huggingface_hub", "hub"),
    "inwit.from_pretrained('me/agent')": "there is no run or folder me/agent, and for the Hub "
    + told("huggingface_hub", "hub"),
    "inwit.export_onnx('run', 'agent.onnx')": told("onnxscript", "export"),
}


@pytest.mark.slow
def test_the_messages_name_the_extras() -> None:
    done = python(BLOCKED, *USES)
    assert done.stdout.splitlines() == list(USES.values()), done.stderr
