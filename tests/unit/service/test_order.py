"""What is scanned next: the events of one push are gathered, and nothing is scanned for ever."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from tagwatch.service.order import INTERVAL_SECONDS, LONGEST_SECONDS, Order, Orders
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


def test_a_day_of_webhooks() -> None:
    """Every push is followed by a scan that began after its last event, soon; and none without one.

    1,000 pushes of 40 repositories, one to twenty events each within three seconds, some at the
    same time; a scan takes two seconds, the nightly one ten minutes.
    """
    chance = Random(20261129)
    all_named = [Named(host="r.example", path=f"team/app{number}") for number in range(40)]
    events: list[tuple[float, Named]] = []
    pushes: list[tuple[float, Named]] = []
    for _ in range(1_000):
        at, named = chance.uniform(0, 86_400), chance.choice(all_named)
        times = sorted(at + chance.uniform(0, 3) for _ in range(chance.randint(1, 20)))
        events += [(time, named) for time in times]
        pushes.append((times[-1], named))
    events.sort()
    orders, now, night = Orders(), 0.0, 7_200.0
    scans: list[tuple[float, Order]] = []
    while now < 90_000:
        while events and events[0][0] <= now:
            at, named = events.pop(0)
            orders.ask_for([named], at)
        if night <= now:
            orders.ask_for_all()
            night = float("inf")
        order = orders.take(now)
        if order is not None:
            scans.append((now, order))
            now += 2 if order.named else 600
            orders.rest(order.named, now)
            continue
        now += 0.25
    whole = [begun for begun, order in scans if not order.named]
    assert len(whole) == 1
    latest = 0.0
    for last, named in pushes:
        after = [b for b, order in scans if b >= last and (not order.named or named in order.named)]
        latest = max(latest, min(after) - last if not whole[0] <= last <= whole[0] + 600 else 0)
    assert 5 <= latest < LONGEST_SECONDS + INTERVAL_SECONDS + 4, "a push waits so long at most"
    assert len(scans) <= 1_001
    for named in all_named:
        begun = [at for at, order in scans if named in order.named]
        assert all(b - a >= INTERVAL_SECONDS for a, b in pairwise(begun))
