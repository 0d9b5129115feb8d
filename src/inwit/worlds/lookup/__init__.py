"""lookup-v0: tools that answer, and may fail. A tool is a hidden table without a pattern; the agent asks, reads, keeps,
and decides what to ask next. Start with `scalar.py`, the rules as one reads them; `tensors.py` is the same in batches.
"""
