"""https, with certificates that are looked at."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bursar.adapters.http.client import HttpClient
from bursar.adapters.http.failures import ConnectFailed

from .servers import Talk, answering_each, serving, within_patience


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """For 127.0.0.1, signed by itself; the key stands in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "provider")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def context_of(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_https_serves_request_after_request(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where OpenSSL looks for the authorities of the machine.
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def test() -> None:
        async with serving(answering_each, context_of(certificate)) as server:
            client = HttpClient(server.url)
            assert server.url.startswith("https:")
            assert [(await client.request("GET", "/")).body for _ in range(3)] == [b"ok"] * 3
            assert len(server.talks) == 1
            await client.close()

    within_patience(test)


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    async def test() -> None:
        async with serving(answering_each, context_of(certificate)) as server:
            with pytest.raises(ConnectFailed, match="CERTIFICATE_VERIFY_FAILED"):
                await HttpClient(server.url).request("GET", "/")
            assert server.heard == []

    within_patience(test)


def test_https_where_only_http_is_spoken() -> None:
    async def script(talk: Talk) -> None:
        await talk.reader.readexactly(1)
        await talk.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def test() -> None:
        async with serving(script) as server:
            with pytest.raises(ConnectFailed, match="cannot be reached"):
                await HttpClient(server.url.replace("http:", "https:")).request("GET", "/")

    within_patience(test)
