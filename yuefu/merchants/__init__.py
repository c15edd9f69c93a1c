"""Merchants and their contracts: who sells, on what terms, and where the money goes.

Owns the merchant (settlement account sealed, corporate only), its contract, one row a version, and its stores with their tills. Merchant:
active ⇄ suspended → closed; a store or till: active → closed. Invariants: a code belongs to one merchant of a book; a contract version is
never changed; every version after the first names the approval it came by, and an approval is used once; each merchant has one limited
ledger account, opened with the first contract; a till sells in a store of its own merchant.
"""
