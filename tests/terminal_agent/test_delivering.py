"""The uplink and the downlink against a real central, and against peers that are not central at all."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
import pytest
import zstandard
from aiohttp import web

from protocol.chain import line_hash
from protocol.downlink import status_seconds
from tests.central.conftest import Central
from tests.terminal_agent.conftest import CASHIER, SUPERVISOR, RefusedError, Shop, Till


@dataclass
class Between:
    """A proxy in the till's line; `meddle` decides what becomes of a body of events, `token` of a token."""

    url: str
    target: str
    http: aiohttp.ClientSession
    meddle: Callable[[web.Request, Callable[[], Any]], Any] | None = None
    token: Callable[[web.Response], Any] | None = None
    bodies: list[bytes] = field(default_factory=list)
    statuses: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()

        async def forward() -> web.Response:
            headers = {name: value for name, value in request.headers.items() if name not in ("Host", "Content-Length")}
            async with self.http.request(
                request.method,
                self.target + request.raw_path,
                data=body,
                headers=headers,
                allow_redirects=False,
            ) as heard:
                kept = {name: heard.headers[name] for name in ("Content-Type", "Retry-After") if name in heard.headers}
                return web.Response(status=heard.status, body=await heard.read(), headers=kept)

        if request.path == "/v1/oauth/token" and self.token is not None:
            changed: web.StreamResponse = await self.token(await forward())
            return changed
        if request.path == "/v1/sync/events":
            self.bodies.append(body)
            if self.meddle is not None:
                result: web.StreamResponse = await self.meddle(request, forward)
                return result
        if request.path == "/v1/sync/status":
            self.statuses.put_nowait(body)
        return await forward()


@pytest.fixture
async def between(central: Central) -> AsyncIterator[Between]:
    async with aiohttp.ClientSession(auto_decompress=True) as http:
        proxy = Between("", central.url, http)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", proxy.answer)
        runner = web.AppRunner(app, auto_decompress=False, shutdown_timeout=0.1)  # long polls are open
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield proxy
        await runner.cleanup()


@pytest.fixture
async def watched(between: Between, shop: Shop, make_till: Any) -> Till:
    """A till whose line goes through the proxy."""
    made: Till = await make_till("till")
    made.terminal_id, code = await shop.new_terminal()
    await made.enrol(between.url, code)
    await made.start()
    await made.open()
    await made.until(lambda state: state["sync"]["pending"] == 0)
    return made


async def sell(till: Till) -> None:
    await till.scan("COFFEE")
    await till.command("tender", method="CARD")


async def _html(request: web.Request, forward: Callable[[], Any]) -> web.Response:
    return web.Response(text="<html>Welcome to the Wi-Fi</html>", content_type="text/html")


async def _json_of_another_kind(request: web.Request, forward: Callable[[], Any]) -> web.Response:
    return web.json_response({"status": "ok"})


async def _too_few(request: web.Request, forward: Callable[[], Any]) -> web.Response:
    answer = msgspec.json.decode((await forward()).body)
    return web.json_response({**answer, "received": answer["received"] + 1})


async def _another_hash(request: web.Request, forward: Callable[[], Any]) -> web.Response:
    answer = msgspec.json.decode((await forward()).body)
    return web.json_response({**answer, "last_hash": "0" * 64})


async def _elsewhere(request: web.Request, forward: Callable[[], Any]) -> web.Response:
    return web.Response(status=307, headers={"Location": "/v1/somewhere"})


async def _empty(request: web.Request, forward: Callable[[], Any]) -> web.Response:
    return web.Response(status=204)


async def _cut(request: web.Request, forward: Callable[[], Any]) -> web.Response:
    await forward()
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def _busy(request: web.Request, forward: Callable[[], Any]) -> web.Response:
    return web.Response(status=503, headers={"Retry-After": "1"})


RARER = (_json_of_another_kind, _too_few, _elsewhere, _empty)


@pytest.mark.parametrize(
    "meddle",
    [
        _html,
        _another_hash,
        _cut,
        _busy,
        *(
            pytest.param(meddle, marks=pytest.mark.long)
            for meddle in (_json_of_another_kind, _too_few, _elsewhere, _empty)
        ),
    ],
)
async def test_only_a_true_200_is_taken_for_an_acknowledgement(
    watched: Till, between: Between, shop: Shop, meddle: Callable[..., Any]
) -> None:
    meddled = asyncio.Event()

    async def once(request: web.Request, forward: Callable[[], Any]) -> web.StreamResponse:
        if meddled.is_set():
            return await forward()  # type: ignore[no-any-return]
        meddled.set()
        return await meddle(request, forward)  # type: ignore[no-any-return]

    between.meddle = once
    before = (await watched.state())["sync"]["acknowledged_through"]
    await sell(watched)
    await meddled.wait()
    state = await watched.until(lambda now: now["sync"]["pending"] == 0)

    assert state["sync"]["acknowledged_through"] == before + 1
    assert len(between.bodies) >= 2
    assert (await shop.balances())["card_clearing"] == 350


