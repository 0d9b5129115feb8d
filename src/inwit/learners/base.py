"""What most learners leave as it is."""

from __future__ import annotations


class PlainLearner:
    """Defaults of the `Learner` Protocol: losses on tokens up to the end, no oracle, no detours. The loop writes
    `entropy_share` before each update; a learner without an entropy bonus has no use for it."""

    group_size = 1
    whole_sequence = False
    reads_oracle = False
    detours = 0.0
    entropy_share = 1.0
