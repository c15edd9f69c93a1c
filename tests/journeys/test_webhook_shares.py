"""Who has deliveries on its way, and how many: one merchant does not hold up another, and no try holds up the books."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.journeys.hooked import Hooked, delivering, hooked
from yuefu.notices.commands import webhooks as notices
from yuefu.notices.commands.webhooks import NewEvent, Tried
from yuefu.notices.rules.webhooks.trying import Answer
from yuefu.runtime import sql

__all__ = ["hooked"]


def test_a_merchant_whose_receivers_hang_leaves_room_for_others(hooked: Hooked) -> None:
    many, other = (
        [hooked.endpoint("http://127.0.0.2:9/", "*").id for _ in range(3)],
        hooked.endpoint("http://127.0.0.2:9/", "*", merchant=1).id,
    )
    book, (greedy, modest) = hooked.shop.book_id, hooked.shop.merchants[:2]
    at = datetime.now(UTC) + timedelta(days=400)  # by the clock of the shop, after the endpoints were made
    new = [
        NewEvent(i, book, whose, ("payment.captured",), "order", i, {}, {}, at, "", "")
        for whose, count in ((greedy, 4), (modest, 1))
        for i in hooked.ids.many(hooked.now, count)
    ]

    def claimed(most: int, under_way: dict[UUID, int]) -> list[UUID]:
        with sql.transacting(), sql.undone():
            return [one.endpoint_id for one in notices.claim(now=hooked.now, most=most, each=6, under_way=under_way)]

    with sql.transacting():
        notices.tell(events=new, now=hooked.now, ids=hooked.ids)
    assert Counter(claimed(100, {})) == {**dict.fromkeys(many, 2), other: 1}
    assert claimed(100, {many[0]: 6}) == [other]
    assert claimed(1, {many[0]: 1}) == [other], "who has least on its way comes first"


def test_two_tries_of_one_delivery_are_booked_together(hooked: Hooked) -> None:
    """Its lease ended before the first could be booked."""
    made = hooked.endpoint("http://127.0.0.2:9/", "payment.authorized")
    hooked.shop.buy(hooked.shop.consumer())
    hooked.tell()
    (delivery,) = hooked.deliveries(made.id)
    tried = [Tried(delivery.id, hooked.now, Answer(status), 0) for status in (500, 200)]
    assert delivering.settle(tried, now=hooked.now, ids=hooked.ids) == {"retry": 1, "delivered": 1}
    (delivery,) = hooked.deliveries(made.id)
    assert (delivery.state, delivery.tries) == ("delivered", 2)
