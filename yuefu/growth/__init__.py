"""What a merchant plans with its own money, and what it tells of its business: fund plans, revenue by month, what it owes its suppliers.

Owns the fund plan in versions, the revenue of a month as the merchant said it last, and payables with their due days and ends. All are append only
and the merchant's own: no plan locks money, and no payout depends on any of this. Kept by PostgreSQL: a version, a month and a payable are there once.
"""
