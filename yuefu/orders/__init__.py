"""Orders: what a consumer takes now and pays by the month, from the merchant's request to the last refund.

Owns orders, captures and refunds, checkout sessions and carts. States: declined · authorised → part_captured → captured → part_refunded → refunded, and from
what is not captured voided | expired. Invariants, kept by PostgreSQL: captured + released ≤ authorised ≤ the amount asked;
an authorisation ends later by an extension only, within half a year; refunded ≤ captured, of the order and of each capture; a capture or
refund belongs to the order's own merchant; a merchant uses a reference for one order that was not declined; an order is placed on a quote
that its merchant showed to its consumer or to nobody in particular, on its very day. A checkout session ends once, completed only by an
order of its own; a line of a cart is no dearer than its cash price.
"""
