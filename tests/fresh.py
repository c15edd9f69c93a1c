"""A Python program in a database of its own that nobody has used, with a home of its own."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql as pgsql

from yuefu.runtime import provision

ROOT = Path(__file__).parents[1]


def run(program: str, *arguments: str, directory: Path) -> str:
    """What a program printed last, carried out in a copy of the template. Asserts that it did not fail."""
    template = os.environ["YUEFU_TEST_TEMPLATE"]
    source, name = urlsplit(template).path.lstrip("/"), f"yuefu_fresh_{secrets.token_hex(6)}"
    (directory / name).mkdir()
    server = os.environ.get("YUEFU_TEST_SERVER") or urlunsplit(urlsplit(template)._replace(path="/postgres"))
    with psycopg.connect(server, autocommit=True) as owner:
        owner.execute(pgsql.SQL("CREATE DATABASE {} TEMPLATE {}").format(pgsql.Identifier(name), pgsql.Identifier(source)))
        try:
            here = {
                **os.environ,
                "DATABASE_URL": urlunsplit(urlsplit(template)._replace(path=f"/{name}")),
                "YUEFU_HOME": str(directory / name),
                "DJANGO_SETTINGS_MODULE": "yuefu.config.settings",
            }
            done = subprocess.run(
                [sys.executable, "-c", program, *arguments], cwd=ROOT, env=here, capture_output=True, text=True, check=False
            )
        finally:
            provision.drop_database(owner, name)
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout.splitlines()[-1]
