"""The life of an order as staff and merchants see it."""
from yuefu.journeys.trace import find_order, trace, traced_orders
from yuefu.runtime import sql
from datetime import date

def test_smoke(shop):
    got = shop.bought()
    shop.next_day(); shop.settle(); shop.reconcile()
    shop.until(date(2026,11,25)); shop.repay(got.loan_id)
    shop.next_day(); shop.reconcile()
    with sql.reading(book_id=shop.book_id):
        t = trace(order_id=got.order_id)
        print(traced_orders(book_id=shop.book_id, as_of=shop.on))
    for s in t.stages: print(s)
    for h in t.timeline: print(h.on, h.at, h.kind, h.amount, dict(h.params), [e.kind for e in h.entries], [(b.source,b.kind,b.outcome) for b in h.bills])
    for i in t.instalments: print(i)
    with sql.reading(merchant_id=shop.merchants[0]):
        t = trace(order_id=got.order_id, audience="merchant", book=shop.desk.book)
    print(t)
    assert 0
