"""Why central could not be reached, for the person who stands there: the cause in words, and the next step. Pure."""

import errno
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

import aiohttp

_NO_NAME: Final = frozenset({socket.EAI_NONAME, socket.EAI_NODATA})
_NO_WAY: Final = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN})
_BROKEN: Final = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED})
_PORTS: Final = {"https": 443, "http": 80}

# What OpenSSL says of a certificate (`X509_V_ERR_…`).
NOT_YET_VALID: Final = 9
EXPIRED: Final = 10
_OTHER_NAME: Final = frozenset({62, 64})


def in_words(error: BaseException, url: str) -> str:
    """What an error of the client or the system means."""
    parts = urlsplit(url)
    host = parts.hostname or url
    where = f"{host}:{parts.port or _PORTS.get(parts.scheme, 0)}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return certificate_in_words(error.certificate_error, host)
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return _handshake(error, where)
    if isinstance(error, TimeoutError):
        return f"{where} does not answer in time; check the network, and whether a firewall is in between"
    if isinstance(error, aiohttp.ClientPayloadError):
        return f"the answer of {where} broke off; check the network, and try again"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return f"{where} hung up without an answer; see whether central is being restarted, and try again"
    if isinstance(error, aiohttp.ClientConnectorError):
        return _connection(error.os_error, host, where)
    if isinstance(error, OSError):
        return _connection(error, host, where)
    return f"what answers at {where} does not speak HTTP; correct the address or its port"


def is_of_dates(error: Exception) -> bool:
    """Whether a certificate is refused for its dates alone."""
    return getattr(error, "verify_code", None) in (NOT_YET_VALID, EXPIRED)


def answer_in_words(status: int, problem: str | None) -> str:
    """What an answer means that is neither a success nor a refusal that the caller knows."""
    shown = f"status {status}" if problem is None else f"status {status}, {problem}"
    if status in (429, 502, 503, 504):
        return f"central is busy ({shown}); try again in a minute"
    if 300 <= status < 400:
        return f"somebody sends us elsewhere ({shown}); sign in to the network here, or correct the server's address"
    if problem is None:
        return f"what answers is no Tillstream server ({shown}); sign in to the network here, or correct its address"
    return f"central refuses ({shown}); see its log"


def certificate_in_words(error: Exception, host: str) -> str:
    """What is wrong with a certificate, and who can put it right."""
    code = getattr(error, "verify_code", None)
    why = getattr(error, "verify_message", "") or str(error)
    if code == EXPIRED:
        return f"the certificate of {host} has expired; renew it on the server, or correct this machine's clock"
    if code == NOT_YET_VALID:
        return f"the certificate of {host} is not valid yet; correct this machine's clock, or the server's certificate"
    if code in _OTHER_NAME:
        return f"the certificate at {host} is of another name ({why}); use the name that stands in it"
    return (
        f"the certificate of {host} is not trusted ({why}); name its authority with --ca-file, or as ca_file in"
        " terminal.toml"
    )


def _handshake(error: aiohttp.ClientConnectorSSLError, where: str) -> str:
    reason = getattr(error.os_error, "reason", None) or str(error.os_error)
    if isinstance(error.os_error, ssl.SSLError) and "VERSION_NUMBER" in str(reason):
        return f"{where} speaks no TLS; correct the port, or give `till-central serve` its --tls-cert and --tls-key"
    return f"no encrypted line to {where} could be made ({reason}); check the server's certificate and TLS version"


def _connection(error: OSError, host: str, where: str) -> str:
    if isinstance(error, socket.gaierror):
        if error.errno in _NO_NAME:
            return f"the name {host} is not known; correct the server's address, or this machine's DNS"
        return f"no name server answers for {host}; check the network, and this machine's DNS"
    if error.errno == errno.ECONNREFUSED:
        return f"nothing listens at {where}; see whether `till-central serve` works there, or correct the port"
    if error.errno in _NO_WAY:
        return f"no way leads to {host}; check the network cable or the Wi-Fi"
    if error.errno == errno.ETIMEDOUT:
        return f"{where} does not answer in time; check the network, and whether a firewall is in between"
    if error.errno in _BROKEN:
        return f"{where} hung up without an answer; see whether central is being restarted, and try again"
    return f"{where} cannot be reached ({error.strerror or error}); check the network"
