"""`serve --tls-cert --tls-key`: https, of TLS 1.2 and up."""

import socket
import ssl
import urllib.request
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.central.cli.conftest import CommandLine


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for loopback that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "central")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


def test_it_serves_https_to_who_trusts_its_certificate(till_central: CommandLine, tmp_path: Path) -> None:
    cert, key = make_certificate(tmp_path)
    serving = till_central.serve("--tls-cert", str(cert), "--tls-key", str(key))
    try:
        context = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(f"{serving.url}/healthz", timeout=5, context=context) as answer:
            assert (serving.url.startswith("https://127.0.0.1:"), answer.status) == (True, 200)
    finally:
        assert serving.stop() == 0


def test_workers_serve_https_and_a_client_that_speaks_plainly_harms_nobody(
    till_central: CommandLine, tmp_path: Path
) -> None:
    cert, key = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(cert))
    serving = till_central.serve("--workers", "2", "--tls-cert", str(cert), "--tls-key", str(key))
    try:
        address = ("127.0.0.1", int(serving.url.rsplit(":", 1)[1]))
        for _ in range(4):
            with socket.create_connection(address, timeout=5) as plain:
                plain.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
                while plain.recv(1_024):
                    pass
            with urllib.request.urlopen(f"{serving.url}/healthz", timeout=5, context=context) as answer:
                assert answer.status == 200
    finally:
        assert serving.stop() == 0
