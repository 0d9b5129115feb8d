"""calculator-v0: a register machine whose prompt is an expression.

Start with `rules.py` (settings, vocabulary, the identity test), then read `scalar.py`: the rules for one episode.
`tasks.py` and `tensors.py` are the same rules for many episodes at once; `tables.py` holds what they look up.
"""
