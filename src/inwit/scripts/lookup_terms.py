"""What is left of a query of lookup-v0 once some answers are known: pure functions, shared by pipeline and react.

A cell is what a call asks for: the tool's number (`*` comes after the unary ones) and its arguments. An answer is put
into a query in place of the call: with F 3 = 1 there is left of `G F 3` the query `G 1`. A query without tools and
without an operator is its value. So what is left shows what an answer was good for, and many queries become one.
"""

from __future__ import annotations

from collections.abc import Mapping

from inwit.worlds.lookup.queries import STAR, Query, Term, read_query
from inwit.worlds.lookup.rules import PAD, LookupSettings

Cell = tuple[int, ...]


def query_of(settings: LookupSettings, prompt: tuple[int, ...]) -> Query:
    """The query that the prompt's tokens spell, up to `=`."""
    text = " ".join(settings.vocabulary.names[token] for token in prompt if token != PAD)
    query = read_query(text.removesuffix("=").strip())
    assert query is not None, text
    return query


def put_in(query: Query, known: Mapping[Cell, int]) -> Query:
    """The query with what is known in place of the calls. Of a condition that is known only its parity is left."""
    first, *others = (_put_in(term, known) for term in query.terms)
    if query.operator == "?" and not first.tools:
        first = Term((), first.value % 2)
    return Query(query.operator, (first, *others))


def _put_in(term: Term, known: Mapping[Cell, int]) -> Term:
    while term.tools and (term.tools[0], term.value) in known:
        term = Term(term.tools[1:], known[term.tools[0], term.value])
    return term


def decided(settings: LookupSettings, query: Query, known: Mapping[Cell, int]) -> Query:
    """What the operator leaves of a query: the branch that counts, the sum, the lesser; a 0 is the lesser of all."""
    terms, values = query.terms, [term.value for term in query.terms if not term.tools]
    if query.operator == "?" and (not terms[0].tools or terms[1] == terms[2]):
        return Query("", (terms[1 if terms[0].value % 2 else 2],))
    if query.operator == "&" and 0 in values:
        return _value(0)
    if len(values) < len(terms) or query.operator in ("", "?"):
        return query
    if query.operator == STAR:
        found = known.get((settings.num_tools, *values))
        return query if found is None else _value(found)
    return _value(sum(values) % settings.num_values if query.operator == "+" else min(values))


def _value(value: int) -> Query:
    return Query("", (Term((), value),))


def value_of(query: Query) -> int | None:
    """The value of a query of which nothing else is left; None for any other."""
    only = query.terms[0]
    return None if query.operator or only.tools else only.value


def cells_in(settings: LookupSettings, query: Query) -> list[Cell]:
    """The cells that can be asked for now, as their arguments are known: in the order of the text, each once. Those of
    both branches are among them."""
    cells = [(term.tools[0], term.value) for term in query.terms if term.tools]
    if query.operator == STAR and not cells:
        return [(settings.num_tools, *(term.value for term in query.terms))]
    return list(dict.fromkeys(cells))


def guessed(query: Query) -> int:
    """An answer for a query whose value is not known: where a chain stands now, it may well end (F F 3 is 3 if F 3 is).
    Of two branches it takes one that is known, else the second, as no fewer values are even than odd. Of two values it
    takes the first: the other may be no less."""
    known = [term for term in query.terms[1:] if not term.tools] if query.operator == "?" else query.terms
    return (known or query.terms)[-1 if query.operator == "?" else 0].value
