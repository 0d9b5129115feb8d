"""From a configuration to a trained agent: the loop, curricula, metrics, health, configuration and recipes.

The loop writes nothing to disk: keeping what it does is the business of `inwit.runs`. Start with `loop.py`.
"""