async def test_a_body_that_is_sent_twice_is_booked_once(watched: Till, between: Between, shop: Shop) -> None:
    async def twice(request: web.Request, forward: Callable[[], Any]) -> web.StreamResponse:
        await forward()
        return await forward()  # type: ignore[no-any-return]

    between.meddle = twice
    await sell(watched)
    await sell(watched)
    await watched.until(lambda now: now["sync"]["pending"] == 0)

    assert (await shop.balances())["card_clearing"] == 700


async def test_a_till_without_a_network_sells_and_delivers_when_it_is_back(
    central: Central, watched: Till, between: Between, shop: Shop
) -> None:
    between.target = "http://127.0.0.1:9"
    for _ in range(3):
        await sell(watched)
    assert (await watched.state())["sync"]["pending"] == 3
    between.target = central.url
    await watched.until(lambda now: now["sync"]["pending"] == 0)

    assert (await shop.balances())["card_clearing"] == 3 * 350


async def test_a_till_says_how_it_is_as_soon_as_it_is_back_in_contact(
    central: Central, watched: Till, between: Between
) -> None:
    await between.statuses.get()
    between.target = "http://127.0.0.1:9"
    await sell(watched)
    await watched.until(lambda now: not now["sync"]["online"])
    between.target = central.url
    async with asyncio.timeout(status_seconds / 2):
        status = msgspec.json.decode(await between.statuses.get())

    assert status["devices"]
    assert status["oldest_pending_at"] is None or status["pending"] == 1


async def test_a_price_change_reaches_the_next_scan(till: Till, shop: Shop) -> None:
    before = (await till.state())["sync"]["catalogue_through"]
    status, answer, _ = await shop.tenant.patch(f"/v1/products/{shop.products['COFFEE']}", {"price_minor": 375})
    assert status == 200, answer
    await till.until(lambda now: now["sync"]["catalogue_through"] != before)

    assert (await till.scan("COFFEE"))["state"]["cart"]["gross_minor"] == 375


async def test_a_refund_of_another_tills_receipt_by_the_replica(
    till: Till, central: Central, shop: Shop, make_till: Any
) -> None:
    await till.scan("COFFEE")
    answer = await till.command("tender", method="CARD")
    number = answer["state"]["last_receipt_number"]
    other: Till = await make_till("other")
    _, code = await shop.new_terminal()
    await other.enrol(central.url, code)
    await other.start()
    await other.open()
    await till.until(lambda now: now["sync"]["pending"] == 0)
    async with asyncio.timeout(20):
        while True:
            async with other.http.get(f"{other.url}/v1/receipts/{number}", headers=other.headers) as found:
                if found.status == 200:
                    break
            await other.until(lambda now: True)

    await other.command("refund", receipt_number=number, lines=[{"original_line": 1, "quantity_milli": 1000}])
    await other.until(lambda now: now["sync"]["pending"] == 0)

    balances = await shop.balances()
    assert balances["card_clearing"] == 350
    assert balances["cash"] == 20_000 - 350
    assert balances["sales_returns"] == 292


async def test_a_void_and_a_closed_shift_are_booked(till: Till, shop: Shop) -> None:
    await till.scan("COFFEE")
    answer = await till.command("tender", method="CASH", amount_minor=350)
    number = answer["state"]["last_receipt_number"]
    await till.command("void", receipt_number=number, reason="wrong goods", approval=SUPERVISOR)
    await till.scan("BREAD")
    await till.command("tender", method="CASH", amount_minor=200)
    closed = await till.command("close_shift", counted_minor=10_200)
    await till.until(lambda now: now["sync"]["pending"] == 0)

    assert [event["type"] for event in closed["events"]] == ["SHIFT_CLOSE"]
    balances = await shop.balances()
    assert "cash" not in balances
    assert balances["cash_over_short"] == -1
    assert balances["sales_revenue"] == -166


