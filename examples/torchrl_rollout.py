"""TorchRL: our tensors, TorchRL's rollout, and a random policy that keeps to legal tokens."""

from torchrl.envs import TransformedEnv
from torchrl.envs.transforms import ActionMask

from inwit.integrations.torchrl import InwitTorchRLEnv

env = TransformedEnv(InwitTorchRLEnv("calculator-v0", num_envs=64, max_operators=2), ActionMask())
env.set_seed(0)
block = env.rollout(50, break_when_any_done=False)
print(block.shape, "legal:", bool(block["action_mask"].gather(-1, block["action"][..., None]).all()))
print("episodes:", int(block["next", "done"].sum()), "right by luck:", int(block["next", "success"].sum()))
