"""`yuefu serve | worker | migrate`: the processes of an installation."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from yuefu.cli import context, installation, output, processes, webhooks

if TYPE_CHECKING:
    import psycopg
    from procrastinate import App

HOST: Final = "127.0.0.1"
PORT: Final = 8000
WORKERS: Final = 2
THREADS: Final = 4
SECONDS_TO_FINISH: Final = 5  # what a request may still take once the server was told to stop
DISPATCH_EVERY_S: Final = 5.0
START_AGAIN_AFTER_S: Final = 1.0

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")]


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)
    app.command("worker")(worker)
    app.command("migrate")(migrate)


def migrate() -> None:
    """Bring the schema up to date."""
    with installation.installed(migrate=True):
        output.result({"migrated": True}, "The database is up to date.")


def serve(
    host: Host = HOST,
    port: Port = PORT,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer requests.")] = WORKERS,
    threads: Annotated[int, typer.Option(min=1, max=256, help="Threads of each, for the pages.")] = THREADS,
) -> None:
    """Serve the API and the pages until Ctrl-C."""
    processes.free_port(host, port)
    processes.ends_with_stdin()
    with processes.until_interrupted(), installation.installed(counted=True):
        context.the_vault()
        os.environ.setdefault("YUEFU_SECRET_KEY", installation.secret(installation.home()))
        os.environ.setdefault("YUEFU_PUBLIC_URL", f"http://{_shown(host)}:{port}")
        output.say(f"Serving on http://{_shown(host)}:{port}/ (Ctrl-C stops it)")
        _granian(host, port, workers, threads)
    output.result({"served": f"http://{_shown(host)}:{port}/"}, "Stopped.")


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _granian(host: str, port: int, workers: int, threads: int) -> None:
    from django.db import connections
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    connections.close_all()
    os.environ["YUEFU_THREADS"] = str(threads)
    Server(
        "yuefu.config.asgi:application",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        respawn_failed_workers=True,
        workers_kill_timeout=SECONDS_TO_FINISH,
        websockets=False,
        log_level=LogLevels.warning,
    ).serve()


def worker() -> None:
    """Run jobs, hand out events and deliver webhooks until Ctrl-C."""
    processes.ends_with_stdin()
    with processes.until_interrupted(), installation.installed(counted=True):
        context.the_vault()
        from yuefu.journeys import events, jobs

        del jobs  # loaded here, so that a task that cannot be loaded stops the start and not its first run
        stopping = threading.Event()
        dispatcher = threading.Thread(target=_dispatch_until, args=(stopping, events.dispatch), name="dispatcher")
        deliverer = threading.Thread(target=webhooks.run_until, args=(stopping,), name="deliverer")
        dispatcher.start()
        deliverer.start()
        output.say("Working (Ctrl-C stops it)")
        try:
            _run_jobs()
        finally:
            stopping.set()
            dispatcher.join()
            deliverer.join()
    output.result({"worked": True}, "Stopped.")


def _run_jobs() -> None:
    """Runs jobs until this process is told to end. The queue's own worker ends by itself, without an error, when its database restarts."""
    from procrastinate.contrib.django import app as jobs
    from procrastinate.contrib.django.django_connector import DjangoConnector
    from procrastinate.exceptions import ConnectorException

    from yuefu.runtime.logs import logger

    connector = jobs.connector
    assert isinstance(connector, DjangoConnector), "jobs live in the database of Django"
    told = threading.Event()
    while not told.is_set():
        try:
            with jobs.replace_connector(connector.get_worker_connector()) as working:
                asyncio.run(_jobs_until_told(working, told))
        except ConnectorException as error:
            logger(__name__).warning("the queue cannot be read", error=f"{type(error.__cause__ or error).__name__}")
        if not told.is_set():
            logger(__name__).warning("worker starts again")
            told.wait(START_AGAIN_AFTER_S)


async def _jobs_until_told(working: App, told: threading.Event) -> None:
    """One life of the queue's worker: to its own end, or until a signal, at which it finishes the job in hand."""
    from procrastinate import signals

    async with working.open_async():
        worker = asyncio.ensure_future(working.run_worker_async(name="yuefu", listen_notify=True, install_signal_handlers=False))

        def stop() -> None:
            told.set()
            worker.cancel()

        with signals.on_stop(stop):
            await asyncio.wait([worker])
        if not worker.cancelled():
            worker.result()


def _dispatch_until(stopping: threading.Event, dispatch: Callable[[datetime], int]) -> None:
    """Hands out events as they are written; asks by itself every few seconds, in case a notification was lost."""
    from django.db import connections

    from yuefu.runtime.clock import system_now
    from yuefu.runtime.logs import logger

    log = logger(__name__)
    while not stopping.is_set():
        try:
            with _listening() as listener:
                while not stopping.is_set():
                    while dispatch(system_now()) and not stopping.is_set():
                        pass
                    list(listener.notifies(timeout=DISPATCH_EVERY_S, stop_after=1))
        except Exception as error:  # noqa: BLE001 - the dispatcher outlives a database that restarts; what went wrong stands in the log
            log.warning("dispatcher starts again", error=f"{type(error).__name__}: {error}".splitlines()[0])
            connections.close_all()
            stopping.wait(START_AGAIN_AFTER_S)
    connections.close_all()


def _listening() -> psycopg.Connection[Any]:
    """A connection of the writer that hears of new events."""
    import psycopg
    from django.db import connections

    from yuefu.runtime.outbox import CHANNEL

    given = connections["default"].get_connection_params()
    parts = {name: value for name, value in given.items() if name not in {"context", "prepare_threshold", "cursor_factory"}}
    listener: psycopg.Connection[Any] = psycopg.connect(**parts, autocommit=True)
    listener.execute(f"LISTEN {CHANNEL}")
    return listener
