"""What a register holds, as a polynomial over atoms. Equal values are equal Python values, and hashable.

An atom is a letter, or the greatest of several values (the tool MAX), into which algebra does not look.
"""

from __future__ import annotations

from functools import lru_cache

Atom = str | frozenset["Value"]
Monomial = frozenset[tuple[Atom, int]]  # atoms and their powers
Value = frozenset[tuple[Monomial, int]]  # monomials and their coefficients, none of them 0

NOTHING: Value = frozenset()  # the number 0


def atom(of: Atom) -> Value:
    return frozenset({(frozenset({(of, 1)}), 1)})


@lru_cache(2**16)
def total(left: Value, right: Value, sign: int = 1) -> Value:
    """left + sign * right"""
    sums = dict(left)
    for monomial, coefficient in right:
        sums[monomial] = sums.get(monomial, 0) + sign * coefficient
    return frozenset((monomial, coefficient) for monomial, coefficient in sums.items() if coefficient)


def scaled(value: Value, sign: int) -> Value:
    return value if sign == 1 else total(NOTHING, value, sign)


@lru_cache(2**16)
def product(left: Value, right: Value) -> Value:
    result = NOTHING
    for one, by in left:
        for other, times in right:
            powers = dict(one)
            for each, power in other:
                powers[each] = powers.get(each, 0) + power
            result = total(result, frozenset({(frozenset(powers.items()), by * times)}))
    return result


@lru_cache(2**16)
def greatest(left: Value, right: Value) -> Value:
    """The greater of both. The order of several, and saying one twice, do not matter."""
    several = _compared(left) | _compared(right)
    return left if len(several) == 1 else atom(several)


def _compared(value: Value) -> frozenset[Value]:
    if len(value) == 1:
        ((monomial, coefficient),) = value
        if coefficient == 1 and len(monomial) == 1:
            ((only, power),) = monomial
            if power == 1 and not isinstance(only, str):
                return only
    return frozenset({value})


def applied(tool: str, acc: Value, value: Value) -> Value:
    """What a tool leaves in the accumulator."""
    if tool == "MUL":
        return product(acc, value)
    if tool == "MAX":
        return greatest(acc, value)
    if tool == "RSB":
        return total(value, acc, -1)
    return total(acc, value, 1 if tool == "ADD" else -1)


def letters_of(value: Value, most: int) -> list[tuple[int, str]] | None:
    """A value as signed letters that add up to it, at most `most`; None where it is no such sum."""
    signed: list[tuple[int, str]] = []
    for monomial, coefficient in value:
        if len(monomial) != 1 or abs(coefficient) > most:
            return None
        ((only, power),) = monomial
        if power != 1 or not isinstance(only, str):
            return None
        signed += [(1 if coefficient > 0 else -1, only)] * abs(coefficient)
    return sorted(signed, key=lambda each: (-each[0], each[1])) if len(signed) <= most else None
