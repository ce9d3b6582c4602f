"""A till of the demo: the daemon's process, the devices at its end, and the front end that rings baskets up.

Everything goes the way that it goes in a shop: barcodes come out of the simulated scanner, money through the local
API, receipts out of the simulated printer. Each command bears a `command_id`, so that one whose answer was lost is
asked again and never done twice.
"""

import asyncio
import contextlib
import json
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp

from demo.baskets import Basket, BasketLine
from demo.chain import Person, Store
from demo.network import Line, StutteringLine
from demo.processes import Program, run
from hardware.simulated import SimulatedPrinter, SimulatedScanner

_ANSWER_SECONDS_MAX: Final = 30.0
_TRIES_MAX: Final = 40
_RETRY_SECONDS: Final = 0.5
_SCANS_AHEAD_MAX: Final = 16
_SCAN_SECONDS: Final = 5.0
_NOTES_MINOR: Final = 500
_VOUCHER_MINOR: Final = 1_000
_VOUCHER_ABOVE_MINOR: Final = 2_000


failure_characters_max: Final = 1_500


class TillFailedError(RuntimeError):
    """A till answered that something is wrong in it, and may be asked again under the same id."""


class TillRefusedError(RuntimeError):
    """The till refused a command that the demo had reason to give; `code` is the problem's."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Till:
    """One till: start it, kill it, sell with it. `state` is what its stream said last."""

    def __init__(
        self,
        name: str,
        tenant: str,
        store: Store,
        folder: Path,
        line: Line | StutteringLine,
        client: aiohttp.ClientSession,
    ) -> None:
        self.name = name
        self.tenant = tenant
        self.store = store
        self.folder = folder
        self.line = line
        self.printer = SimulatedPrinter(listen="127.0.0.1:0", columns=48, dots=576)
        self.scanner = SimulatedScanner()
        self.state: dict[str, Any] = {}
        self.terminal_id = ""
        self.rung = 0
        self.questions = 0
        self.failures: list[str] = []
        self.crash_at_tender: asyncio.Event | None = None
        self._client = client
        self._program: Program | None = None
        self._changed = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._running = asyncio.Event()
        self._token = ""

    @property
    def state_folder(self) -> Path:
        return self.folder / "state"

    @property
    def url(self) -> str:
        """Where its local API listens now."""
        return "" if self._program is None else self._program.url

    async def plug_in(self) -> None:
        """Put a printer and a scanner on the counter and a cable into the wall."""
        self.folder.mkdir(parents=True, exist_ok=True)
        await self.printer.start()
        await self.scanner.start()
        await self.line.start()

    def name_devices(self) -> None:
        """Write the till's configuration: where its printer and scanner are."""
        self.state_folder.mkdir(parents=True, exist_ok=True)
        (self.state_folder / "terminal.toml").write_text(
            "reserve_bytes = 1048576\n"
            "[[device]]\n"
            'name = "printer"\nkind = "printer"\nprofile = "generic-80mm"\n'
            f'address = "{self.printer.address}"\n\n'
            "[[device]]\n"
            'name = "scanner"\nkind = "scanner"\n'
            f'address = "{self.scanner.address}"\n'
        )

    async def enrol(self, terminal_id: str, code: str) -> None:
        self.terminal_id = terminal_id
        await run("till-terminal", "enrol", "--server", self.line.url, "--code", code, "--state-dir", self.state_folder)

    async def start(self) -> None:
        """Start the daemon and follow its state."""
        self._program = Program(
            "till-terminal",
            ["run", "--state-dir", self.state_folder, "--listen", "127.0.0.1:0"],
            self.folder / "till.log",
        )
        await self._program.start()
        self._token = (self.state_folder / "local-api-token").read_text().strip()
        self.state = {}
        self._following = asyncio.create_task(self._follow())
        await self.wait_until(lambda state: bool(state), "the first state")
        if self.state["shift"] is not None:
            await self._sign_in()  # a restarted till has its shift and its cart, and nobody in front of it
        self._running.set()

    async def kill(self) -> None:
        """kill -9 in the middle of whatever it does."""
        self._running.clear()
        assert self._program is not None
        await self._program.kill()
        await self._stop_following()

    async def stop(self) -> None:
        self._running.clear()
        if self._program is not None:
            await self._program.stop()
        await self._stop_following()

    async def unplug(self) -> None:
        await self.stop()
        await self.printer.stop()
        await self.scanner.stop()
        await self.line.stop()

    async def command(self, command: str, command_id: str | None = None, **fields: Any) -> dict[str, Any]:
        """Give a command; ask again, under the same id, where the answer was lost.

        Raises `TillRefusedError` where the till says no.
        """
        body = {"command": command, "command_id": command_id or str(uuid.uuid4()), **fields}
        for _ in range(_TRIES_MAX):
            await asyncio.wait_for(self._running.wait(), _ANSWER_SECONDS_MAX)
            try:
                return await self._post(body)
            except TillFailedError as failed:
                self.failures.append(str(failed))
            except (aiohttp.ClientError, TimeoutError):
                pass  # the answer is lost, not the question: it is asked again
            await asyncio.sleep(_RETRY_SECONDS)
        raise TillRefusedError(f"{self.name}: no answer to {command}")

    async def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        async with self._client.post(
            f"{self.url}/v1/commands",
            json=body,
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS_MAX),
        ) as reply:
            answer = await reply.json(content_type=None)
            if reply.status >= 500:
                raise TillFailedError(f"{self.name} failed at {body['command']}: {self._last_failure()}")
            if reply.status != 200:
                code = str(answer.get("type", "")).rpartition("/")[2]
                raise TillRefusedError(f"{self.name}: {body['command']} was refused: {answer}", code)
            self._take_answer(answer["state"])
            return dict(answer)

    def _last_failure(self) -> str:
        """What the till's log says of its last failure: the end of the traceback."""
        lines = (self.folder / "till.log").read_text(encoding="utf-8", errors="replace").splitlines()
        failed = next((line for line in reversed(lines) if '"local-api-failed"' in line), "")
        return failed[-failure_characters_max:] or "its log says nothing"

    async def _sign_in(self) -> None:
        cashier = self.store.cashier
        body = {"command": "sign_in", "command_id": str(uuid.uuid4()), "number": cashier.number, "pin": cashier.pin}
        await self._post(body)

    async def open_shift(self, float_minor: int) -> None:
        await self._sign_in()
        await self.command("open_shift", float_minor=float_minor)

    async def close_shift(self, short_minor: int) -> None:
        """Count the drawer, `short_minor` less than there should be, and go home."""
        await self.command("x_report")
        expected = self.state["shift"]["cash_minor"]
        await self.command("close_shift", counted_minor=max(expected - short_minor, 0))
        await self.command("sign_out")

    async def sell(self, basket: Basket, barcodes: dict[int, str]) -> str:
        """Ring a basket up and take the money; gives the receipt number.

        Money is taken for the cart that the cashier saw: where it is gone, or another one by now, the basket is rung up
        again, or what is wrong with it amended.
        """
        while True:
            await self._fill_cart(basket, barcodes)
            try:
                answer = await self._take_money(basket)
            except TillRefusedError as refusal:
                if refusal.code not in ("empty-cart", "cart-changed"):
                    raise
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self.rung += 1
                return str(answer["state"]["last_receipt_number"])

    async def receipt(self, number: str) -> dict[str, Any]:
        """A receipt as the till itself knows it."""
        assert self._program is not None
        async with self._client.get(
            f"{self._program.url}/v1/receipts/{number}", headers={"Authorization": f"Bearer {self._token}"}
        ) as reply:
            answer = await reply.json(content_type=None)
            if reply.status != 200:
                raise TillRefusedError(f"{self.name}: receipt {number} is not shown: {answer}")
            return dict(answer["receipts"][0] if "receipts" in answer else answer)

    async def export_journal(self, file: Path) -> None:
        await run("till-terminal", "journal", "export", file, "--state-dir", self.state_folder)

    async def wait_until(
        self, reached: Callable[[dict[str, Any]], bool], what: str, seconds: float = _ANSWER_SECONDS_MAX
    ) -> None:
        """Wait for the till to come into a state. Raises `TimeoutError` with what it was waiting for."""
        try:
            async with asyncio.timeout(seconds):
                while not reached(self.state):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            shown = {name: self.state.get(name) for name in ("state", "printing", "sync", "devices", "problems")}
            raise TimeoutError(
                f"{self.name} did not come to {what} within {seconds:.0f} s; it says {json.dumps(shown)}"
            ) from None

    async def _fill_cart(self, basket: Basket, barcodes: dict[int, str]) -> None:
        """Scan and amend until the cart is the basket, also when the till was killed on the way."""
        wanted = {barcodes[line.product_id]: line for line in basket.lines}
        while missing := [barcode for barcode in wanted if barcode not in self._cart()]:
            await asyncio.wait_for(self._running.wait(), _ANSWER_SECONDS_MAX)
            batch = missing[:_SCANS_AHEAD_MAX]
            for barcode in batch:
                self.scanner.scan(barcode)
            with contextlib.suppress(TimeoutError):
                await self.wait_until(partial(self._holds, batch), "its scans", _SCAN_SECONDS)
        for barcode, line in wanted.items():
            await self._amend(barcode, line)
        extra = [number for number in self._cart() if number not in wanted]
        if extra:
            raise TillRefusedError(f"{self.name}: the cart holds what was not scanned: {extra}")
        if any(
            barcode not in self._cart() or _differs(self._cart()[barcode], line) for barcode, line in wanted.items()
        ):
            await self._fill_cart(basket, barcodes)

    async def _amend(self, barcode: str, wanted: BasketLine) -> None:
        """Quantity, then price, then discount: whatever of a line is not as in the data."""
        supervisor = self.store.supervisor
        line = self._cart().get(barcode)
        if line is None:
            return
        if line["quantity_milli"] != wanted.quantity_milli:
            await self.command("change_quantity", line=line["line"], quantity_milli=wanted.quantity_milli)
            line = self._cart()[barcode]
        if (line["unit_price_minor"], line["price_quantity_milli"]) != (
            wanted.price.price_minor,
            wanted.price.quantity_milli,
        ):
            await self.command(
                "override_price",
                line=line["line"],
                unit_price_minor=wanted.price.price_minor,
                price_quantity_milli=wanted.price.quantity_milli,
                approval=approval(supervisor),
            )
            line = self._cart()[barcode]
        if line["discount_minor"] != wanted.discount_minor:
            await self.command("discount_line", line=line["line"], discount_minor=wanted.discount_minor)

    async def _take_money(self, basket: Basket) -> dict[str, Any]:
        """A manufacturer's coupon, a voucher, then cash or card; the tender that covers the rest commits the sale.

        A till that was killed between two tenders may have forgotten the first with its answer: what its cart does
        not show is tendered again.
        """
        while True:
            cart = self.state["cart"]
            if cart is None:
                raise TillRefusedError(f"{self.name}: the cart is gone", "empty-cart")
            taken = {tender["method"] for tender in cart["tenders"]}
            due = cart["due_minor"]
            coupon = min(basket.coupon_minor, due)
            if coupon and "OTHER" not in taken:
                tender = {"method": "OTHER", "amount_minor": coupon, "reference": "manufacturer coupon"}
            elif basket.has_voucher and due > _VOUCHER_ABOVE_MINOR and "VOUCHER" not in taken:
                tender = {"method": "VOUCHER", "amount_minor": _VOUCHER_MINOR}
            elif basket.pays_cash:
                tender = {"method": "CASH", "amount_minor": -(-due // _NOTES_MINOR) * _NOTES_MINOR}
            else:
                tender = {"method": "CARD", "amount_minor": due}
            if self.crash_at_tender is not None and tender["amount_minor"] >= due:
                asyncio.get_running_loop().call_soon(self.crash_at_tender.set)
            answer = await self.command("tender", cart_revision=cart["revision"], **tender)
            if any(event["type"] == "SALE" for event in answer["events"]):
                return answer

    def _holds(self, barcodes: list[str], _state: dict[str, Any]) -> bool:
        cart = self._cart()
        return all(barcode in cart for barcode in barcodes)

    def _cart(self) -> dict[str, dict[str, Any]]:
        cart = self.state.get("cart") or {}
        return {line["barcode"]: line for line in cart.get("lines", ()) if line.get("barcode")}

    def _take_answer(self, state: dict[str, Any]) -> None:
        """What an answer shows, unless the stream overtook it: there is more to learn from the stream at any time."""
        if state["revision"] > self.state.get("revision", 0):
            self._show(state)

    def _take_streamed(self, state: dict[str, Any]) -> None:
        """What the stream shows, unless an answer overtook it: the change that it tells of is streamed next."""
        if state["revision"] >= self.state.get("revision", 0):
            self._show(state)

    def _show(self, state: dict[str, Any]) -> None:
        self.state = state
        self._changed.set()

    async def _follow(self) -> None:
        """The state again at each change, by the WebSocket of the local API."""
        assert self._program is not None
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self._client.ws_connect(
                    f"{self._program.url}/v1/stream", headers={"Authorization": f"Bearer {self._token}"}
                ) as stream:
                    async for message in stream:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            self._take_streamed(message.json())
            await asyncio.sleep(_RETRY_SECONDS)

    async def _stop_following(self) -> None:
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following
            self._following = None


def approval(supervisor: Person) -> dict[str, str]:
    """A supervisor's word, as a command bears it."""
    return {"number": supervisor.number, "pin": supervisor.pin}


def _differs(line: dict[str, Any], wanted: BasketLine) -> bool:
    return (line["quantity_milli"], line["unit_price_minor"], line["price_quantity_milli"], line["discount_minor"]) != (
        wanted.quantity_milli,
        wanted.price.price_minor,
        wanted.price.quantity_milli,
        wanted.discount_minor,
    )
