"""--json, --as, --book and --home on any place of the line, and every way to mistype a command."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest
from typer.main import get_command

from tests.cli.conftest import Command, Town
from yuefu.cli import main
from yuefu.cli.main import app


@pytest.mark.parametrize(
    "words",
    [
        ("--json", "ledger", "trial-balance"),
        ("ledger", "--json", "trial-balance"),
        ("ledger", "trial-balance", "--json"),
    ],
)
def test_json_is_understood_anywhere_on_the_line(raw: Command, town: Town, words: tuple[str, ...]) -> None:
    answer = raw(*words, "--book", town.book)
    assert (answer.status, answer.last["zero"]) == (0, True)
    assert len(answer.out.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("order", "nonsense"),
        ("order",),
        (),
        ("ledger", "trial-balance", "--colour", "red"),
        ("quote", "--amount", "1"),
        ("quote", "--amount", "1", "--periods", "three"),
        ("quote", "--amount", "1", "--periods", "3.5"),
        ("demo", "--days", "0"),
        ("demo", "--days", "547"),
        ("demo", "--faults", "2"),
        ("demo", "--faults", "nan"),
        ("demo", "--port", "70000"),
        ("serve", "--port", "0"),
        ("order", "list", "--limit", "0"),
        ("reconcile",),
        ("trace",),
        ("trace", "--as"),
        ("trace", "--as", "--book"),
        ("trace", "--book="),
        ("approval", "decide", "apr_1"),
    ],
)
def test_a_mistyped_command_is_a_usage_error_and_nothing_else(raw: Command, words: tuple[str, ...]) -> None:
    answer = raw("--json", *words)
    assert (answer.status, answer.code) == (2, "usage")
    assert list(answer.last) == ["error"]
    assert sorted(answer.last["error"]) == ["code", "detail"]
    assert answer.last["error"]["detail"]
    assert "Traceback" not in answer.out + answer.err


def test_without_json_a_mistake_is_one_sentence_on_standard_error(raw: Command) -> None:
    answer = raw("quote", "--amount", "1", "--periods", "three")
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith("yuefu: ")
    assert len(answer.err.splitlines()) == 1


def test_what_follows_two_dashes_is_no_option(raw: Command) -> None:
    answer = raw("reconcile", "--", "--json")
    assert (answer.status, answer.out) == (1, "")
    assert "There is no file --json" in answer.err


def test_the_commands_are_put_together_once_a_process() -> None:
    assert main._command() is main._command()


def test_help_with_json_keeps_standard_output_for_the_object(raw: Command) -> None:
    answer = raw("--help", "--json")
    assert json.loads(answer.out) == {"ok": True}
    assert "reconcile" in answer.err


def test_a_book_that_is_not_there_is_named_among_those_that_are(raw: Command, town: Town) -> None:
    answer = raw("order", "list", "--json", "--book", "atlantis")
    assert (answer.status, answer.code) == (1, "unknown_book")


def test_several_books_must_be_told_apart(raw: Command, town: Town, book: object) -> None:
    answer = raw("order", "list", "--json")
    assert (answer.status, answer.code) == (1, "book_needed")


def test_a_broken_text_is_shown_escaped_and_not_a_crash(cli: Command) -> None:
    answer = cli("trace", "R-\udcff\udcfe")
    assert (answer.status, answer.code) == (1, "unknown_order")


def test_no_command_has_an_option_of_its_own_that_is_taken_from_the_line_before() -> None:
    def options(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
        for name, one in getattr(command, "commands", {}).items():
            yield from ((f"{path} {name}", option) for parameter in one.params for option in parameter.opts)
            yield from options(one, f"{path} {name}")

    shared = {"--json", "--as", "--book", "--home"}
    assert [(path, option) for path, option in options(get_command(app), "yuefu") if option in shared] == []
