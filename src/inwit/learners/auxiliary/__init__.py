"""Losses that are added to a learner's, each with a store that learns from what its own programs did."""
