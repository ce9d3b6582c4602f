"""Answers compressed as the client takes them: zstd, else gzip, else as they are; large ones off the event loop."""

import asyncio
import gzip
from typing import Final

import zstandard

compressed_from_bytes: Final = 1_024
off_loop_from_bytes: Final = 64 * 1_024
zstd_level: Final = 3
gzip_level: Final = 1
offers_max: Final = 20


def choose_encoding(accepted: str) -> str | None:
    """The encoding for an `Accept-Encoding`; None is the body as it is (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for offer in accepted.lower().split(",")[:offers_max]:
        name, _, parameter = offer.partition(";")
        key, _, value = parameter.strip().partition("=")
        try:
            weights[name.strip()] = float(value) if key.strip() == "q" else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    offered = [(weights.get(name, weights.get("*", 0.0)), name) for name in ("gzip", "zstd")]
    weight, best = max(offered)
    return best if weight > 0 else None


async def compress(body: bytes, accepted: str) -> tuple[bytes, str | None]:
    """The body in the encoding that was chosen, and that encoding."""
    encoding = choose_encoding(accepted) if len(body) >= compressed_from_bytes else None
    if encoding is None:
        return body, None
    work = _zstd if encoding == "zstd" else _gzip
    return (await asyncio.to_thread(work, body) if len(body) >= off_loop_from_bytes else work(body)), encoding


def _zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=zstd_level).compress(body)


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, gzip_level, mtime=0)
