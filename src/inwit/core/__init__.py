"""What every other wing stands on: the contracts, settings, names, seeds, errors, devices and safe writing.

Nothing here knows a world, a policy or a learner. Start with `types.py`: it holds the data that flows through a
training and the Protocols that worlds, policies and learners meet. `settings.py` and `registry.py` are what a new part
is written against. `storage.py` writes files so that a crash leaves the old or the new one.
"""
