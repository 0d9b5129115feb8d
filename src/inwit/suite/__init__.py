"""A battery of small experiments: who can do what. Each ability has one knob, an exact optimum and a random score.

0 is the uniformly random legal policy, 1 the proven optimum; no score is clipped. All experiments train from reward
alone. Start with `ability.py`: what an ability is.
"""
