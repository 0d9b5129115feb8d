"""What an agent can do, beside what can be done: exact success, sampling, controls, explanation.

Everything here reads `success`, never rewards, and changes no agent. Start with `exact.py`.
"""
