"""Which pairs of a certificate and a key are taken at all, and what the local authority makes."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from tests.certificates_kit import DAY, Authority, pem
from turnout.domain.certificate_pairs import check_pair
from turnout.domain.certificates import PEM_MAX
from turnout.domain.errors import Invalid, TooLarge
from turnout.domain.local_authority import LEAF_LIFETIME, issue, make_root

NOW = datetime(2030, 6, 1, tzinfo=UTC)
AUTHORITY = Authority(NOW)


def test_a_good_pair_is_taken_as_it_is_served() -> None:
    """Names sorted and in lower case, the chain in order, nothing else of the files, dates of the shortest."""
    pair = AUTHORITY.pair("WWW.shop.example", "*.shop.example", "shop.example")
    taken = check_pair(f"junk\n{pair.chain}\n# more", pair.key, now=NOW)
    assert taken.names == ("*.shop.example", "shop.example", "www.shop.example")
    assert taken.chain_pem == pair.chain
    assert taken.key_pem.startswith("-----BEGIN PRIVATE KEY-----")
    assert (taken.not_before, taken.not_after) == (NOW - DAY, NOW + 30 * DAY)
    assert "PRIVATE" not in repr(taken)


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())])
def test_keys_that_clients_take_are_taken(key: Any) -> None:
    """RSA from 2048 bits on, P-256, P-384."""
    pair = AUTHORITY.pair("shop.example", key=key)
    assert check_pair(pair.chain, pair.key, now=NOW).names == ("shop.example",)


PAIR = AUTHORITY.pair("shop.example")
LEAF, INTERMEDIATE = x509.load_pem_x509_certificates(PAIR.chain.encode())
OTHER = Authority(NOW).pair("shop.example")


@pytest.mark.parametrize(
    ("chain", "key", "said"),
    [
        (PAIR.chain, AUTHORITY.pair("shop.example").key, "the private key is not that of the certificate"),
        (pem(INTERMEDIATE) + pem(LEAF), PAIR.key, "the private key is that of certificate 2"),
        (pem(LEAF) + pem(AUTHORITY.root), PAIR.key, "certificate 2 did not issue certificate 1"),
        (pem(LEAF) + OTHER.chain, PAIR.key, "certificate 2 did not issue certificate 1"),
        ("", PAIR.key, "cannot read the certificate"),
        (PAIR.key, PAIR.key, "cannot read the certificate"),
        (PAIR.chain.replace("M", "\N{SNOWMAN}", 1), PAIR.key, "cannot read the certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", PAIR.key, "cannot read the certificate"),
        (PAIR.chain, "", "cannot read the private key"),
        (PAIR.chain, PAIR.chain, "cannot read the private key"),
        (PAIR.chain + pem(AUTHORITY.root) * 9, PAIR.key, "10 are the most"),
    ],
)
def test_pairs_that_do_not_belong_together_are_refused_in_a_sentence(chain: str, key: str, said: str) -> None:
    """One line, that quotes nothing of a key."""
    with pytest.raises(Invalid) as refused:
        check_pair(chain, key, now=NOW)
    assert said in refused.value.detail
    assert "\n" not in refused.value.detail


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"ends": timedelta(0)}, "it expired on 2030-06-01 00:00 UTC"),
        ({"begins": DAY}, "it is not valid before 2030-06-02 00:00 UTC"),
        ({"key": rsa.generate_private_key(65537, 1024)}, "RSA of 1024 bits"),
        ({"key": ec.generate_private_key(ec.SECP521R1())}, "secp521r1"),
        ({"key": ed25519.Ed25519PrivateKey.generate()}, "neither RSA nor ECDSA"),
        ({"extensions": (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),)}, "it is not for servers"),
        ({"extensions": (x509.TLSFeature([x509.TLSFeatureType.status_request]),)}, "it must be stapled"),
    ],
)
def test_certificates_that_cannot_be_served_are_refused_in_a_sentence(more: dict[str, Any], said: str) -> None:
    """Dates, keys and uses."""
    pair = AUTHORITY.pair("shop.example", **more)
    with pytest.raises(Invalid) as refused:
        check_pair(pair.chain, pair.key, now=NOW)
    assert said in refused.value.detail


@pytest.mark.parametrize("names", [(), ("not a host",), ("*.*.example",)])
def test_a_certificate_without_host_names_is_refused(names: tuple[str, ...]) -> None:
    """A common name has not counted for years."""
    pair = AUTHORITY.pair(*names)
    with pytest.raises(Invalid, match="hold no host name"):
        check_pair(pair.chain, pair.key, now=NOW)


def test_an_encrypted_key_is_refused_with_the_command_that_helps() -> None:
    """Nobody is asked for a passphrase by a server."""
    key = ec.generate_private_key(ec.SECP256R1())
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()
    with pytest.raises(Invalid, match="openssl pkey"):
        check_pair(AUTHORITY.pair("shop.example", key=key).chain, encrypted, now=NOW)


def test_files_without_end_are_refused_before_they_are_read() -> None:
    """Whatever is in them."""
    with pytest.raises(TooLarge):
        check_pair("x" * (PEM_MAX + 1), PAIR.key, now=NOW)
    with pytest.raises(TooLarge):
        check_pair(PAIR.chain, "x" * (PEM_MAX + 1), now=NOW)


@given(st.text(max_size=200), st.integers(0, len(PAIR.chain)), st.integers(0, len(PAIR.chain)))
def test_no_damage_to_a_chain_is_more_than_a_sentence(noise: str, start: int, end: int) -> None:
    """Whatever is exchanged in the text: it is taken, because it was no part of a certificate, or refused."""
    with suppress(Invalid):
        check_pair(PAIR.chain[: min(start, end)] + noise + PAIR.chain[max(start, end) :], PAIR.key, now=NOW)


def test_the_root_can_speak_for_local_names_only() -> None:
    """Its constraints are critical: a client that trusts it takes no other name from it."""
    root = x509.load_pem_x509_certificate(make_root(NOW).chain_pem.encode())
    constraints = root.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    permitted = constraints.value.permitted_subtrees
    assert permitted is not None
    assert [each.value for each in permitted if isinstance(each, x509.DNSName)] == ["localhost", "local", "test"]
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


def test_what_it_issues_is_a_pair_that_could_be_uploaded() -> None:
    """The checks that hold for others hold for us."""
    root = make_root(NOW)
    leaf = issue("hello.localhost", root_pem=root.chain_pem, root_key_pem=root.key_pem, now=NOW)
    assert check_pair(leaf.chain_pem + root.chain_pem, leaf.key_pem, now=NOW) == replace(
        leaf,
        chain_pem=leaf.chain_pem + root.chain_pem,
        fingerprint=check_pair(leaf.chain_pem + root.chain_pem, leaf.key_pem, now=NOW).fingerprint,
    )
    assert leaf.not_after == NOW + LEAF_LIFETIME
    ssl.create_default_context(cadata=root.chain_pem)


def test_it_issues_nothing_for_other_names() -> None:
    """The first lock; the constraint in the root is the second."""
    root = make_root(NOW)
    with pytest.raises(Invalid, match="local names only"):
        issue("shop.example", root_pem=root.chain_pem, root_key_pem=root.key_pem, now=NOW)
