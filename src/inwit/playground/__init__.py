"""Agents that people step, break and mend: their worlds and policies as graphs of tensor operators, which a page runs
without Python. A leaf: delete the folder, and all else works on.

Start with `graphs.py`: what becomes a graph. `tracing.py` says how, `static/graph.js` runs one, and `static/engine.js`
answers with them what the page asks.
"""
