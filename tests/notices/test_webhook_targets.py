"""Where webhooks may go: by the address alone, and by what a name stands for."""

from __future__ import annotations

import asyncio
import socket
import threading
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.notices.receivers import HOST, Receiver
from tests.published import published
from yuefu.errors import Refused
from yuefu.notices.gateways.webhooks import Post, WebhookSender, name_fault
from yuefu.notices.rules.webhooks.targets import Target, Where, fault_of, is_callable, is_public, networks_of, target_of

TEST = Where(is_live=False)
NAMED = Where(is_live=False, networks=networks_of("127.0.0.2/32"))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "0.1.2.3",
        "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254",
        "ff02::1", "2002:7f00:1::", "2002:a00:1::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2001:db8::1", "2001::1",
        "2001:0:53aa:64c::1", "100::1",
    ],
)  # fmt: skip
def test_what_is_not_of_the_public_network_is_never_called(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not is_callable(ip_address(address), TEST)
    literal = f"[{address}]" if ":" in address else address
    fault = fault_of(f"http://{literal}/", TEST)
    assert fault is not None
    assert fault.code == "url_address_not_allowed"


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "2002:5db8:d822::1", "64:ff9b::5db8:d822", "::ffff:1.1.1.1"]
)
def test_what_is_of_the_public_network_may_be_called(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "", "ftp://example.com/", "example.com", "//example.com/", "https://", "https:///x", "https://user:pw@example.com/", "https://example.com@10.0.0.1/",
        "https://exa mple.com/", "https://example.com/\n", "https://example.com\\@10.0.0.1/", "https://127.1/", "https://0x7f000001/", "https://2130706433/",
        "https://0177.0.0.1/", "https://example.com:0/", "https://example.com:99999/", "https://example.com:x/", "https://[::1/", "https://ex\u00e4mple.com/",
        "https://example.com/#part", "https://-bad-.com/", "https://a..b/", "https://" + "x" * 600, "javascript:alert(1)", "https://[fe80::1%25eth0]/x y",
    ],
    ids=range(26),
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_no_address(url: str) -> None:
    found = target_of(url)
    assert isinstance(found, Refused), found
    assert found.code == "url_invalid"


def test_a_live_book_sends_to_https_and_the_usual_ports_alone() -> None:
    live = Where(is_live=True)
    assert fault_of("https://shop.example.com/hooks", live) is None
    assert fault_of("https://shop.example.com:8443/hooks", live) is None
    codes = [fault_of(url, live) for url in ("http://shop.example.com/", "https://shop.example.com:5432/")]
    assert [code.code if code else "" for code in codes] == ["url_not_https", "url_port_not_allowed"]
    assert fault_of("http://shop.example.com/", TEST) is None


def test_networks_that_are_named_may_be_called_and_no_others() -> None:
    assert fault_of("http://127.0.0.2:5000/", NAMED) is None
    assert fault_of("http://[::ffff:127.0.0.2]:5000/", NAMED) is None
    assert fault_of("http://127.0.0.1:5000/", NAMED) is not None
    assert not is_callable(ip_address("169.254.169.254"), Where(is_live=False, networks=networks_of("0.0.0.0/0")))
    with pytest.raises(ValueError, match="does not appear"):
        networks_of("nonsense")


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_however_it_is_wrapped(address) -> None:
    inner = int(address)
    wrapped = [f"::ffff:{address}", str(ip_address((0x2002 << 112) | (inner << 80))), str(ip_address((0x64FF9B << 96) | inner))]
    assert {is_public(ip_address(one)) for one in wrapped} == {is_public(address)}
    target = target_of(f"https://{address}/")
    assert isinstance(target, Target)
    assert target.literal == address


def test_no_way_leads_to_what_is_not_public_wh_ssrf_001() -> None:
    """Each published address is refused as it stands; a name is judged by what it stands for; a redirect leads nowhere."""
    given_case, _ = published("wh-ssrf-001")
    literal = [url for url in given_case["endpoint_urls"] if " " not in url]
    assert len(literal) == 4
    assert all((fault := fault_of(url, TEST)) and fault.code == "url_address_not_allowed" for url in literal)

    async def tried() -> list[tuple[int | None, str]]:
        async with Receiver() as receiver, WebhookSender(NAMED.networks) as sender:
            inside = f"http://127.0.0.2:{receiver.port}/redirect?to=http://127.0.0.2:{receiver.port}/hidden"
            urls = [f"http://localhost:{receiver.port}/hidden", inside, "http://no-such-host.invalid/"]
            answers = [await sender.post(Post(url, {}, b"{}", NAMED)) for url in urls]
            assert [one.path for one in receiver.seen] == ["/redirect"]
            return [(answer.status, answer.code) for answer in answers]

    assert asyncio.run(tried()) == [(None, "url_address_not_allowed"), (302, "redirect"), (None, "name_not_found")]
    assert asyncio.run(name_fault("localhost", TEST))
    assert not asyncio.run(name_fault("no-such-host.invalid", TEST))


def test_names_that_nobody_answers_for_hold_up_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    answered, real = threading.Event(), socket.getaddrinfo

    def looked_up(host: str, *more: Any, **named: Any) -> Any:
        if host.startswith("silent"):
            answered.wait(10)
            raise socket.gaierror(socket.EAI_AGAIN, "nobody answers")
        return real(HOST, *more, **named)

    async def tried() -> int | None:
        async with Receiver() as receiver, WebhookSender(NAMED.networks) as sender:
            posts = [
                Post(f"http://{name}.example:{receiver.port}/", {}, b"{}", NAMED) for name in [*(f"silent{n}" for n in range(40)), "shop"]
            ]
            *silent, shop = [asyncio.create_task(sender.post(one)) for one in posts]
            done, _ = await asyncio.wait([shop], timeout=3)
            answered.set()
            assert {one.code for one in await asyncio.gather(*silent)} == {"name_not_found"}
            return (await shop).status if shop in done else None

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    assert asyncio.run(tried()) == 200
