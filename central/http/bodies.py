"""Bodies and queries: read within their bounds, decoded into structs, refused with the field that is wrong."""

import asyncio
import re
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from aiohttp import ClientError, web

from central.http.problems import BadRequest, Invalid, RequestTimeout, TooLarge, UnsupportedMediaType

body_seconds_max: Final = 20.0
query_fields_max: Final = 50

_place: Final = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`\Z")
_integer: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_named: Final = re.compile(r"(?:field|unknown field) `([^`]+)`")


async def read_body(http: web.Request, bytes_max: int, *, seconds_max: float = body_seconds_max) -> bytes:
    """The body as it came, not decompressed.

    Raises `TooLarge` past `bytes_max`, `RequestTimeout` where it does not arrive, `BadRequest` where it breaks off.
    """
    content = http.content
    if content.is_eof() and content.exception() is None:  # here already: most bodies come with their headers
        whole = content.read_nowait()
        if len(whole) > bytes_max:
            raise TooLarge(f"the body may have {bytes_max} bytes")
        return whole
    if http.content_length is not None and http.content_length > bytes_max:
        raise TooLarge(f"the body may have {bytes_max} bytes")
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds_max):
            while chunk := await content.readany():
                size += len(chunk)
                if size > bytes_max:
                    raise TooLarge(f"the body may have {bytes_max} bytes")
                chunks.append(chunk)
    except TimeoutError as error:
        raise RequestTimeout(headers={"Connection": "close"}) from error
    except (ClientError, web.HTTPException, OSError, ValueError) as error:
        raise BadRequest("the body broke off or is not as its headers say") from error
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def check_json_headers(http: web.Request, media_types: tuple[str, ...]) -> None:
    """Raises `UnsupportedMediaType` unless the body is uncompressed and of a known type."""
    if http.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("this call takes no compressed body")
    if http.content_type not in media_types:
        raise UnsupportedMediaType(f"this call takes {' or '.join(media_types)}")


def decode(body: bytes, kind: Any) -> Any:
    """A JSON body as a struct. Raises `Invalid` with the field; `field` is empty where the whole body is meant."""
    try:
        body.decode()  # msgspec lets bad UTF-8 pass inside what it skips
        decoded = _decoder(kind).decode(body)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid("the body is not JSON in UTF-8", field="") from error
    except RecursionError as error:
        raise Invalid("the body is nested too deep", field="") from error
    if b"u0000" in body:
        refuse_nul(decoded)
    return decoded


def decode_query(query: str, kind: Any) -> Any:
    """A query string as a struct; unknown fields are ignored. Raises `Invalid` with the field."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=query_fields_max, errors="strict")
    except (ValueError, UnicodeDecodeError) as error:
        raise Invalid("the query cannot be read", field="") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        twice = next(name for name, _ in pairs if sum(1 for other, _ in pairs if other == name) > 1)
        raise Invalid("a field stands twice", field=twice)
    refuse_nul(fields)
    try:
        decoded = msgspec.convert(fields, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    for name, encoded in zip(decoded.__struct_fields__, decoded.__struct_encode_fields__, strict=True):
        # Texts are read leniently, which takes "1.0" for an integer too.
        if type(getattr(decoded, name)) is int and encoded in fields and not _integer.match(fields[encoded]):
            raise Invalid("an integer is written without fraction or exponent", field=encoded)
    return decoded


def invalid(error: msgspec.ValidationError) -> Invalid:
    """msgspec's refusal, with the field's path as ours (`barcodes[0].barcode`)."""
    message = str(error)
    place = _place.search(message)
    path = place.group(1) if place else ""
    said = message[: place.start()] if place else message
    named = _named.search(said)
    if named and "field" in said:
        path = f"{path}.{named.group(1)}" if path else named.group(1)
    path = path.replace("[...]", "[]")
    return Invalid(said, field=path)


def refuse_nul(value: object, field: str = "") -> None:
    """Raises `Invalid` where a string anywhere inside holds U+0000, which PostgreSQL does not keep."""
    if isinstance(value, str):
        if "\0" in value:
            raise Invalid("U+0000 is not allowed", field=field)
    elif isinstance(value, dict):
        for key, member in value.items():
            refuse_nul(key, field)
            refuse_nul(member, f"{field}.{key}" if field else str(key))
    elif isinstance(value, list | tuple | set | frozenset):
        for index, member in enumerate(value):
            refuse_nul(member, f"{field}[{index}]")
    elif isinstance(value, msgspec.Struct):
        for name, encoded in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            refuse_nul(getattr(value, name), f"{field}.{encoded}" if field else encoded)


@lru_cache(maxsize=512)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)
