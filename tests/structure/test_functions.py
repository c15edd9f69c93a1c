"""Functions of the migrated database: what works with the rights of the owner is for named logins only."""

import psycopg
import pytest
from django.db import connections

from yuefu.runtime.databases import ROLES

LENT = "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef"


@pytest.fixture
def owner():
    with psycopg.connect(**connections["owner"].get_connection_params() | {"cursor_factory": psycopg.Cursor}) as connection:
        yield connection


def test_what_works_with_the_rights_of_the_owner_is_not_for_everybody(owner):
    # Without an access list everybody may execute it; grantee 0 is everybody.
    everybodys = "(p.proacl IS NULL OR EXISTS (SELECT 1 FROM aclexplode(p.proacl) AS a WHERE a.grantee = 0))"
    assert owner.execute(f"{LENT} AND {everybodys}").fetchall() == []
    assert len(owner.execute(LENT).fetchall()) > 5


def test_a_trigger_that_works_so_is_nobodys(owner):
    """Whoever may execute a trigger function may hang it on a table of their own, which it then takes for the one it was written for."""
    for role in ROLES.values():
        assert (
            owner.execute(
                f"{LENT} AND p.prorettype = 'trigger'::regtype AND has_function_privilege(%s, p.oid, 'EXECUTE')", [role]
            ).fetchall()
            == []
        )


def test_what_works_so_says_where_it_looks(owner):
    unsafe = "NOT coalesce(p.proconfig::text LIKE '%%search_path=public, pg_temp%%', false)"
    assert owner.execute(f"{LENT} AND {unsafe}").fetchall() == []


def test_what_looks_up_as_a_set_goes_into_the_keys_alone(owner):
    """A nested loop can still put aside what looks small and go through all of it for each row: see ADR 0013."""
    by_keys = "SELECT p.proname FROM pg_proc p WHERE 'enable_hashjoin=off' = ANY(p.proconfig)"
    assert owner.execute(f"{by_keys} AND NOT 'enable_material=off' = ANY(p.proconfig)").fetchall() == []
    assert len(owner.execute(by_keys).fetchall()) > 15


@pytest.mark.parametrize("alias", [*ROLES])
def test_no_login_makes_temporary_tables(as_role, alias):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role(alias).execute("CREATE TEMP TABLE t (id uuid)")
