"""The terminal's line to central: one HTTPS client a terminal and epoch, its token, and what counts as an answer.

Whoever answers may be a captive portal, a proxy or another server. So no redirect is followed, an answer counts only
as JSON of the expected shape, and everything else is an error that the caller waits out.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import OKPKey
from msgspec import Struct

from protocol.enrolment import assertion_claims, assertion_typ, assertion_type, grant_type
from protocol.uplink import Position
from terminal_agent.clock import Clock
from terminal_agent.identity import Enrolment
from terminal_agent.server_trust import Dates, ServerAddressError, tls_context
from terminal_agent.unreachable import answer_in_words, in_words, is_of_dates

answer_bytes_max: Final = 64 * 1024 * 1024
connect_seconds_max: Final = 10.0
request_seconds_max: Final = 60.0
token_spare_seconds: Final = 60.0
_Shape = TypeVar("_Shape")


class CentralUnreachableError(Exception):
    """Nobody answers, or somebody who is not central; what was asked for was not promised."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class NotTrustedError(CentralUnreachableError):
    """Somebody answers, with a certificate that does not hold here; `by_date`: because of its dates alone."""

    def __init__(self, reason: str, *, by_date: bool = False) -> None:
        super().__init__(reason)
        self.by_date = by_date


class TokenRefusedError(Exception):
    """Central does not know this terminal's key (any more); enrol the terminal anew."""


class Answer(Struct, frozen=True):
    """What came back; `problem` is the last segment of a problem's type, if it is one."""

    status: int
    content_type: str
    body: bytes
    retry_after: float
    problem: str | None = None

    def read(self, shape: type[_Shape]) -> _Shape:
        """The body as JSON of that shape. Raises `CentralUnreachableError`: it came from somebody else."""
        if self.content_type != "application/json":
            raise CentralUnreachableError(
                f"the answer is {self.content_type or 'of no type'}, not central's JSON; sign in to the network here"
            )
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise CentralUnreachableError(f"the answer is not central's: {error}") from error

    def members(self) -> dict[str, Any]:
        """The members of a problem; empty where the body is none."""
        try:
            members = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return {}
        return members if isinstance(members, dict) else {}


class TokenAnswer(Struct, frozen=True):
    access_token: str
    token_type: str
    expires_in: float
    server_time: str
    position: Position


