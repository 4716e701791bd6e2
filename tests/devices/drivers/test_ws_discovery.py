"""WS-Discovery over real UDP multicast on loopback, and what strangers answer to it."""

import asyncio
import socket
from ipaddress import ip_network
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.drivers import reach, ws_discovery
from devices.drivers.errors import BadAnswer
from devices.drivers.found import Found
from devices.drivers.networks import NoSuchInterface
from devices.drivers.ws_discovery_messages import matches, probes
from tests.devices.drivers.responder import answer_to, id_of, match, responder, types_of

LOOPBACK = [ip_network("127.0.0.0/16")]
HERE = "127.0.0.1"
ID = "urn:uuid:0b1c2d3e-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def _devices_on_this_machine():
    before = reach.current()
    reach.configure(allowed=["127.0.0.0/8"])
    yield
    reach.configure(map(str, before.allowed), before.own_ports)


def probed(answer, *, seconds=0.3, within=LOOPBACK):
    """What a probe finds where each datagram is answered so, and what was heard."""

    async def run():
        async with responder(answer) as seen:
            found = await ws_discovery.probe(
                interface=HERE, port=seen.port, seconds=seconds, within=within
            )
            return found, seen

    return asyncio.run(run())


def found_in(*answers, within=LOOPBACK):
    """What is found in matches that come from these addresses: pairs of address and XML."""
    heard = [(answer_to(ID, xml).encode(), source) for source, xml in answers]
    return ws_discovery._devices(heard, [ID], within)


def named(scopes):
    (device,) = found_in((HERE, match(f"http://{HERE}/", scopes=scopes)))
    return device


# -- over the wire -------------------------------------------------------------------------------


def test_a_device_is_found_with_what_it_says_of_itself():
    xml = match(
        "http://127.0.3.4:8080/onvif/service",
        endpoint="urn:uuid:1",
        scopes="onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/Profile/Streaming "
        "onvif://www.onvif.org/name/Gate%20%C3%9C onvif://www.onvif.org/hardware/C340 "
        "onvif://www.onvif.org/location/ onvif://www.onvif.org/MAC/00-ff-00-13-31-0a",
    )
    found, _ = probed(lambda probe: [("127.0.3.4", answer_to(probe, xml))])
    assert found == [
        Found(
            host="127.0.3.4",
            port=8080,
            path="/onvif/service",
            endpoint="urn:uuid:1",
            name="Gate Ü",
            model="C340",
            mac="00:FF:00:13:31:0A",
        )
    ]


def test_the_network_is_asked_for_both_types_and_for_anything_each_twice():
    _, seen = probed(lambda probe: [], seconds=0.5)
    kinds = ["tds:Device", "dn:NetworkVideoTransmitter", ""]
    assert seen.types_heard() == kinds * 2
    assert [id_of(p) for p in seen.heard[:3]] == [id_of(p) for p in seen.heard[3:]]
    assert len({id_of(p) for p in seen.heard}) == 3


@pytest.mark.parametrize("only", ["tds:Device", "dn:NetworkVideoTransmitter", ""])
def test_a_device_that_answers_to_only_one_of_the_probes_is_found(only):
    xml = match(f"http://{HERE}:81/onvif/device_service")
    found, _ = probed(lambda p: [(HERE, answer_to(p, xml))] if types_of(p) == only else [])
    assert [device.port for device in found] == [81]


def test_a_device_that_was_lost_the_first_time_is_found_by_the_repetition():
    xml = match(f"http://{HERE}:81/onvif/device_service")
    heard = []

    def deaf_at_first(probe):
        heard.append(probe)
        return [(HERE, answer_to(probe, xml))] if len(heard) > 3 else []

    found, _ = probed(deaf_at_first, seconds=0.5)
    assert len(found) == 1


