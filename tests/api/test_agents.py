"""An agent acts for merchants with a key of its own, as far as it may, and for nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.api.conftest import Merchant, Server, issue
from tests.journeys.conftest import Shop
from tests.settlement.sharing import new_payee
from yuefu import ids as public
from yuefu.access import commands as access
from yuefu.access.rules import AGENT_SCOPES
from yuefu.errors import Refused, one
from yuefu.journeys.desk import open_day
from yuefu.merchants.commands import acting, payees


class Agent(Merchant):
    """A program of an agent, which says for whom it acts."""

    def __post_init__(self) -> None:
        shop = self.shop
        with open_day(shop.desk, shop.now()) as work:
            assert not isinstance(work, Refused)
            self.id = one(payees.register(work=work, vault=shop.desk.vault, new=[new_payee("harbour")]))
            one([acting.grant(work=work, agent_id=self.id, merchant_id=shop.merchants[0])])
        self.issued = issue(shop, scopes=sorted(AGENT_SCOPES), held_by="agent", merchant_id=self.id)
        self.acts_for: str | None = public.text("merchant", shop.merchants[0])

    def get(self, path: str, **more: Any) -> Any:
        return super().get(path, headers=self._for(), **more)

    def post(self, path: str, body: Any = None, *, key: str | None = "new", **more: Any) -> Any:
        return super().post(path, body, key=key, headers=self._for(), **more)

    def _for(self) -> list[tuple[str, str]]:
        return [("On-Behalf-Of", self.acts_for)] if self.acts_for else []


@pytest.fixture
def agent(shop: Shop, server: Server) -> Agent:
    return Agent(shop, server.ask)


def test_an_agent_sells_for_its_merchant_and_keys_are_apart(agent: Agent, merchant: Merchant) -> None:
    order = agent.placed()
    assert merchant.get(f"/v1/orders/{order}").body == agent.get(f"/v1/orders/{order}").body
    captured = agent.post(f"/v1/orders/{order}/capture", {"amount": 90_000}, key="same")
    mine = merchant.post(f"/v1/orders/{order}/capture", {"amount": 30_000}, key="same")
    assert (captured.status, mine.status, mine.body["amount"]) == (201, 201, 30_000), "the same key of two senders is two keys"
    again = agent.post(f"/v1/orders/{order}/capture", {"amount": 90_000}, key="same")
    assert (again.raw, again.replayed) == (captured.raw, True)
    assert agent.get("/v1/orders").body["data"] == merchant.get("/v1/orders").body["data"]


def test_an_agent_acts_for_nobody_elses_merchants(agent: Agent, neighbour: Merchant) -> None:
    theirs = neighbour.placed()
    for named, code in (
        (None, "merchant_not_named"),
        (public.text("merchant", agent.shop.merchants[1]), "merchant_not_yours"),
        ("mch_01h455vb4pex5vsknk084sn02q", "merchant_not_yours"),
        ("shop-1", "merchant_not_yours"),
        (public.text("payee", agent.id), "merchant_not_yours"),
    ):
        agent.acts_for = named
        for reply in (agent.get("/v1/orders"), agent.get(f"/v1/orders/{theirs}"), agent.post("/v1/quotes", {}, key=None)):
            assert reply.code == code, named
    agent.acts_for = public.text("merchant", agent.shop.merchants[0])
    assert agent.get(f"/v1/orders/{theirs}").code == "unknown_order"
    assert agent.post(f"/v1/orders/{theirs}/capture", {}).code == "unknown_order"
    twice = [("On-Behalf-Of", agent.acts_for), ("On-Behalf-Of", agent.acts_for)]
    assert agent.ask_with("GET", "/v1/orders", secret=agent.issued.secret, headers=twice).code == "merchant_not_yours"


def test_a_right_that_ended_ends_with_the_next_request(agent: Agent) -> None:
    assert agent.get("/v1/orders").status == 200
    with open_day(agent.shop.desk, agent.shop.now()) as work:
        assert not isinstance(work, Refused)
        one([acting.end(work=work, agent_id=agent.id, merchant_id=agent.shop.merchants[0])])
    assert agent.get("/v1/orders").code == "merchant_not_yours"
    agent.acts_for = None
    assert agent.get("/v1/merchants").body["data"] == []
    with open_day(agent.shop.desk, agent.shop.now()) as work:
        assert not isinstance(work, Refused)
        one([acting.grant(work=work, agent_id=agent.id, merchant_id=agent.shop.merchants[0])])
        one(payees.end(work=work, payee_ids=[agent.id], reason="contract_ended"))
    assert agent.get("/v1/merchants").body["data"] == []


def test_a_merchant_names_nobody_and_sees_itself(agent: Agent, merchant: Merchant) -> None:
    mine = public.text("merchant", merchant.shop.merchants[0])
    assert merchant.get("/v1/orders", headers=[("On-Behalf-Of", mine)]).code == "not_an_agent"
    assert [one["id"] for one in merchant.get("/v1/merchants").body["data"]] == [mine]
    acting_for, who = (agent.get(path).body for path in (f"/v1/merchants/{mine}", "/v1/whoami"))
    assert (who["merchant"], who["agent"]) == (mine, public.text("payee", agent.id))
    agent.acts_for = None
    assert agent.get("/v1/whoami").body["merchant"] is None
    assert agent.get(f"/v1/merchants/{mine}").body == merchant.get(f"/v1/merchants/{mine}").body == acting_for
    assert agent.get("/v1/merchants").body["data"] == merchant.get("/v1/merchants?state=active").body["data"] == [acting_for]
    assert merchant.get("/v1/merchants?state=closed").body["data"] == agent.get("/v1/merchants?code=shop-2").body["data"] == []
    other = public.text("merchant", merchant.shop.merchants[1])
    assert agent.get(f"/v1/merchants/{other}").code == merchant.get(f"/v1/merchants/{other}").code == "unknown_merchant"


def test_an_agent_makes_nothing_that_would_outlive_its_right(agent: Agent) -> None:
    assert agent.post("/v1/api_keys", {"scopes": ["order.read"]}).code == "scope_missing"
    listening = {"url": "https://agent.example.com/", "enabled_events": ["*"]}
    assert agent.post("/v1/webhook_endpoints", listening).code == "scope_missing"
    new = access.NewApiKey(agent.id, ("api_key.manage",), held_by="agent")
    with open_day(agent.shop.desk, agent.shop.now()) as work:
        assert not isinstance(work, Refused)
        (refused,) = access.issue_api_keys(work=work, api_keys=[new], random_bytes=bytes)
        assert isinstance(refused, Refused)
        (issued,) = access.issue_api_keys(work=work, api_keys=[replace(new, scopes=("order.read",))], random_bytes=bytes)
    assert not isinstance(issued, Refused)