async def test_a_cloned_disk_is_a_fork_and_both_go_on_selling(
    till: Till, central: Central, shop: Shop, make_till: Any, tmp_path: Any
) -> None:
    await till.until(lambda now: now["sync"]["pending"] == 0)
    await till.stop()
    clone: Till = await make_till("clone")
    configuration = (clone.folder / "terminal.toml").read_text()
    shutil.copytree(till.folder, clone.folder, dirs_exist_ok=True)
    (clone.folder / "terminal.toml").write_text(configuration)
    await till.start()
    await till.command("sign_in", **CASHIER)
    await sell(till)
    await till.until(lambda now: now["sync"]["pending"] == 0)
    await clone.start()
    idle = await clone.until(lambda now: now["sync"]["online"] and now["sync"]["pending"] == 0)
    shared = idle["sync"]["acknowledged_through"]
    await clone.command("sign_in", **CASHIER)
    await sell(clone)
    await sell(clone)

    state = await clone.until(lambda now: now["sync"]["forked"] and now["sync"]["pending"] == 0)

    assert state["sync"]["needs_help"] is None
    assert (await shop.balances())["card_clearing"] == 350
    status, found, _ = await shop.tenant.get(f"/v1/terminals/{till.terminal_id}/branches")
    assert status == 200
    assert [(branch["sequence"], branch["kept_through"]) for branch in found["branches"]] == [(shared + 1, shared + 3)]


async def test_a_receipt_of_another_location_is_asked_for_while_online(
    till: Till, central: Central, shop: Shop, make_till: Any
) -> None:
    await till.scan("COFFEE")
    number = (await till.command("tender", method="CARD"))["state"]["last_receipt_number"]
    await till.until(lambda now: now["sync"]["pending"] == 0)
    place = {"name": "Low Street", "code": "LS", "timezone": "Europe/London"}
    status, made, _ = await shop.tenant.post("/v1/locations", place)
    assert status == 201
    other: Till = await make_till("other")
    _, code = await Shop(shop.tenant, made["location_id"], shop.products).new_terminal()
    await other.enrol(central.url, code)
    await other.start()
    await other.open()

    await other.command("refund", receipt_number=number, lines=[{"original_line": 1, "quantity_milli": 1000}])
    with pytest.raises(RefusedError, match="refund-exceeds-sale"):
        await other.command("refund", receipt_number=number, lines=[{"original_line": 1, "quantity_milli": 1000}])


async def test_a_voucher_pays_no_more_than_central_says_it_holds(till: Till) -> None:
    await till.command("add_line", voucher_code="GIFT-1", unit_price_minor=300)
    await till.command("tender", method="CARD")
    await till.until(lambda now: now["sync"]["pending"] == 0)
    await till.scan("COFFEE")

    with pytest.raises(RefusedError, match="voucher-exceeds-balance"):
        await till.command("tender", method="VOUCHER", voucher_code="GIFT-1", amount_minor=350)
    await till.command("tender", method="VOUCHER", voucher_code="GIFT-1", amount_minor=300)
    assert (await till.command("tender", method="CARD"))["events"][0]["type"] == "SALE"


async def test_a_central_that_came_back_from_a_backup_gets_the_rest_again(
    watched: Till, between: Between, shop: Shop
) -> None:
    """Central's word counts, whatever it said before: here it says that it has the first line alone."""
    await sell(watched)
    await watched.until(lambda now: now["sync"]["pending"] == 0)
    await watched.stop()
    exit_code, _, _ = await watched.call("journal", "export", str(watched.folder / "journal.ndjson"))
    assert exit_code == 0
    lines = (watched.folder / "journal.ndjson").read_bytes().splitlines()[1:]

    async def as_restored(answer: web.Response) -> web.Response:
        assert isinstance(answer.body, bytes)
        token = msgspec.json.decode(answer.body)
        token["position"] |= {"applied_through": 1, "applied_hash": line_hash(lines[0]), "queued": [], "missing": []}
        return web.json_response(token)

    arrived = asyncio.Event()

    async def noticed(request: web.Request, forward: Callable[[], Any]) -> web.StreamResponse:
        arrived.set()
        return await forward()  # type: ignore[no-any-return]

    between.token, between.meddle = as_restored, noticed
    between.bodies.clear()
    await watched.start()
    async with asyncio.timeout(20):
        await arrived.wait()
    await watched.until(lambda now: now["sync"]["acknowledged_through"] == len(lines))

    sent = b"".join(zstandard.decompress(body) if body[:1] != b"{" else body for body in between.bodies)
    assert sent.splitlines() == lines[1:]
    assert (await shop.balances())["card_clearing"] == 350
