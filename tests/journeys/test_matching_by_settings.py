"""Which engine matches large days, as the settings say it, and a day of bills that goes to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import override_settings

from tests.journeys.test_reconciliation import DUE, bridges, paid_day, sent
from yuefu.journeys import engines, reconciliation
from yuefu.journeys.engines import BadSetting
from yuefu.reconciliation import queries as found
from yuefu.reconciliation.rules.engines import FROM_ROWS


def test_the_engine_of_the_settings_matches_days_from_so_many_rows_on(tmp_path):
    given = engines.matching()
    assert (given.engine.name, given.from_rows, given.engine.directory) == ("duckdb", FROM_ROWS, None)
    with override_settings(
        YUEFU_MATCH_ENGINE="spark", YUEFU_MATCH_ADDRESS="sc://there", YUEFU_MATCH_FROM_ROWS="0", YUEFU_MATCH_DIR=str(tmp_path)
    ):
        given = engines.matching()
    assert (given.engine.name, given.engine.address, given.from_rows, given.engine.directory) == ("spark", "sc://there", 0, str(tmp_path))


@pytest.mark.parametrize("name", ["YUEFU_MATCH_FROM_ROWS", "YUEFU_MATCH_MEMORY_MB"])
@pytest.mark.parametrize("value", ["many", "-1", "1.5", "²"])
def test_a_setting_that_is_no_number_is_named(name, value):
    with override_settings(**{name: value}), pytest.raises(BadSetting, match=name):
        engines.matching()


def test_bills_of_a_day_go_to_the_engine_and_it_says_the_same(shop):
    paid_day(shop, loans=1)
    files = reconciliation.fetch(desk=shop.desk, on=DUE)
    with override_settings(YUEFU_MATCH_FROM_ROWS="1"):
        shop.desk = replace(shop.desk, matching=engines.matching)
        assert [o.outcome.opened for o in sent(shop, {"channel_fund": files["channel_fund"]})] == [0]
    assert [(b.state, b.residual.minor) for b in bridges(shop)] == [("done", 0)]
    assert found.found_by_class(book_id=shop.book_id) == {}


def test_a_day_for_an_engine_that_there_is_not_stays_to_be_run(shop):
    paid_day(shop, loans=1)
    files = reconciliation.fetch(desk=shop.desk, on=DUE)
    with override_settings(YUEFU_MATCH_FROM_ROWS="1", YUEFU_MATCH_ENGINE="abacus"):
        desk = replace(shop.desk, matching=engines.matching)
        given = [reconciliation.FileIn("channel_trade", files["channel_trade"], DUE)]
        with pytest.raises(Exception, match="There is no engine 'abacus'"):
            reconciliation.reconcile(desk=desk, now=shop.now(8), files=given)
    assert [b.state for b in bridges(shop)] == ["failed"]
    sent(shop, {"channel_trade": files["channel_trade"]})
    assert [b.state for b in bridges(shop)] == ["done"]
