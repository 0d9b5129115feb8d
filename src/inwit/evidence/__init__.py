"""What an agent does inside: whether it reads, remembers, looks ahead, re-plans and thinks, by tests whose controls can
fail. Start with `battery.py`. What is found is data of `core.claims`; the page is drawn by `report`.
"""