def test_a_device_that_answers_often_is_found_once():
    xml = match(f"http://{HERE}:81/onvif/device_service")
    found, seen = probed(lambda probe: [(HERE, answer_to(probe, xml))] * 5)
    assert len(seen.heard) >= 3 and len(found) == 1


def test_an_answer_to_somebody_elses_probe_is_left_aside():
    xml = match(f"http://{HERE}:81/onvif/device_service")
    assert probed(lambda probe: [(HERE, answer_to(ID, xml))])[0] == []


def test_five_hundred_devices_are_found_by_one_probe():
    def all_of_them(probe):
        return [
            (HERE, answer_to(probe, match(f"http://127.0.1.{n % 250 + 1}:{8000 + n}/", f"urn:{n}")))
            for n in range(500)
        ]

    found, _ = probed(all_of_them, seconds=1.5)
    assert len(found) == 500


@pytest.mark.parametrize(("most", "kept"), [(50, 50), (1_000_000, None)])
def test_a_flood_of_datagrams_ends_by_their_number_or_by_the_time(monkeypatch, most, kept):
    monkeypatch.setattr(ws_discovery, "MOST_ANSWERS", most)

    async def always_one_more(*_):
        return b"", (HERE, 1)

    async def run():
        loop, answers = asyncio.get_running_loop(), []
        monkeypatch.setattr(loop, "sock_recvfrom", always_one_more)
        await ws_discovery._receive(None, answers, loop.time() + 0.05)
        return len(answers)

    count = asyncio.run(run())
    assert count == kept if kept else 0 < count < most


def test_a_datagram_that_is_too_long_is_left_aside():
    xml = match(f"http://{HERE}:81/onvif/device_service") + " " * ws_discovery.LONGEST_ANSWER
    assert probed(lambda probe: [(HERE, answer_to(probe, xml))])[0] == []


@pytest.mark.parametrize("interface", ["203.0.113.77", "::1", "nonsense"])
def test_an_interface_that_is_not_this_machines_is_refused(interface):
    with pytest.raises(NoSuchInterface):
        asyncio.run(ws_discovery.probe(interface=interface, within=LOOPBACK, seconds=0.1))


def test_the_probe_leaves_by_the_chosen_interface():
    async def run():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
            ear.bind((HERE, 0))
            ear.setblocking(False)
            to = ear.getsockname()
            with ws_discovery._open("127.0.0.9") as sender:
                chosen = sender.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, 4)
                assert socket.inet_ntoa(chosen) == "127.0.0.9"
            await ws_discovery.probe(
                interface="127.0.0.9", within=[], group=to[0], port=to[1], seconds=0.1
            )
            return ear.recvfrom(4096)[1][0]

    assert asyncio.run(run()) == "127.0.0.9"


def test_the_probes_are_well_formed_and_ask_for_onvifs_own_types():
    for message_id, probe in probes().items():
        root = fromstring(probe)
        assert root.findtext("{*}Header/{*}MessageID") == message_id
        assert root.findtext("{*}Header/{*}Action").endswith("/ws/2005/04/discovery/Probe")
        assert (
            root.find("{*}Body/{http://schemas.xmlsoap.org/ws/2005/04/discovery}Probe") is not None
        )
    text = b"".join(probes().values()).decode()
    assert 'xmlns:dn="http://www.onvif.org/ver10/network/wsdl"' in text
    assert 'xmlns:tds="http://www.onvif.org/ver10/device/wsdl"' in text


# -- where an answer may point -------------------------------------------------------------------


def test_an_address_outside_the_searched_networks_is_left_out():
    for elsewhere in ("10.0.0.5", "127.1.0.1", "[2001:db8::1]", "[::ffff:127.0.0.1]"):
        assert found_in((HERE, match(f"http://{elsewhere}/onvif/device_service"))) == []


