"""Reads of merchants; every answer is a frozen value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.merchants.rules import Contract, ContractTerms, fees_from_json, least_from_json, more_from_json
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.vault import Vault

TABLE: Final = "merchants_merchant"

_SHOWN = "id, code, name_zh, name_en, state, industry, uscc, settlement_account_masked"
_CONTRACT = (
    "id, merchant_id, version, valid_from, fee_rate_ppm, settlement_days, channel, discount_ppm, fee_on_refund,"
    " negative_limit_minor, currency, fees, minimum_payout_minor, reserve_ppm, reserve_days, more"
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A merchant as everybody may see it who may see it at all."""

    id: UUID
    code: str
    name_zh: str
    name_en: str
    state: str
    industry: str
    uscc: str
    settlement_account_masked: str


def shown(*, ids: Sequence[UUID]) -> dict[UUID, Shown]:
    """These merchants; unknown ids are left out."""
    found = sql.rows_as(Shown, f"SELECT {_SHOWN} FROM merchants_merchant WHERE id = ANY(%s)", [list(ids)])
    return {merchant.id: merchant for merchant in found}


def states(*, ids: Sequence[UUID], book_id: UUID) -> dict[UUID, str]:
    """The states of these merchants of a book; those of another book are left out."""
    return dict(sql.rows("SELECT id, state FROM merchants_merchant WHERE book_id = %s AND id = ANY(%s)", [book_id, list(ids)]))


def not_active(*, book_id: UUID) -> list[UUID]:
    """The merchants of a book that are suspended or closed, in the order of ids: they are paid nothing."""
    return [row[0] for row in sql.rows("SELECT id FROM merchants_merchant WHERE book_id = %s AND state <> 'active' ORDER BY id", [book_id])]


def merchants(*, book_id: UUID) -> list[Shown]:
    """All merchants of a book, by code."""
    return sql.rows_as(Shown, f"SELECT {_SHOWN} FROM merchants_merchant WHERE book_id = %s ORDER BY code", [book_id])


def by_codes(*, book_id: UUID, codes: Sequence[str]) -> dict[str, UUID]:
    """Merchants by their code; unknown codes are left out."""
    return dict(sql.rows("SELECT code, id FROM merchants_merchant WHERE book_id = %s AND code = ANY(%s)", [book_id, list(codes)]))


def contracts_in_force(*, merchant_ids: Sequence[UUID], on: date) -> dict[UUID, Contract]:
    """The contract of each merchant on a day: of the versions valid by then, the latest. A merchant without one is left out."""
    found = sql.rows_as(
        _contract,
        f"SELECT DISTINCT ON (merchant_id) {_CONTRACT} FROM merchants_contract WHERE merchant_id = ANY(%s) AND valid_from <= %s"
        " ORDER BY merchant_id, version DESC",
        [list(merchant_ids), on],
    )
    return {contract.merchant_id: contract for contract in found}


def contracts_by_version(*, versions: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], Contract]:
    """Contracts by merchant and number of the version."""
    if not versions:
        return {}
    named, params = sql.unnest({"of": "uuid", "number": "integer"}, versions)
    found = sql.rows_as(
        _contract, f"SELECT {_CONTRACT} FROM {named} AS g JOIN merchants_contract ON merchant_id = g.of AND version = g.number", params
    )
    return {(contract.merchant_id, contract.version): contract for contract in found}


def contract_versions(*, merchant_id: UUID) -> list[Contract]:
    """Every version of a merchant's contract, the first one first."""
    return sql.rows_as(_contract, f"SELECT {_CONTRACT} FROM merchants_contract WHERE merchant_id = %s ORDER BY version", [merchant_id])


def settlement_accounts(*, merchant_ids: Sequence[UUID], vault: Vault) -> dict[UUID, str]:
    """The account numbers in the clear, for the order to the bank and for nothing else."""
    found = sql.rows("SELECT id, settlement_account_sealed FROM merchants_merchant WHERE id = ANY(%s)", [list(merchant_ids)])
    return {row: vault.open(sealed, table=TABLE, column="settlement_account", row=row) for row, sealed in found}


@dataclass(frozen=True, slots=True)
class Account:
    """A version of the account that a merchant is paid to. `fault`: why a bank sent money back from it, on `flagged_on`; "" where it is good."""

    id: UUID
    merchant_id: UUID
    version: int
    kind: str
    holder: str
    bank_code: str
    masked: str
    valid_from: date
    flagged_on: date | None
    fault: str


