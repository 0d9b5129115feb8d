"""The commands, one module each, named as they are typed: `main` parses the arguments, calls, shows, and returns the
exit status.

A module's docstring is the command's help. What all share is in `arguments.py`. What needs PyTorch is imported by
`main`, after parsing: help, listings and mistakes answer at once.
"""
