"""A merchant from end to end, by the client alone: at the end its books, kept from webhooks and from lists, are ours.

An installation of its own: PostgreSQL, the server, and the worker that delivers webhooks and takes test clocks forward. The merchant is a program
(`program`) that knows an address and a key; it sells, captures, refunds, answers disputes, and takes its clock over days on which it is paid.
Its receiver (`receiver`) answers 500, answers later than anybody waits, and is killed with messages in its hands. In the end three books are held
against each other: what webhooks alone told (`books`), what the lists say, and what the tables have (`tables`).

`python -m yuefu.proofs.merchant.director` is the process that does it; `running.run` starts it and cleans up behind it.
"""
