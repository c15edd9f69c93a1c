"""A database that was kept from before: as some migrations left it, for rows to be put in, before the next ones come."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql as pgsql

from yuefu.runtime import provision

Owner = psycopg.Connection[tuple[object, ...]]


@contextmanager
def kept_database(before: Sequence[tuple[str, str]]) -> Iterator[Owner]:
    """The owner in a database of its own, migrated up to `before`; `migrate` works there meanwhile."""
    name, owner = f"kept_{uuid4().hex[:12]}", connections["owner"]
    here = owner.settings_dict["NAME"]
    owner.close()
    with psycopg.connect(**owner.get_connection_params() | {"cursor_factory": psycopg.Cursor}, autocommit=True) as server:
        server.execute(pgsql.SQL("CREATE DATABASE {}").format(pgsql.Identifier(name)))
        owner.settings_dict["NAME"] = name
        try:
            migrate(before)
            with psycopg.connect(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl(), autocommit=True) as connection:
                yield connection
        finally:
            owner.close()
            owner.settings_dict["NAME"] = here
            provision.drop_database(server, name)


def migrate(targets: Sequence[tuple[str, str]]) -> None:
    MigrationExecutor(connections["owner"]).migrate(list(targets))
