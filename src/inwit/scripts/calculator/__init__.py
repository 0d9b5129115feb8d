"""Both designs for the calculator: a compiler for one accumulator and a few slots, and a rule without a plan.

`values.py`: what a register holds. `machine.py`: the executor and the memory. `nodes.py`: the expression as sums and
products. `compiler.py`: the calls for such a node. `planner.py`: the parts of the pipeline; `rule.py`: react's rule.
"""
