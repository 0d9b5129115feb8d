"""An agent that a person wrote plays a Gymnasium environment: read as any agent, by its name."""

import gymnasium

import inwit

env = gymnasium.make("inwit/Calculator-v0", render_mode="ansi")
act = inwit.gym.actor("pipeline:calculator", env)  # or a run: "latest"

seen, info = env.reset(options={"expression": "(a+b)*c", "operands": [2, 3, 4]})
terminated = truncated = False
while not (terminated or truncated):
    seen, reward, terminated, truncated, info = env.step(act(seen))
print(env.render())

print("reward", reward, "success", info["success"])
