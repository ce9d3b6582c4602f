"""By what a terminal trusts who answers: TLS 1.2 and up, an authority, and dates by a clock that can be believed.

OpenSSL dates certificates by the machine's clock. Where that is dead (1970), they are all "not valid yet", and the
terminal could never hear what time it is. So the token call alone is made without dates; what follows is dated by the
time that it brought. Only the server's own certificate is dated then, since the ones between are not shown to us.
"""

import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from terminal_agent.unreachable import EXPIRED, NOT_YET_VALID

Dates = Literal["machine", "none", "learned"]
_NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for


class ServerAddressError(Exception):
    """The server's address cannot be used; the message says which can."""


def tls_context(
    ca_file: Path | None, *, dates: Dates = "machine", now: Callable[[], datetime] | None = None
) -> ssl.SSLContext:
    """With `ca_file` its authorities alone; certificates dated by the machine, not at all, or by `now`.

    Raises `ServerAddressError` where the file cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ServerAddressError(f"{ca_file} holds no certificate authority ({error}); name a PEM file") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if dates != "machine":
        context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
    if dates == "learned":
        assert now is not None
        context.sslobject_class = _dated_by(now)
    return context


def _dated_by(now: Callable[[], datetime]) -> type[ssl.SSLObject]:
    """A line whose handshake fails where the server's certificate does not hold at `now()`."""

    class Dated(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            certificate = self.getpeercert() or {}
            seconds = now().timestamp()
            if seconds < ssl.cert_time_to_seconds(str(certificate["notBefore"])):
                raise _refusal(NOT_YET_VALID, "certificate is not yet valid")
            if seconds > ssl.cert_time_to_seconds(str(certificate["notAfter"])):
                raise _refusal(EXPIRED, "certificate has expired")

    return Dated


def _refusal(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, message)
    error.verify_code = code
    error.verify_message = message
    return error