def check_server(url: str) -> str:
    """The server's address without a trailing slash. Raises `ServerAddressError`: plain HTTP goes to loopback alone."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ServerAddressError(f"{url!r} is no address; use one such as https://till.example.com") from error
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise ServerAddressError(f"{url!r} is no server; use an address such as https://till.example.com")
    if parts.username is not None or parts.password is not None:
        raise ServerAddressError("the server's address bears no name or password; leave them out")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ServerAddressError(f"plain http goes to this machine alone; use https://{parts.netloc}")
    return url.rstrip("/")


async def ask(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    body: bytes | None = None,
    seconds: float = request_seconds_max,
) -> Answer:
    """One request, no redirect followed. Raises `CentralUnreachableError` where no answer came whole, among them
    `NotTrustedError`.
    """
    timeout = aiohttp.ClientTimeout(total=seconds, connect=connect_seconds_max)
    try:
        async with session.request(
            method, url, headers=headers, params=params, data=body, timeout=timeout, allow_redirects=False
        ) as response:
            content = await _read_bounded(response)
            return Answer(
                response.status,
                response.content_type if "Content-Type" in response.headers else "",
                content,
                _seconds(response.headers.get("Retry-After")),
                _problem(response.content_type, content),
            )
    except aiohttp.ClientConnectorCertificateError as error:
        raise NotTrustedError(in_words(error, url), by_date=is_of_dates(error.certificate_error)) from error
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise CentralUnreachableError(in_words(error, url)) from error


class CentralLink:
    """One enrolment's line. `on_contact(answered)` hears how each try went, `on_position` of a new one."""

    def __init__(
        self,
        enrolment: Enrolment,
        private_key: Ed25519PrivateKey,
        clock: Clock,
        *,
        ca_file: Path | None,
        journal_end: Callable[[], tuple[int, str]],
        on_contact: Callable[[bool], None],
    ) -> None:
        self.enrolment = enrolment
        self.private_key = private_key
        self._clock = clock
        self._ca_file = ca_file
        self._journal_end = journal_end
        self._on_contact = on_contact
        self._dates: Dates = "machine"
        self._session: aiohttp.ClientSession | None = None
        self._token: str | None = None
        self._token_until = 0.0
        self._one_token = asyncio.Lock()
        self.position: Position | None = None
        self.position_number = 0
        self.on_position: Callable[[], None] = _nobody

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float = request_seconds_max,
    ) -> Answer:
        """A request with this terminal's token, which is got anew where central no longer takes it.

        Raises `CentralUnreachableError` and `TokenRefusedError`.
        """
        for last_try in (False, True):
            token = await self.token()
            bearing = {**(headers or {}), "Authorization": f"Bearer {token}"}
            try:
                answer = await ask(
                    self._client(),
                    method,
                    self.enrolment.server + path,
                    headers=bearing,
                    params=params,
                    body=body,
                    seconds=seconds,
                )
            except CentralUnreachableError:
                self._on_contact(False)
                raise
            if answer.status == 401 and answer.problem != "bad-signature":
                self._token = None
                if not last_try:
                    continue
            self._on_contact(200 <= answer.status < 300 or (answer.status < 500 and answer.problem is not None))
            return answer
        raise AssertionError("the second try answers")

    async def token(self) -> str:
        """A valid access token; central's word on the position comes with each new one."""
        async with self._one_token:
            now = asyncio.get_running_loop().time()
            if self._token is None or now >= self._token_until:
                try:
                    await self._get_token(now)
                except (CentralUnreachableError, TokenRefusedError):
                    self._on_contact(False)
                    raise
            assert self._token is not None
            return self._token

    def forget_token(self) -> None:
        """Ask for central's position again, with a new token."""
        self._token = None

    async def _get_token(self, now: float) -> None:
        if self._dates == "learned" and not self._clock.is_dead():
            await self._go_by("machine")
        asked_at = self._clock.own()
        is_proved = True
        try:
            answer = await self._sign_in(asked_at)
        except NotTrustedError as error:
            if not (error.by_date and self._clock.is_dead()):
                raise
            is_proved = False
            answer = await self._sign_in_undated(asked_at)
        if answer.status in (401, 403) and answer.content_type == "application/json":
            raise TokenRefusedError("central refuses this terminal's key; enrol the terminal anew")
        if answer.status != 200:
            raise CentralUnreachableError(answer_in_words(answer.status, answer.problem), answer.retry_after)
        token = answer.read(TokenAnswer)
        if token.position.epoch != self.enrolment.answer.epoch:
            raise CentralUnreachableError("the token is of another epoch")
        self._clock.learn(token.server_time, asked_at, is_proved=is_proved)
        self._token = token.access_token
        self._token_until = now + max(token.expires_in - token_spare_seconds, token.expires_in / 2)
        self.position = token.position
        self.position_number += 1
        self.on_position()

    async def _sign_in(self, asked_at: datetime, *, is_proved: bool = True) -> Answer:
        """Ask for a token; where the clock was off, sign once more by the server's time."""
        answer = await self._ask_token()
        if answer.status == 401 and self._learn(answer, asked_at, is_proved=is_proved):
            return await self._ask_token()
        return answer

    async def _sign_in_undated(self, asked_at: datetime) -> Answer:
        """The machine's clock is dead, so it dates no certificate: for this call alone only the chain counts.

        What follows goes by the time that was learned here, on connections of its own.
        """
        await self._go_by("none")
        try:
            return await self._sign_in(asked_at, is_proved=False)
        finally:
            await self._go_by("learned")

    async def _go_by(self, dates: Dates) -> None:
        await self.close()
        self._dates = dates

    def _learn(self, answer: Answer, asked_at: datetime, *, is_proved: bool) -> bool:
        """Whether the refusal said a time that differs enough to be the reason for it."""
        server_time = answer.members().get("server_time")
        if not isinstance(server_time, str):
            return False
        before = self._clock.offset_ms or 0
        self._clock.learn(server_time, asked_at, is_proved=is_proved)
        return abs((self._clock.offset_ms or 0) - before) > 5_000

    async def _ask_token(self) -> Answer:
        form = {
            "grant_type": grant_type,
            "client_assertion_type": assertion_type,
            "client_assertion": self._assertion(),
        }
        return await ask(
            self._client(),
            "POST",
            self.enrolment.server + "/v1/oauth/token",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
        )

    def _assertion(self) -> str:
        sequence, last_hash = self._journal_end()
        identity = self.enrolment.answer
        claims = assertion_claims(
            terminal_id=identity.terminal_id,
            epoch=identity.epoch,
            issuer=identity.issuer,
            now=int(self._clock.now().timestamp()),
            jti=secrets.token_hex(16),
            last_sequence=sequence,
            last_hash=last_hash,
        )
        key = OKPKey.import_key(self.private_key)
        return jwt.encode({"alg": "Ed25519", "typ": assertion_typ}, claims, key, algorithms=["Ed25519"])

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            secure = self.enrolment.server.startswith("https:")
            context = tls_context(self._ca_file, dates=self._dates, now=self._clock.now) if secure else True
            connector = aiohttp.TCPConnector(ssl=context, limit=8)
            self._session = aiohttp.ClientSession(connector=connector)
        return self._session


def _nobody() -> None:
    """Nobody wants to know."""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        content += chunk
        if len(content) > answer_bytes_max:
            raise CentralUnreachableError("the answer is larger than any of central's")
    return bytes(content)


def _problem(content_type: str, content: bytes) -> str | None:
    if content_type != "application/problem+json":
        return None
    try:
        kind = msgspec.json.decode(content, type=dict[str, Any]).get("type")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return kind.rsplit("/", 1)[-1] if isinstance(kind, str) else None


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 7 else 0.0
