"""Offers: which plans exist, what one costs a given shopper, and what exactly was shown.

Owns products (one row a version), disclosures (content-addressed, kept as shown) and quotes (one row a showing). Product: draft →
published → retired; a published version never changes, a new price is a new version. A priced quote is a value; that it was shown is a
row of its own, never changed: which disclosure, by which merchant, to whom, in which language, when. Invariants: whoever asks for a
publication does not decide it; a product above the legal cap in force is not published; the hash of a disclosure is the
SHA-256 of its very text, its items add up to what is paid beyond the principal, and nothing else is charged.
"""
