"""The searches that prove what the best programs are: `constant` for programs that write the same tokens on every
problem of a kind, `shortest` for expressions of the calculator. `programs` gives them to a learner that says in its
name that it reads them; no other training uses anything here."""
