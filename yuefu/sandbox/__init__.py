"""What a merchant's engineer practises with: test clocks, people whose data says how they behave, and runs of the matrix of amounts and terms.

A test clock is a test book of its own: making → ready → advancing → ready or failed; deleted at last, by its merchant or when nobody advanced it for
thirty days. It only moves forward, and of one clock one advance is under way at a time. A person of the sandbox keeps the behaviour that their e-mail
address named for good, and does each act of it once. A run of the matrix has one outcome a combination, and a certificate only where all passed.
There is none of this in a live book; PostgreSQL refuses it.
"""
