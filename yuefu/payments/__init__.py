"""Money that moves outside: the accounts it lies in, collections from consumers, by mandate too, refunds of them, payouts to merchants,
transfers between our accounts.

States of a collection and of a channel refund: attempted → succeeded | failed | unknown, unknown → succeeded | failed. Of a payout:
scheduled → sent → paid | returned, scheduled → paid | returned, paid → returned. Of a transfer: ordered → done | failed. Of a mandate:
signing → active | failed | revoked, active → revoked | lost | expired. Of a debit: open → collected | given_up | cancelled, and the last two →
collected where money came after all; of its tries: planned → announced → attempted → succeeded | failed, or dropped.
Invariants, kept by PostgreSQL: the attempt with its reference is stored before the outside is called, and a reference is used once;
what is refunded of a collection never exceeds it; only what succeeded has a day and a fee; no row leaves its book; what an
account of money is never changes, and what moves money names an account of the role that it needs: payouts leave client money, collections
come into the channel, the ends of a transfer follow from its kind. No more is moved to client money than is owed to merchants at once, and
no payout is sent that it does not cover.
A consumer has one mandate in force; nothing is sent by one that is not active; of a debit one try is under way, which ends as its collection
does. An answer that contradicts what stands of a collection is kept, and only what a person accepts of it is booked.
One payment over several loans is a whole, which the channel knows, and parts that add up to it and share its fate, each for one loan; what goes
back goes back of a part. A part that came before the day it is for is owed to the consumer until it is released to its loan.
A channel refund that failed stays as it is: another attempt, with a reference of its own, is made on a later round.
The gateways of the sandbox keep books of their own (`payments_sandbox_…`) which nothing but they read, as a real channel would.
"""
