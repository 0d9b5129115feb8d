"""A trained agent solves a problem in onnxruntime: PyTorch has no part in what it writes."""

import tempfile
from pathlib import Path

import gymnasium
import numpy as np
import onnxruntime

import inwit

agent = inwit.train("tutorial", seed=0)
with tempfile.TemporaryDirectory() as folder:
    step, begin = (onnxruntime.InferenceSession(file) for file in inwit.export_onnx(agent, Path(folder) / "agent.onnx"))

    env = gymnasium.make("inwit/Tutorial-v1", render_mode="ansi")
    seen, info = env.reset(options={"stage": 2, "operands": [5, 5, 7, 9, 8]})
    prompt = seen["prompt"][None]
    padding = agent.world.vocabulary.id("EOS")
    given = {"prompt": prompt, "prompt_mask": prompt != padding, "stage": np.array([seen["stage"]])}
    logits, value, hidden = begin.run(None, given)
    ended = False
    while not ended:
        token = np.where(info["action_mask"], logits[0], -np.inf).argmax()
        seen, reward, terminated, truncated, info = env.step(token)
        ended = terminated or truncated
        logits, value, hidden = step.run(None, {"token": np.array([token]), "hidden": hidden})
print(env.render(), "\nsuccess:", info["success"])
assert info["success"]