_ACCOUNT = "id, merchant_id, version, kind, holder, bank_code, number_masked, valid_from, flagged_on, fault"


def accounts_in_force(*, merchant_ids: Sequence[UUID]) -> dict[UUID, Account]:
    """The account that each merchant is paid to now: the latest version."""
    found = sql.rows_as(
        Account,
        f"SELECT DISTINCT ON (merchant_id) {_ACCOUNT} FROM merchants_account WHERE merchant_id = ANY(%s) ORDER BY merchant_id, version DESC",
        [list(merchant_ids)],
    )
    return {account.merchant_id: account for account in found}


def accounts(*, ids: Sequence[UUID]) -> dict[UUID, Account]:
    """These versions of accounts that merchants were paid to; unknown ids are left out."""
    found = sql.rows_as(Account, f"SELECT {_ACCOUNT} FROM merchants_account WHERE id = ANY(%s)", [list(ids)])
    return {account.id: account for account in found}


def first_accounts(*, merchant_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The id of the first account of each merchant."""
    return dict(sql.rows("SELECT merchant_id, id FROM merchants_account WHERE merchant_id = ANY(%s) AND version = 1", [list(merchant_ids)]))


def account_versions(*, merchant_id: UUID) -> list[Account]:
    """Every account that a merchant was paid to, the first one first."""
    return sql.rows_as(Account, f"SELECT {_ACCOUNT} FROM merchants_account WHERE merchant_id = %s ORDER BY version", [merchant_id])


def flagged(*, book_id: UUID) -> list[UUID]:
    """The merchants whose account a bank sent money back from, in the order of ids: they are paid nothing until they have another."""
    found = sql.rows(
        "SELECT a.merchant_id FROM merchants_account AS a WHERE a.book_id = %s AND a.flagged_on IS NOT NULL AND NOT EXISTS ("
        "SELECT FROM merchants_account AS later WHERE later.merchant_id = a.merchant_id AND later.version > a.version) ORDER BY 1",
        [book_id],
    )
    return [row[0] for row in found]


@dataclass(frozen=True, slots=True)
class Beneficiary:
    """Where a payout goes, with the number in the clear: for the order to the bank and for nothing else."""

    account_id: UUID
    holder: str
    bank_code: str
    number: str = field(repr=False)


def beneficiaries(*, account_ids: Sequence[UUID], vault: Vault) -> dict[UUID, Beneficiary]:
    """Accounts by id, of whatever version: of merchants, and of those who have shares."""
    wanted = list(account_ids)
    found = sql.rows(
        "SELECT id, merchant_id, holder, bank_code, number_sealed, %s, %s FROM merchants_account WHERE id = ANY(%s)"
        " UNION ALL SELECT id, payee_id, holder, bank_code, number_sealed, %s, %s FROM merchants_payee_account WHERE id = ANY(%s)",
        [TABLE, "settlement_account", wanted, "merchants_payee", "account", wanted],
    )
    return {
        account: Beneficiary(account, holder, bank, vault.open(sealed, table=table, column=column, row=whose))
        for account, whose, holder, bank, sealed, table, column in found
    }


def _contract(
    contract_id: UUID,
    merchant_id: UUID,
    version: int,
    valid_from: date,
    fee_rate_ppm: int,
    settlement_days: int,
    channel: str,
    discount_ppm: Mapping[str, int],
    fee_on_refund: str,
    negative_limit_minor: int,
    currency: str,
    fees: Sequence[Mapping[str, Any]],
    minimum_payout_minor: int,
    reserve_ppm: int,
    reserve_days: int,
    more: Mapping[str, Any],
) -> Contract:
    discounts = tuple(sorted((int(periods), ppm) for periods, ppm in discount_ppm.items()))
    limit = Money(negative_limit_minor, currency)
    asked, least = fees_from_json(fees, currency), least_from_json(minimum_payout_minor, currency)
    terms = ContractTerms(
        *(valid_from, fee_rate_ppm, settlement_days, channel, discounts, fee_on_refund, limit, asked, least, reserve_ppm, reserve_days),
        **more_from_json(more, currency),
    )
    return Contract(contract_id, merchant_id, version, terms)
