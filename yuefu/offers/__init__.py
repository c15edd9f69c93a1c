"""Offers: which plans exist, what one costs a given shopper, and what exactly was shown.

Owns products (one row a version) and disclosures (content-addressed, kept as shown). Product: draft → published → retired; a published
version never changes, a new price is a new version. A quote is a value and is stored only through its disclosure. Invariants: whoever
asks for a publication does not decide it; a product above the legal cap in force is not published; the hash of a disclosure is the
SHA-256 of its very text, its items add up to what is paid beyond the principal, and nothing else is charged.
"""
