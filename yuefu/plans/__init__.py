"""Plans: what a loan costs, when it falls due, and what each payment or refund does to it; as pure functions of terms and dated events.

Owns terms, schedules, price labels, annual cost by law, its caps and the fold of a loan. Stores nothing and reads no clock. A loan is open until
nothing of it is unpaid, then closed. Invariants: the principals of a schedule add up to the loan; the last instalment takes the
rounding as far as its ceiling lets it, and a refund raises none; every amount paid in is principal, interest or excess; the same dated
events lead to the same state in whatever order of dates they were entered.
"""
