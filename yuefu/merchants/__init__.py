"""Merchants and their contracts: who sells, on what terms, and where the money goes.

Owns the merchant (settlement account sealed, corporate only), its contract, one row a version, and its stores with their tills. Merchant:
active ⇄ suspended → closed; a store or till: active → closed. X each merchant has one limited ledger account, opened with the first contract.
"""
