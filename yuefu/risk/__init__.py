"""Risk: one decision per order, on a frozen value that the journey collected.

Owns the decisions with the features they were made on, the reasons and the version of the policy. A decision is approved or declined and
never changes. Invariants: an order has one decision; an approved one has no reasons, a declined one has one to four; a decision is
append only, and the same features under the same policy always give the same one.
"""
