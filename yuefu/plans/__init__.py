"""Plans: what a loan costs, when it falls due, and what each payment or refund does to it; as pure functions of terms and dated events.

Owns terms, schedules, price labels, annual cost by law, its caps and the fold of a loan. Stores nothing and reads no clock; needs the standard
library, and numpy for whole portfolios. `lifecycle` is rule version 2026-2, every kind of product; `terms`, `schedule` and `loan` are version
2026-1; `agreed` says what a product means in terms of 2026-2; a loan is only ever told by the rules of its own version. `laws` has the annual
cost, `caps` what may be asked, `offer` what a person is shown, `portfolio` many loans at once. `docs/plans.md` shows how to use it alone.

Invariants: the principals of a schedule add up to the loan; every amount paid in is principal, interest, fee, penalty or credit balance; the
same dated events lead to the same state in whatever order of dates they were entered. Of 2026-1: a loan is open until nothing of it is unpaid,
then closed; the last instalment takes the rounding as far as its ceiling lets it, and a refund raises none.
"""
