"""What is scanned next: the events of one push are gathered, and nothing is scanned for ever."""

from __future__ import annotations

from tagwatch.service.order import INTERVAL_SECONDS, Order, Orders
from tagwatch.service.webhook import Named

APP, WEB = Named(host="r.example", path="team/app"), Named(host="r.example", path="team/web")


def test_nothing_is_asked_for() -> None:
    orders = Orders()
    assert (orders.ready_at(), orders.take(1e9)) == (None, None)


def test_the_events_of_one_push_are_one_scan() -> None:
    orders = Orders()
    for second in range(4):
        orders.ask_for([APP], second)
        assert orders.take(second) is None
    assert orders.ready_at() == 3 + 5
    assert orders.take(7.9) is None
    assert orders.take(8) == Order(named=(APP,))
    assert orders.take(1e9) is None, "once"


def test_events_without_end_are_gathered_for_a_minute() -> None:
    orders = Orders()
    for second in range(60):
        orders.ask_for([APP], second)
    assert orders.ready_at() == 60
    assert orders.take(60) == Order(named=(APP,))


def test_several_repositories_are_one_scan_where_they_are_quiet_together() -> None:
    orders = Orders()
    orders.ask_for([WEB, APP], 0)
    orders.ask_for([WEB], 3)
    assert orders.take(6) == Order(named=(APP,))
    orders.ask_for([APP], 7)
    assert orders.take(12) == Order(named=(APP, WEB))


def test_a_repository_rests_after_its_scan() -> None:
    """What the scan itself set off (a proxy that fills its cache, say) brings no endless chain."""
    orders = Orders()
    orders.ask_for([APP], 0)
    assert orders.take(5) is not None
    orders.rest([APP], 10)
    orders.ask_for([APP, WEB], 11)
    assert orders.take(16) == Order(named=(WEB,))
    assert orders.ready_at() == 10 + INTERVAL_SECONDS
    assert orders.take(10 + INTERVAL_SECONDS) == Order(named=(APP,))


def test_a_scan_of_everything_answers_what_was_asked_before_it() -> None:
    orders = Orders()
    orders.ask_for([APP], 0)
    orders.ask_for_all()
    orders.ask_for_all()
    assert (orders.ready_at(), orders.take(1)) == (0, Order())
    assert orders.take(1e9) is None
    orders.ask_for([APP], 2)
    assert orders.take(7) == Order(named=(APP,))


def test_a_command_line_has_an_end() -> None:
    orders = Orders()
    orders.ask_for([Named(host="r.example", path=f"a{number}") for number in range(250)], 0)
    lengths = [len(order.named) for _ in range(3) if (order := orders.take(9)) is not None]
    assert lengths == [100, 100, 50]


def test_a_flood_has_an_end() -> None:
    orders = Orders()
    flood = [Named(host="r.example", path=f"a{number}") for number in range(20_000)]
    for second in range(3):
        orders.ask_for(flood, second)
    taken = 0
    while (order := orders.take(99)) is not None:
        taken += len(order.named)
    assert taken == 5_000
