"""`yuefu webhooks deliver`: what merchants are told is sent to their endpoints."""

from __future__ import annotations

import asyncio
import signal
import threading

import typer

from yuefu.cli import context, installation, output, processes

app = typer.Typer(help="Webhooks: what happens, sent to the endpoints of merchants.", no_args_is_help=True)


@app.command("deliver")
def deliver() -> None:
    """Deliver until Ctrl-C, beside the worker or instead of its own deliverer; any number may run, on any machines.

    What is on its way at the end is waited for. What a killed one had in hand is sent again by another after a minute.
    """
    processes.ends_with_stdin()
    stopped = threading.Event()
    with processes.until_interrupted(), installation.installed(counted=True):
        context.the_vault()
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, lambda *_: stopped.set())
        output.say("Delivering (Ctrl-C stops it)")
        run_until(stopped)
    output.result({"delivered": True}, "Stopped.")


def run_until(stopped: threading.Event) -> None:
    """Delivers in this thread until somebody says so in another one."""
    from django.conf import settings

    from yuefu.journeys.webhooks.delivering import deliver_until
    from yuefu.notices.rules.webhooks.targets import networks_of

    networks = networks_of(settings.YUEFU_WEBHOOK_NETWORKS)
    asyncio.run(deliver_until(stopped, vault=context.the_vault(), networks=networks))
