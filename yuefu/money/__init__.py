"""Money: exact amounts in integer minor units of an ISO 4217 currency, rates in parts per million, and splits that lose nothing.

Owns the number formats of the platform. Holds no state. Invariants: an amount is a whole number of minor units and at most
10**15 of them; every division names its rounding; the parts of a split add up to the whole.
"""