def test_an_address_that_is_out_of_reach_is_left_out():
    within = [ip_network("0.0.0.0/0")]
    answer = ("169.254.169.254", match("http://169.254.169.254/onvif/device_service"))
    assert found_in(answer, within=within) == []
    reach.configure()
    assert found_in((HERE, match(f"http://{HERE}/onvif/device_service")), within=within) == []


def test_a_forged_sender_does_not_make_its_address_a_searched_one():
    answer = ("10.0.0.5", match("http://10.0.0.5/onvif/device_service"))
    assert found_in(answer) == []


@pytest.mark.parametrize(
    "address",
    [
        "http://camera.example/onvif",
        "http://localhost/onvif",
        "http://2130706433/onvif",
        "http://127.1/onvif",
        "ftp://127.0.0.1/onvif",
        "http://127.0.0.1:0/onvif",
        "http://127.0.0.1:65536/onvif",
        "http://127.0.0.1:x/onvif",
        "http://[::1/onvif",
        "http://127.0.0.1/onvif%00%0d%0a",
        f"http://127.0.0.1/onvif{'/' * 999}",
        "//127.0.0.1/onvif",
        "",
    ],
)
def test_what_is_no_http_address_of_a_device_is_left_out(address):
    assert found_in((HERE, match(address))) == []


@pytest.mark.parametrize(
    ("addresses", "chosen"),
    [
        ("http://127.0.9.9/ http://127.0.0.7/", "http://127.0.0.7:80/"),
        ("https://127.0.0.7/ http://127.0.0.7:8080/", "http://127.0.0.7:8080/"),
        ("https://127.0.0.7:4433/", "https://127.0.0.7:4433/"),
        ("https://127.0.0.7/", "https://127.0.0.7:443/"),
        ("http://[2001:db8::7]/ http://127.0.0.8/", "http://127.0.0.8:80/"),
        ("http://10.0.0.7/ http://127.0.0.8/", "http://127.0.0.8:80/"),
        ("http://[2001:db8::7]/ http://10.0.0.8/", "http://10.0.0.8:80/"),
        ("http://[2001:db8::7%251]/ http://[2001:db8::8]/", "http://2001:db8::8:80/"),
        ("http://127.0.0.7/onvif%20here?a=b", "http://127.0.0.7:80/onvif here?a=b"),
        ("\n\thttp://127.0.0.7/a\r\n http://127.0.0.7/b ", "http://127.0.0.7:80/a"),
        ("http://somebody:secret@127.0.0.7/", "http://127.0.0.7:80/"),
    ],
)
def test_of_several_addresses_the_answering_one_and_plain_http_come_first(addresses, chosen):
    within = [*LOOPBACK, ip_network("10.0.0.0/24"), ip_network("2001:db8::/64")]
    (device,) = found_in(("127.0.0.7", match(addresses)), within=within)
    assert f"http{'s' * device.tls}://{device.host}:{device.port}{device.path}" == chosen


# -- what it says --------------------------------------------------------------------------------


def test_a_raw_space_in_a_scope_belongs_to_it():
    device = named("onvif://www.onvif.org/name/Back  Door 2 onvif://www.onvif.org/hardware/X 1")
    assert (device.name, device.model) == ("Back Door 2", "X 1")


def test_of_two_names_the_first_counts_and_other_scopes_do_not():
    device = named(
        "http://example.org/name/No onvif://www.onvif.org/name/ onvif://elsewhere/name/No "
        "onvif://www.onvif.org/name/Yes onvif://www.onvif.org/name/Late"
    )
    assert device.name == "Yes"


def test_what_a_device_says_of_itself_is_bounded_and_printable():
    device = named(f"onvif://www.onvif.org/name/%1b[31mRed%0a%E2%80%AE{'x' * 999}")
    assert device.name.startswith("[31mRedx") and len(device.name) <= 128


@pytest.mark.parametrize(
    "none", ["nonsense", "00:00:00:00:00:00", "ff-ff-ff-ff-ff-ff", "0011223344"]
)
def test_a_mac_address_that_is_none_is_left_out(none):
    assert named(f"onvif://www.onvif.org/mac/{none}").mac == ""


