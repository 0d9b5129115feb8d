"""One environment: a problem of your choice, the legal tokens, and the machine as text."""

import gymnasium

env = gymnasium.make("inwit:inwit/Tutorial-v1", render_mode="ansi")
seen, info = env.reset(seed=0, options={"stage": 0, "operands": [3, 4, 5]})
names = env.unwrapped.world.vocabulary
print("prompt:", " ".join(names.decode(seen["prompt"])))

for token in ("MUL", "ADD", "ANS"):  # 3 * 4 + 5
    print("legal: ", " ".join(names.decode(info["action_mask"].nonzero()[0])))
    seen, reward, terminated, truncated, info = env.step(names.id(token))
    print(env.render(), "\n")

print("reward", reward, "success", info["success"])
assert terminated
assert info["success"]
