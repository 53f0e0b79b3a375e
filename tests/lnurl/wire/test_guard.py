"""No name and no number leads into a private network (P3, section 4.2 of the LNURL facts)."""

import ipaddress
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lnurl.wire.errors import DestinationRefused, ServiceUnreachable
from lnurl.wire.fetch import FetchPolicy, json_fetch
from lnurl.wire.guard import address_is_public, addresses_judge
from tests.lnurl.wire.services import Names, RawService, Service, json_answer, loopback_policy

PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "100.128.0.1",
    "2606:4700::1111",
    "2a00:1450::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_it_does_not_take_special_addresses_for_public(address: str) -> None:
    assert not address_is_public(address)
    with pytest.raises(DestinationRefused):
        addresses_judge([(address, 443)], allow_loopback=False)


@pytest.mark.parametrize("address", PUBLIC)
def test_it_takes_public_addresses(address: str) -> None:
    assert address_is_public(address)
    assert addresses_judge([(address, 443)], allow_loopback=False) == [(address, 443)]


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_taken(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if address_is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize("garbage", ["", "shop.example", "1.2.3", "::1::", "127.0.0.1 "])
def test_what_is_no_address_is_not_public(garbage: str) -> None:
    assert not address_is_public(garbage)


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(DestinationRefused):
        addresses_judge([("8.8.8.8", 443), ("10.0.0.1", 443)], allow_loopback=False)


def test_loopback_by_setting_admits_loopback_and_nothing_else() -> None:
    addresses_judge([("127.0.0.1", 1), ("::1", 1)], allow_loopback=True)
    for private in ("10.0.0.1", "169.254.169.254", "64:ff9b::7f00:1", "::ffff:127.0.0.1", "192.168.0.1"):
        with pytest.raises(DestinationRefused):
            addresses_judge([(private, 1)], allow_loopback=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_a_public_name_that_leads_to_this_machine_is_not_visited(address: str) -> None:
    """A victim on loopback: it must not even see a connection."""
    with Service({"/": lambda _: json_answer({"tag": "payRequest"})}) as victim:
        policy = FetchPolicy(lookup=Names(inside_example=[[(address, victim.port)]]), deadline_s=5.0)
        with pytest.raises(DestinationRefused) as caught:
            json_fetch(policy.read_url("https://inside.example/"), policy=policy)
        assert caught.value.code == "private_address"
        assert victim.connections == 0


def test_a_name_is_looked_up_once_and_the_judged_address_is_the_one_visited() -> None:
    """DNS rebinding: the second answer would be another service, and is never asked for."""
    with Service({"/": lambda _: json_answer({"who": "first"})}) as first, Service() as second:
        names = Names(localhost=[[("127.0.0.1", first.port)], [("127.0.0.1", second.port)]])
        policy = loopback_policy(lookup=names)
        assert json_fetch(policy.read_url("http://localhost/"), policy=policy) == {"who": "first"}
        assert names.asked == ["localhost"]
        assert second.connections == 0


def test_it_tries_the_next_judged_address_when_one_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        closed_port = closed.getsockname()[1]
    with Service({"/": lambda _: json_answer({"who": "second"})}) as service:
        policy = loopback_policy(lookup=Names(localhost=[[("127.0.0.1", closed_port), ("127.0.0.1", service.port)]]))
        assert json_fetch(policy.read_url("http://localhost/"), policy=policy) == {"who": "second"}


def test_a_name_that_does_not_exist_or_a_closed_port_is_unreachable() -> None:
    policy = loopback_policy(lookup=Names())
    with pytest.raises(ServiceUnreachable) as caught:
        json_fetch(policy.read_url("https://nowhere.example/"), policy=policy)
    assert caught.value.code == "name_not_found"
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    policy = loopback_policy()
    with pytest.raises(ServiceUnreachable) as caught:
        json_fetch(policy.read_url(f"http://127.0.0.1:{port}/"), policy=policy)
    assert caught.value.code == "no_connection"


def test_a_look_up_that_hangs_ends_with_the_deadline() -> None:
    ended = threading.Event()

    def hanging(host: str, port: int) -> list[tuple[str, int]]:
        ended.wait(30)
        return []

    policy = FetchPolicy(lookup=hanging, deadline_s=0.2)
    with pytest.raises(ServiceUnreachable) as caught:
        json_fetch(policy.read_url("https://slow.example/"), policy=policy)
    ended.set()
    assert caught.value.code == "too_slow"


def test_an_onion_name_is_visited_through_the_proxy_alone_and_never_looked_up() -> None:
    heard: list[bytes] = []

    def tor(connection: socket.socket, ended: threading.Event) -> None:
        heard.append(connection.recv(3))
        connection.sendall(b"\x05\x00")
        heard.append(connection.recv(100))
        connection.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        heard.append(connection.recv(1000))
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"a": 11}')

    with RawService(tor) as proxy:
        names = Names()
        policy = FetchPolicy(tor_proxy=("127.0.0.1", proxy.port), lookup=names, deadline_s=5.0)
        assert json_fetch(policy.read_url("http://abcdef.onion/x"), policy=policy) == {"a": 11}
    assert heard[:2] == [b"\x05\x01\x00", b"\x05\x01\x00\x03\x0cabcdef.onion\x00\x50"]
    assert heard[2].startswith(b"GET /x HTTP/1.1\r\nHost: abcdef.onion\r\n")
    assert names.asked == []


@pytest.mark.parametrize("reply", [b"", b"\x05\xff", b"\x04\x00", b"\x05\x00\x05\x01\x00\x01"])
def test_a_proxy_that_does_not_connect_makes_the_service_unreachable(reply: bytes) -> None:
    def tor(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(3)
        connection.sendall(reply)

    with RawService(tor) as proxy:
        policy = FetchPolicy(tor_proxy=("127.0.0.1", proxy.port), deadline_s=5.0)
        with pytest.raises(ServiceUnreachable):
            json_fetch(policy.read_url("http://abcdef.onion/x"), policy=policy)
