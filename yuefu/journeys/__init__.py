"""What the platform does for somebody, start to end: the only modules that combine packages in one transaction.

Each journey opens its transactions at the top, receives the moment and the actor, calls the outside before or after a
transaction and never inside, and returns one outcome per request, in order.
"""
