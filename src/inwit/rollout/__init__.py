"""Where a world and an agent meet: `collect` records a block of episodes, in lockstep.

`perform.py` and `babble.py` run given and random programs in a world alone. Losses, optimisers and results have no
place here. Start with `collect.py`.
"""