def test_printers_and_computers_are_not_found():
    types, scopes = "wsdp:Device pub:Computer", "ldap:///ou=x"
    xml = match(f"http://{HERE}:5357/3f1c", types=types, scopes=scopes)
    assert found_in((HERE, xml)) == []


@pytest.mark.parametrize(
    "sign",
    [
        {"types": "tds:Device"},
        {"types": "x:Other  tt:NetworkVideoTransmitter"},
        {"scopes": "onvif://www.onvif.org/name/A"},
        {"xaddrs": f"http://{HERE}/ONVIF/device_service"},
    ],
)
def test_one_sign_of_onvif_is_enough(sign):
    assert found_in(
        (HERE, match(**{"xaddrs": f"http://{HERE}/", "types": "", "scopes": "", **sign}))
    )


def test_devices_without_an_endpoint_are_told_apart_by_their_address():
    answers = [(HERE, match(f"http://{HERE}:{port}/", endpoint="")) for port in (82, 81, 82)]
    assert [device.port for device in found_in(*answers)] == [81, 82]


def test_one_answer_may_name_several_devices():
    several = "".join(match(f"http://{HERE}:{n}/", f"urn:{n}") for n in (81, 82))
    assert len(found_in((HERE, several))) == 2


# -- hostile datagrams ---------------------------------------------------------------------------

WHOLE = answer_to(ID, match(f"http://{HERE}/onvif/device_service", scopes="onvif://x/name/a b"))
PIECES = [
    "\n",
    "%",
    "%00",
    "%zz",
    "://",
    "onvif://www.onvif.org/",
    "name/",
    "http://",
    "[",
    "]:9",
    "@",
]


def harmless(datagram):
    for device in ws_discovery._devices([(datagram, HERE)], [ID], LOOPBACK):
        assert device.host.startswith("127.0.") and 0 < device.port < 65536
        texts = (device.path, device.endpoint, device.name, device.model, device.mac)
        assert all(text.isprintable() and len(text) <= 256 for text in texts)


@given(st.binary())
def test_any_bytes_are_harmless(datagram):
    harmless(datagram)


@given(
    st.integers(0, len(WHOLE)), st.integers(0, 200), st.text(max_size=20) | st.binary(max_size=9)
)
def test_a_damaged_answer_is_harmless(at, length, instead):
    whole = WHOLE.encode()
    new = instead if isinstance(instead, bytes) else instead.encode(errors="replace")
    harmless(whole[:at] + new + whole[at + length :])


@given(
    *[st.lists(st.sampled_from(PIECES) | st.text(max_size=9)).map("".join) for _ in range(3)],
)
def test_any_addresses_scopes_and_types_are_harmless(addresses, scopes, types):
    safe = [
        "".join(c for c in text if c.isprintable() and c not in "<&") + " "
        for text in (addresses, scopes, types)
    ]
    harmless(answer_to(ID, match(safe[0], "urn:1", safe[1], safe[2])).encode(errors="replace"))


@pytest.mark.parametrize(
    "datagram",
    [
        WHOLE.replace("?>", '?><!DOCTYPE x [<!ENTITY a "aaaaaaaa">]>', 1),
        WHOLE.replace("UTF-8", "punycode"),
        answer_to(ID, match("http://127.0.0.1/ " * 600)),
        answer_to(ID, match(f"http://{HERE}/", endpoint="u" * 999)),
        "<a>" * 5000,
    ],
)
def test_an_answer_that_is_not_to_be_trusted_is_not_read(datagram):
    with pytest.raises(BadAnswer):
        matches(datagram.encode(), [ID])


def test_an_answer_in_another_encoding_is_read():
    assert len(matches(WHOLE.replace("UTF-8", "UTF-16").encode("utf-16"), [ID])) == 1
