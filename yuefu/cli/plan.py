"""`yuefu plan …`: what a loan would ask and cost, without a book: nothing is stored, no database is needed."""

from __future__ import annotations

import typer

from yuefu.cli import plan_show

app = typer.Typer(no_args_is_help=True, help="Plans: schedules, comparisons and cost tables of any terms; nothing is stored.")

for group in (plan_show,):
    group.register(app)
