"""Loans of a whole book to a file, and from the file of another core into this one: every row proven before the first is booked.

A file is CSV in UTF-8: a row a loan with its terms, what happened to it, and what is owed of it by the end of a day; and control totals, in its last row
or told beside it. What a row says is owed has to be what its terms and its past come to, and the totals what all rows come to, to the cent: else nothing
is booked, and every error is told with its line. Then chunks of loans are booked, a transaction each; the same file again goes on where it stood, and
once it is in changes nothing. In the end the entries in the ledger are the totals, component by component.
"""
