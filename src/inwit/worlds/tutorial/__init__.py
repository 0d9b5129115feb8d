"""The two tutorial worlds: `v0` with the published rules, `v1` repaired.

Start with `rules.py` (settings, vocabulary, the reading of a task), then read `scalar.py`: the rules for one episode.
`tensors.py`, `v0.py` and `v1.py` are the same rules for many episodes at once.
"""
