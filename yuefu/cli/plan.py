"""`yuefu plan`: what plans cost and when they fall due, worked out from what is typed; nothing is stored, and no book is asked."""

from __future__ import annotations

import typer

from yuefu.cli import plan_apr, plan_payoff, plan_show

app = typer.Typer(no_args_is_help=True, help="Work out plans from what is typed; no book is needed.")
plan_show.register(app)
plan_payoff.register(app)
app.command("apr")(plan_apr.apr)
