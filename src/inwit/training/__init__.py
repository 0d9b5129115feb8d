"""From a configuration to a trained agent: the loop, curricula, metrics, health, configuration and recipes.

The loop writes nothing to disk; `inwit.runs` does. Start with `loop.py`.
"""
