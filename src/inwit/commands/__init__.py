"""The commands, one module each, named as they are typed: `main` parses the arguments, calls, shows, and returns the
exit status.

Shared: `arguments.py`, and `settings.py` for the flags `--section.field`. What needs PyTorch is imported by `main`,
after parsing: help, listings and mistakes answer at once.
"""
