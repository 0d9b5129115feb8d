"""Where a world and an agent meet: `collect` records a block of episodes, in lockstep; `babble` runs random programs in
a world alone. Losses, optimisers and results belong elsewhere. Start with `collect.py`.
"""
