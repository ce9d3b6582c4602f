"""A body comes out of its compression whole, or is refused; a bomb never gets large."""

import gzip
import tracemalloc

import pytest
import zstandard

from central.uplink.decoding import BadEncodingError, decode_body, read_encoding
from protocol.uplink import BodyTooLargeError, body_bytes_max

BODY = b'{"sequence":1}\n' * 1_000
ZSTD = zstandard.ZstdCompressor(level=3)
COMPRESSED = {"zstd": ZSTD.compress(BODY), "gzip": gzip.compress(BODY), "identity": BODY}


@pytest.mark.parametrize("encoding", ["zstd", "gzip", "identity"])
def test_a_whole_body_comes_out_as_it_went_in(encoding: str) -> None:
    assert decode_body(COMPRESSED[encoding], encoding) == BODY  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_another_stream_after_the_first_is_refused(encoding: str) -> None:
    with pytest.raises(BadEncodingError):
        decode_body(COMPRESSED[encoding] * 2, encoding)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_a_body_cut_anywhere_is_refused(encoding: str) -> None:
    whole = COMPRESSED[encoding]
    for end in range(len(whole)):
        with pytest.raises(BadEncodingError):
            decode_body(whole[:end], encoding)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
@pytest.mark.parametrize("trailing", [b"\0", b"junk", b"\n", b"{}"])
def test_anything_after_the_stream_is_refused(encoding: str, trailing: bytes) -> None:
    with pytest.raises(BadEncodingError):
        decode_body(COMPRESSED[encoding] + trailing, encoding)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_what_was_never_compressed_is_refused(encoding: str) -> None:
    with pytest.raises(BadEncodingError):
        decode_body(BODY, encoding)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_a_body_of_exactly_the_bound_passes_and_one_byte_more_does_not(encoding: str) -> None:
    pack = ZSTD.compress if encoding == "zstd" else gzip.compress

    assert len(decode_body(pack(b"x" * body_bytes_max), encoding)) == body_bytes_max  # type: ignore[arg-type]
    with pytest.raises(BodyTooLargeError):
        decode_body(pack(b"x" * (body_bytes_max + 1)), encoding)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
@pytest.mark.parametrize(("streams", "refusal"), [(1, BodyTooLargeError), (64, BadEncodingError)])
def test_a_bomb_is_refused_and_never_gets_large(encoding: str, streams: int, refusal: type[Exception]) -> None:
    pack = ZSTD.compress if encoding == "zstd" else gzip.compress
    bomb = pack(b"\0" * (256 * 1024 * 1024 // streams)) * streams
    tracemalloc.start()
    try:
        with pytest.raises(refusal):
            decode_body(bomb, encoding)  # type: ignore[arg-type]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 64 * 1024 * 1024


def test_a_window_larger_than_a_sender_may_demand_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=25)
    writer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = writer.compress(BODY) + writer.flush()

    with pytest.raises(BadEncodingError):
        decode_body(body, "zstd")


@pytest.mark.parametrize(
    ("header", "encoding"),
    [(None, "identity"), ("", "identity"), ("identity", "identity"), ("ZSTD", "zstd"), (" gzip", "gzip")],
)
def test_the_known_encodings_are_known(header: str | None, encoding: str) -> None:
    assert read_encoding(header) == encoding


@pytest.mark.parametrize("header", ["br", "deflate", "gzip, gzip", "zstd,gzip", "*"])
def test_any_other_encoding_is_not_known(header: str) -> None:
    assert read_encoding(header) is None
