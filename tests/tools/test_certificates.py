"""What pip trusts is found for npm, in pip's own order."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def _found(given: dict[str, str], config: str = os.devnull) -> str:
    others = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment = {**others, "PIP_CONFIG_FILE": config, **given}
    done = subprocess.run([ROOT / "tools" / "certificates"], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def bundles(tmp_path: Path) -> dict[str, str]:
    made = {}
    for name in (*VARIABLES, "config"):
        (tmp_path / f"{name}.pem").write_text("")
        made[name] = str(tmp_path / f"{name}.pem")
    return made


def test_a_variable_goes_before_those_after_it(bundles: dict[str, str]) -> None:
    for at, name in enumerate(VARIABLES):
        assert _found({each: bundles[each] for each in VARIABLES[at:]}) == bundles[name]


def test_a_setting_of_pip_goes_before_the_variables_of_others(bundles: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\ncert = {bundles['config']}\n")
    assert _found({"SSL_CERT_FILE": bundles["SSL_CERT_FILE"]}, str(config)) == bundles["config"]
    assert _found({"PIP_CERT": bundles["PIP_CERT"]}, str(config)) == bundles["PIP_CERT"]


def test_nothing_is_found_where_nothing_was_given_or_the_file_is_not_there(bundles: dict[str, str], tmp_path: Path) -> None:
    assert _found({}) == ""
    assert _found({"PIP_CERT": str(tmp_path / "none.pem"), "SSL_CERT_FILE": bundles["SSL_CERT_FILE"]}) == bundles["SSL_CERT_FILE"]
