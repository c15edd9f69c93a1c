"""Messages in words: a template for each kind, language and channel, a file of this package as constant as its code. Pure.

`KIND.LANGUAGE.CHANNEL.txt`; that of an e-mail begins with its subject and an empty line. A name in a template that the kind does not have,
and one that the kind has and no template says, are faults of ours and raise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from string import Template
from typing import Final

from yuefu.dates.wording import day
from yuefu.money.amounts import Money
from yuefu.notices.rules.kinds import Channel, Language, Params
from yuefu.notices.rules.policy import Sender
from yuefu.plans.label import with_symbol


@dataclass(frozen=True, slots=True)
class Words:
    """`subject` is empty where the channel has none."""

    subject: str
    text: str


@cache
def template(kind: str, language: Language, channel: Channel) -> tuple[Template, Template]:
    """Subject and text."""
    source = (files("yuefu.notices") / "templates" / f"{kind}.{language}.{channel}.txt").read_text(encoding="utf-8")
    subject, _, text = source.partition("\n\n") if channel == "email" else ("", "", source)
    return Template(subject.strip()), Template(text.strip())


def render(*, kind: str, language: Language, channel: Channel, params: Params, sender: Sender, name: str) -> Words:
    """A message in its words. `name` is the person's own, for the greeting of an e-mail. Raises KeyError where a template asks for what the
    kind does not say.
    """
    subject, text = template(kind, language, channel)
    given = {parameter: _shown(value, language) for parameter, value in params.items()}
    given |= {
        "us": sender.name_zh if language == "zh" else sender.name_en,
        "pay_at": sender.pay_at,
        "contact": sender.contact,
        "name": name,
    }
    if "loans" in params:
        given["loans"] = _LOANS[language](params["loans"])
    return Words(subject.substitute(given), text.substitute(given))


_LOANS: Final = {"zh": lambda count: f"{count}笔", "en": lambda count: f"{count:,} loan{'' if count == 1 else 's'}"}


def _shown(value: Money | date | int | str, language: Language) -> str:
    if isinstance(value, Money):
        return with_symbol(value)
    if isinstance(value, date):
        return day(value, language)
    return f"{value:,}" if isinstance(value, int) else value
