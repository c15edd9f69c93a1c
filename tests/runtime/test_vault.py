from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from yuefu.runtime import vault as vaults
from yuefu.runtime.vault import Vault, VaultError, mask

ROW = uuid4()
PLACE = {"table": "consumers_consumer", "column": "phone", "row": ROW}


def test_what_is_sealed_opens_in_its_place_and_nowhere_else(vault: Vault) -> None:
    sealed = vault.seal("13800138000", **PLACE)  # type: ignore[arg-type]
    assert b"13800138000" not in sealed
    assert vault.open(sealed, **PLACE) == "13800138000"  # type: ignore[arg-type]
    for other in ({"row": uuid4()}, {"column": "name"}, {"table": "merchants_person"}):
        with pytest.raises(VaultError):
            vault.open(sealed, **(PLACE | other))  # type: ignore[arg-type]


def test_the_same_value_is_never_sealed_the_same_way(vault: Vault) -> None:
    assert vault.seal("x", **PLACE) != vault.seal("x", **PLACE)  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [0, 1, 2, 5, 14, 20])
def test_a_value_cut_short_is_refused_as_such(vault: Vault, length: int) -> None:
    with pytest.raises(VaultError):
        vault.open(vault.seal("13800138000", **PLACE)[:length], **PLACE)  # type: ignore[arg-type]


def test_one_flipped_bit_is_noticed(vault: Vault) -> None:
    sealed = bytearray(vault.seal("13800138000", **PLACE))  # type: ignore[arg-type]
    sealed[-1] ^= 1
    with pytest.raises(VaultError):
        vault.open(bytes(sealed), **PLACE)  # type: ignore[arg-type]


def test_an_old_key_of_the_ring_still_opens(vault: Vault) -> None:
    sealed = vault.seal("x", **PLACE)  # type: ignore[arg-type]
    rolled = replace(vault, active=2, keys={**vault.keys, 2: bytes(range(32))})
    assert rolled.open(sealed, **PLACE) == "x"  # type: ignore[arg-type]
    assert rolled.seal("x", **PLACE)[:2] == b"\x00\x02"  # type: ignore[arg-type]
    with pytest.raises(VaultError):
        vault.open(rolled.seal("x", **PLACE), **PLACE)  # type: ignore[arg-type]


def test_an_index_finds_equal_values_of_one_purpose(vault: Vault) -> None:
    assert vault.index("a", purpose="phone") == vault.index("a", purpose="phone")
    assert len({vault.index("a", purpose="phone"), vault.index("b", purpose="phone"), vault.index("a", purpose="id")}) == 3


@pytest.mark.parametrize("key", [b"short", bytes(32), b"ab" * 16])
@pytest.mark.parametrize("place", ["keys", "index_key"])
def test_a_short_or_simple_key_stops_the_start(tmp_path: Path, key: bytes, place: str) -> None:
    path = tmp_path / "keys.json"
    vaults.create(path)
    content = json.loads(path.read_text())
    bad = b64encode(key).decode()
    content[place] = {"1": bad} if place == "keys" else bad
    path.write_text(json.dumps(content))
    with pytest.raises(VaultError, match="short or not random"):
        vaults.load(path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"active": 2, "keys": {}, "index_key": "eA=="}', "\udcff"])
def test_a_broken_key_file_is_one_clear_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(VaultError):
        vaults.load(path)
    with pytest.raises(VaultError):
        vaults.load(tmp_path / "absent.json")
    with pytest.raises(VaultError):
        vaults.load(tmp_path)


def test_a_key_file_is_for_its_owner_only_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keys.json"
    vaults.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        vaults.create(path)


@pytest.mark.parametrize(
    ("plain", "head", "tail", "shown"),
    [("13800138000", 3, 4, "138****8000"), ("张三", 1, 0, "**"), ("欧阳修文", 1, 0, "欧***"), ("ab", 3, 4, "**"), ("", 1, 1, "")],
)
def test_a_masked_value_shows_its_ends_only(plain: str, head: int, tail: int, shown: str) -> None:
    assert mask(plain, head=head, tail=tail) == shown
