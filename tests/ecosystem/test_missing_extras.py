"""Without an extra everything else works, and what needs it says what to install."""

from __future__ import annotations

import pytest

from support import python

BLOCKED = """
import sys
blocked = sys.argv[1].split(",")
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
import inwit
try:
    exec(sys.argv[2])
except inwit.UserError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("blocked", "use", "extra"),
    [
        ("stable_baselines3,sb3_contrib", "import inwit.integrations.stable_baselines3", "rl"),
        ("torchrl,tensordict", "import inwit.integrations.torchrl", "rl"),
        ("huggingface_hub", "inwit.push_to_hub('run', 'me/agent')", "hub"),
        ("onnxscript", "inwit.export_onnx('run', 'agent.onnx')", "export"),
    ],
)
def test_the_message_names_the_extra(blocked: str, use: str, extra: str) -> None:
    done = python(BLOCKED, blocked, use)
    assert f'pip install "inwit[{extra}]"' in done.stdout, done.stderr
    assert done.stdout.count("\n") == 1
