"""A thousand environments as one block of tensors: how often does a random legal program answer rightly?"""

import time

import gymnasium
import numpy as np

envs = gymnasium.make_vec("inwit:inwit/Tutorial-v1", num_envs=1000, vectorization_mode="vector_entry_point", stage=0)
random = np.random.default_rng(0)
seen, info = envs.reset(seed=0)
solved = episodes = 0
start = time.perf_counter()
for _ in range(100):
    scores = random.random(seen["action_mask"].shape)
    tokens = np.where(seen["action_mask"], scores, -1).argmax(1)
    seen, reward, terminated, truncated, info = envs.step(tokens)
    solved += info["success"].sum()
    episodes += (terminated | truncated).sum()
seconds = time.perf_counter() - start
print(f"{solved} of {episodes} random episodes are right ({solved / episodes:.1%}); {100_000 / seconds:,.0f} steps/s")
assert episodes > 10_000
