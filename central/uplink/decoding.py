"""A request's body taken out of its compression, never larger than it may be (contract, section 4).

A decoder is fed and drained in bounded steps, so that a bomb costs what a full body costs. What is broken, cut off or
goes on after the end of its stream is `bad-encoding`, another frame or member like anything else: a body is one stream.
"""

import zlib
from typing import Final, Literal, TypeAlias

import zstandard

from protocol.uplink import BodyTooLargeError, body_bytes_max

Encoding: TypeAlias = Literal["identity", "zstd", "gzip"]

window_bytes_max: Final = 8 * 1024 * 1024
"""What RFC 9659 lets a sender of `zstd` over HTTP demand of a receiver's memory."""

_gzip_wbits: Final = 31


class BadEncodingError(ValueError):
    """A body does not decompress to its end, or does not end where its stream does."""


def read_encoding(header: str | None) -> Encoding | None:
    """The encoding that `Content-Encoding` names; None for one that is not known here."""
    match (header or "").strip().lower():
        case "" | "identity":
            return "identity"
        case "zstd":
            return "zstd"
        case "gzip":
            return "gzip"
        case _:
            return None


def decode_body(body: bytes, encoding: Encoding) -> bytes:
    """The decompressed body. Raises `BadEncodingError`, and `BodyTooLargeError` past `body_bytes_max`."""
    match encoding:
        case "zstd":
            return _from_zstd(body)
        case "gzip":
            return _from_gzip(body)
        case _:
            return body


def _from_zstd(body: bytes) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=window_bytes_max)
    try:
        # Only this reader stops at a length, and only the other one tells where a frame ends; both are cheap.
        with decompressor.stream_reader(body) as reader:
            if len(reader.read(body_bytes_max + 1)) > body_bytes_max:
                raise BodyTooLargeError(f"the body holds more than {body_bytes_max:,} bytes")
        frame = decompressor.decompressobj()
        decoded = frame.decompress(body)
    except zstandard.ZstdError as error:
        raise BadEncodingError("the body is no whole zstd stream") from error
    _check_end("zstd", frame.eof, frame.unused_data)
    return decoded


def _from_gzip(body: bytes) -> bytes:
    member = zlib.decompressobj(_gzip_wbits)
    try:
        decoded = member.decompress(body, body_bytes_max + 1)
    except zlib.error as error:
        raise BadEncodingError("the body is no gzip stream") from error
    if len(decoded) > body_bytes_max:
        raise BodyTooLargeError(f"the body holds more than {body_bytes_max:,} bytes")
    _check_end("gzip", member.eof, member.unused_data)
    return decoded


def _check_end(encoding: Encoding, ended: bool, rest: bytes) -> None:
    if not ended:
        raise BadEncodingError(f"the {encoding} stream ends before its end")
    if rest:
        raise BadEncodingError(f"the body goes on after its {encoding} stream")
