"""What a person is shown of a loan before they agree to it, made from its schedule (rule version 2026-2) alone.

`offered` is the schedule seen by who repays it, with its label and annual cost; `dues` the repayment calendar; `comparison` several terms side
by side; `disclosure` the table of all costs with its hash, `recount` what does not add up in a printed one; `at_cost` parts
payments of which only the flows are known; `wording` has the texts in Chinese and English. Pure: no clock, no storage, whole minor units.

Invariants: a label adds up to all that is paid and is never without it and the annual cost; the cost items of the consumer add up to what is
paid beyond the price; whoever has the printed table can recompute each of its sums and its annual cost.
"""
