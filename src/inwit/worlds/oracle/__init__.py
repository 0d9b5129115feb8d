"""The searches that prove what the best programs are.

`constant.py` searches the programs that write the same tokens on every problem of a kind. `shortest.py` gives the
shortest program for an expression of the calculator; `shortest_search.py` is its search, with `shortest_targets.py` and
`shortest_cache.py`. `programs.py` hands the best programs to a learner that says in its name that it reads them.
Nothing here is read by any other training.
"""
