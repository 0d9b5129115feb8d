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
USES = {
    "import inwit.integrations.stable_baselines3": 'stable-baselines3 is not installed: in the clone of inwit: pip install -e ".[rl]"',
    "import inwit.integrations.torchrl": 'torchrl is not installed: in the clone of inwit: pip install -e ".[rl]"',
    "inwit.push_to_hub('run', 'me/agent')": 'huggingface_hub is not installed: in the clone of inwit: pip install -e ".[hub]"',
    "inwit.from_pretrained('me/agent')": "there is no run or folder me/agent, and for the Hub "
    'huggingface_hub is not installed: in the clone of inwit: pip install -e ".[hub]"',
    "inwit.export_onnx('run', 'agent.onnx')": 'onnxscript is not installed: in the clone of inwit: pip install -e ".[export]"',
}


@pytest.mark.slow
def test_the_messages_name_the_extras() -> None:
    done = python(BLOCKED, *USES)
    assert done.stdout.splitlines() == list(USES.values()), done.stderr
