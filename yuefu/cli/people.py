"""`yuefu user|key …`: people and programs, and what they may do."""

from __future__ import annotations

import secrets
import sys
from datetime import timedelta
from typing import Annotated, Any, Final

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import fail
from yuefu.cli.payees import agent_of
from yuefu.cli.quote import merchant_of

DEFAULT_OVERLAP_HOURS: Final = 24

user_app = typer.Typer(no_args_is_help=True, help="People who log in, and their roles.")
key_app = typer.Typer(no_args_is_help=True, help="API keys of merchants, and of agents who act for them.")


@user_app.command("list")
def list_users() -> None:
    """Everybody with a role in the book."""
    with context.at_work("access.grant") as caller:
        from yuefu import ids
        from yuefu.access import queries as access

        found = [
            {
                "user": ids.text("user", member.membership.user_id),
                "login": member.login,
                "name": member.display_name,
                "role": member.membership.role,
                "merchant": ids.text("merchant", member.membership.merchant_id) if member.membership.merchant_id else None,
            }
            for member in access.members(book_id=caller.for_the_book().book.id)
        ]
        output.result({"users": found}, output.table(["user", "login", "name", "role", "merchant"], [list(one.values()) for one in found]))


@user_app.command("add")
def add_user(
    login: Annotated[str, typer.Argument(help="What they log in with.")],
    role: Annotated[str, typer.Option(help="operator, finance, risk, support, compliance, merchant_owner or merchant_staff.")],
    name: Annotated[str | None, typer.Option(help="The name to show; the login unless given.")] = None,
    merchant: Annotated[str | None, typer.Option(help="The merchant's code, for a merchant role.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
    ] = False,
) -> None:
    """Make a user with a role. Without --password-stdin a password is made and shown this once."""
    with context.at_work("access.grant") as caller:
        from yuefu import ids
        from yuefu.access import commands as access
        from yuefu.errors import Refused, one
        from yuefu.runtime.values import UnitOfWork

        caller.for_the_book()
        merchant_id = merchant_of(caller, merchant) if merchant else None
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else secrets.token_urlsafe(12)

        def act(work: UnitOfWork) -> Any:
            user = one(access.create_users(work=work, users=[access.NewUser(login, name or login, password)]))
            granted = access.grant(work=work, memberships=[access.Grant(user, role, merchant_id)])[0]
            return granted if isinstance(granted, Refused) else user

        made = caller.acting(act)
        value = {"user": ids.text("user", made), "login": login.strip().lower(), "role": role}
        output.result(value if password_stdin else {**value, "password": password})


@key_app.command("issue")
def issue_key(
    scopes: Annotated[
        list[str],
        typer.Option(
            "--scope",
            help="What the key may do: order.authorise (and quotes), order.capture, order.void, order.refund, order.read, repayment.collect, …; repeat for"
            " several.",
        ),
    ],
    merchant: Annotated[str | None, typer.Option(help="The merchant's code.")] = None,
    agent: Annotated[
        str | None, typer.Option(help="In the place of a merchant: the code of an agent, who acts for merchants with it (payee act).")
    ] = None,
    publishable: Annotated[
        bool, typer.Option("--publishable", help="A key that may stand in the page of a shop: it may offer.read and nothing else.")
    ] = False,
    restricted: Annotated[bool, typer.Option("--restricted", help="A key whose name (rk_…) says that it may less than others.")] = False,
    networks: Annotated[
        list[str] | None, typer.Option("--network", help="Only from this network, such as 203.0.113.0/24; repeat for several.")
    ] = None,
) -> None:
    """Make an API key. Its secret is shown this once."""
    with context.at_work("api_key.issue") as caller:
        from yuefu import ids
        from yuefu.access import commands as access

        if (merchant is None) == (agent is None):
            fail("merchant_or_agent", "Give either --merchant or --agent.")
        if publishable and restricted:
            fail("one_kind", "A key is publishable or restricted, not both.")
        if agent is not None:
            holder = agent_of(caller.for_the_book(), agent)
        else:
            holder = merchant_of(caller, merchant or "")
        new = access.NewApiKey(
            holder,
            tuple(scopes),
            kind="publishable" if publishable else "restricted" if restricted else "secret",
            networks=tuple(networks or ()),
            held_by="merchant" if agent is None else "agent",
        )
        held = {"merchant": merchant} if agent is None else {"agent": agent}
        issued = caller.acting(lambda work: access.issue_api_keys(work=work, api_keys=[new], random_bytes=secrets.token_bytes)[0])
        output.result({"key": ids.text("api_key", issued.id), **held, "scopes": sorted(set(scopes)), "secret": issued.secret})


@key_app.command("list")
def list_keys(merchant: Annotated[str, typer.Option(help="The merchant's code.")]) -> None:
    """The keys of a merchant, newest first, without their secrets."""
    with context.at_work("api_key.issue") as caller:
        from yuefu import ids
        from yuefu.access import queries as access

        found = [
            {
                "key": ids.text("api_key", key.id),
                "shown": f"{key.prefix}…{key.last_four}",
                "scopes": list(key.scopes),
                "created_at": key.created_at,
                "expires_at": key.expires_at,
                "revoked_at": key.revoked_at,
            }
            for key in access.api_keys(book_id=caller.book.id, merchant_ids=[merchant_of(caller, merchant)])
        ]
        output.result(
            {"keys": found}, output.table(["key", "shown", "scopes", "created", "expires", "revoked"], [list(k.values()) for k in found])
        )


@key_app.command("roll")
def roll_key(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The id of the key (key_…).")],
    overlap_hours: Annotated[int, typer.Option(min=0, max=720, help="How long the old key still works.")] = DEFAULT_OVERLAP_HOURS,
) -> None:
    """Replace a key; old and new both work until the overlap is over. The new secret is shown this once."""
    with context.at_work("api_key.issue") as caller:
        from yuefu import ids
        from yuefu.access import commands as access
        from yuefu.access import queries as known

        key_id = inputs.object_id("api_key", key)
        if caller.merchant_id is not None:
            own = known.api_keys(book_id=caller.book.id, merchant_ids=[caller.merchant_id])
            if key_id not in {one.id for one in own}:
                fail("unknown_key", "There is no such API key in this book.")
        roll = access.Roll(key_id, timedelta(hours=overlap_hours))
        issued = caller.acting(lambda work: access.roll_api_keys(work=work, rolls=[roll], random_bytes=secrets.token_bytes)[0])
        output.result({"key": ids.text("api_key", issued.id), "replaces": key, "overlap_hours": overlap_hours, "secret": issued.secret})


@key_app.command("revoke")
def revoke_key(key: Annotated[str, typer.Argument(metavar="KEY", help="The id of the key (key_…).")]) -> None:
    """Revoke a key at once."""
    with context.at_work("api_key.issue") as caller:
        from yuefu.access import commands as access
        from yuefu.access import queries as known

        key_id = inputs.object_id("api_key", key)
        if caller.merchant_id is not None:
            own = known.api_keys(book_id=caller.book.id, merchant_ids=[caller.merchant_id])
            if key_id not in {one.id for one in own}:
                fail("unknown_key", "There is no such API key in this book.")
        caller.acting(lambda work: access.revoke_api_keys(work=work, key_ids=[key_id])[0])
        output.result({"key": key, "revoked": True})
