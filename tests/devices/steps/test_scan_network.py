from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from devices.state import Method, Repeat, ScanStatus
from devices.steps.scan_network import (
    MOST_PORTS,
    FailScan,
    Ground,
    RecordScan,
    RepeatScan,
    RequestScan,
    ScanFailed,
    ScanFinished,
    ScanRepeated,
    ScanRequested,
    ScanStopped,
    StopScan,
    ports_in,
)
from fleet.errors import Refused
from fleet.eventstore.testing import NOW, given
from tests.devices.steps.story import ORGANISATION, SITE

NETWORK = "192.168.10.0/24"
GROUND = Ground(ORGANISATION, (NETWORK, "10.1.0.0/16"))
ASK = RequestScan(SITE, f" {NETWORK} ")
REQUESTED = ScanRequested(
    ORGANISATION, SITE, Method.WS_DISCOVERY, NETWORK, (), Repeat.NEVER, NOW
)  # fmt: skip
DAY = timedelta(days=1)
DAILY = replace(REQUESTED, repeat=Repeat.DAILY)
FINISHED = ScanFinished(NETWORK, 5, 3, 1, 1, NOW, None)
FINISHED_DAILY = replace(FINISHED, next_at=NOW + DAY)
FAILED = ScanFailed(NETWORK, "No interface.", NOW, None)
STOPPED = ScanStopped(NETWORK)
RECORD = RecordScan(run=1, found=5, new=3, changed=1, gone=1)
KNOWN = given().knowing(GROUND)


def test_a_sites_network_is_searched_at_once() -> None:
    state = KNOWN.when(ASK).then(REQUESTED)
    assert (state.status, state.run, state.site) == (ScanStatus.RUNNING, 1, SITE)
    assert state.began_at == NOW


def test_a_part_of_a_network_is_scanned_at_the_ports_that_are_named() -> None:
    ask = replace(ASK, network="10.1.7.0/24", method=Method.ADDRESS_SCAN, ports="80, 8000-8002 80")
    KNOWN.when(ask).then(
        replace(
            REQUESTED,
            network="10.1.7.0/24",
            method=Method.ADDRESS_SCAN,
            ports=(80, 8000, 8001, 8002),
        )
    )


def test_a_site_without_networks_is_not_searched() -> None:
    error = given().knowing(Ground(ORGANISATION, ())).when(ASK).refused("site_without_networks")
    assert error.field == "network"


@pytest.mark.parametrize(
    ("network", "because"),
    [
        ("10.0.0.0/24", "outside_site"),
        ("192.168.0.0/20", "outside_site"),
        ("10.1.0.0/16", "network_too_large"),
        ("224.0.0.0/24", "not_unicast"),
        ("the yard", "not_a_network"),
        ("", "not_a_network"),
    ],
)
def test_nothing_else_is_searched(network: str, because: str) -> None:
    error = KNOWN.when(replace(ASK, network=network)).refused("network_refused")
    assert (error.field, error.facts["because"]) == ("network", because)


WRONG_PORTS = ["", " ", "0", "65536", "80-", "-80", "90-80", "http", "80;443", "1-17", "8" * 300,
               " ".join(str(n) for n in range(1, MOST_PORTS + 2)), "1-65535"]  # fmt: skip


@pytest.mark.parametrize("ports", WRONG_PORTS)
def test_ports_that_are_none_or_too_many_are_refused(ports: str) -> None:
    ask = replace(ASK, method=Method.ADDRESS_SCAN, ports=ports)
    error = KNOWN.when(ask).refused("ports_wrong")
    assert error.field == "ports"
    assert len(error.message) < 100


def test_as_many_ports_as_there_may_be_are_taken() -> None:
    assert ports_in("1-16") == tuple(range(1, 17))


@given_any(st.text(alphabet="0123456789-, x", max_size=30))
def test_whatever_is_typed_is_ports_or_a_refusal(text: str) -> None:
    try:
        ports = ports_in(text)
    except Refused:
        return
    assert 1 <= len(ports) <= MOST_PORTS
    assert len(set(ports)) == len(ports)
    assert all(1 <= port <= 65535 for port in ports)


def test_a_probe_needs_no_ports() -> None:
    KNOWN.when(replace(ASK, ports="nonsense")).then(REQUESTED)


def test_what_a_scan_came_to_is_recorded_once() -> None:
    state = given(REQUESTED).when(RECORD).then(FINISHED)
    assert (state.status, state.found, state.new) == (ScanStatus.FINISHED, 5, 3)
    assert (state.changed, state.gone, state.next_at) == (1, 1, None)
    given(REQUESTED, FINISHED).when(RECORD).then_nothing()
    given(REQUESTED, STOPPED).when(RECORD).then_nothing()


def test_the_end_of_an_earlier_run_does_not_end_this_one() -> None:
    again = (DAILY, FINISHED_DAILY, ScanRepeated(NETWORK, NOW + DAY))
    given(*again).when(RECORD).then_nothing()
    given(*again).when(replace(RECORD, run=2)).then(FINISHED_DAILY)


def test_why_a_scan_could_not_be_made_is_recorded_once() -> None:
    fail = FailScan("No interface.")
    state = given(REQUESTED).when(fail).then(FAILED)
    assert (state.status, state.why) == (ScanStatus.FAILED, "No interface.")
    for before in (FINISHED, FAILED, STOPPED):
        given(REQUESTED, before).when(fail).then_nothing()


@pytest.mark.parametrize(
    ("repeat", "wait"), [(Repeat.HOURLY, DAY / 24), (Repeat.DAILY, DAY), (Repeat.WEEKLY, 7 * DAY)]
)
def test_a_scan_is_repeated_when_it_is_time_however_it_ended(
    repeat: Repeat, wait: timedelta
) -> None:
    asked = KNOWN.when(replace(ASK, repeat=repeat)).decided()
    for end, event in ((RECORD, FINISHED), (FailScan("No interface."), FAILED)):
        ended = replace(event, next_at=NOW + wait)
        assert given(*asked).when(end).then(ended).next_at == NOW + wait
        due = given(*asked, ended)
        due.at(NOW + wait - timedelta(seconds=1)).when(RepeatScan()).then_nothing()
        again = ScanRepeated(NETWORK, NOW + wait)
        state = due.at(NOW + wait).when(RepeatScan()).then(again)
        assert (state.run, state.status, state.why) == (2, ScanStatus.RUNNING, "")


def test_a_scan_is_not_repeated_while_it_runs_or_when_nobody_asked_for_it() -> None:
    late = NOW + 30 * DAY
    for events in ((DAILY,), (REQUESTED, FINISHED), (DAILY, FINISHED_DAILY, STOPPED)):
        given(*events).at(late).when(RepeatScan()).then_nothing()
    again = (DAILY, FINISHED_DAILY, ScanRepeated(NETWORK, NOW + DAY))
    given(*again).at(late).when(RepeatScan()).then_nothing()


@pytest.mark.parametrize("events", [(REQUESTED,), (DAILY, FINISHED_DAILY)])
def test_a_scan_is_stopped_for_good(events: tuple) -> None:
    history = given(*events)
    assert StopScan.offered(history.state(), NOW)
    state = history.when(StopScan()).then(STOPPED)
    assert (state.status, state.repeat, state.next_at) == (ScanStatus.STOPPED, Repeat.NEVER, None)
    assert not StopScan.offered(state, NOW)


@pytest.mark.parametrize("event", [FINISHED, FAILED, STOPPED])
def test_stopping_what_is_over_changes_nothing(event) -> None:
    given(REQUESTED, event).when(StopScan()).then_nothing()
