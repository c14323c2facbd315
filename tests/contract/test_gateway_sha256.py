"""SHA-256 in Lua, as Envoy runs it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnout.domain.errors import NotFound
from turnout.gateway.launch import find_envoy
from turnout.gateway.policies import keys

Hash = Callable[[list[bytes]], list[str]]

SCRIPT = (
    Path(keys.__file__).with_name("sha256.lua").read_text()
    + """
function envoy_on_request(handle)
  local function byte(hex) return string.char(tonumber(hex, 16)) end
  local hashes = {}
  for hex in string.gmatch(handle:headers():get("x-messages"), "[^,]+") do
    hashes[#hashes + 1] = sha256((string.gsub(string.sub(hex, 2), "%x%x", byte)))
  end
  handle:respond({[":status"] = "200"}, table.concat(hashes, ","))
end
"""
)
VECTORS = [  # FIPS 180-4 and its examples
    (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ),
    (
        b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
    ),
]


def config(admin: Path, port: int) -> str:
    """An Envoy that does nothing but hash."""
    kind = "type.googleapis.com/envoy.extensions.filters"
    lua = {"@type": f"{kind}.http.lua.v3.Lua", "default_source_code": {"inline_string": SCRIPT}}
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "x",
        "max_request_headers_kb": 96,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "x",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 404}}],
                }
            ]
        },
        "http_filters": [
            {"name": "lua", "typed_config": lua},
            {"name": "router", "typed_config": {"@type": f"{kind}.http.router.v3.Router"}},
        ],
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return json.dumps(
        {"admin": {"address": {"pipe": {"path": str(admin)}}}, "static_resources": {"listeners": [listener]}}
    )


@pytest.fixture(scope="module")
def hashes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hash]:
    """Asks a running Envoy for the hashes of some messages."""
    try:
        binary = find_envoy(os.environ)
    except NotFound as error:
        pytest.skip(error.detail)
    folder = tmp_path_factory.mktemp("envoy")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "envoy.json").write_text(config(folder / "admin", port))
    arguments = ["-c", str(folder / "envoy.json"), "--use-dynamic-base-id", "-l", "error"]
    envoy = subprocess.Popen([binary, *arguments], stderr=(folder / "log").open("wb"))
    transport = httpx.HTTPTransport(retries=8)  # it pauses between them: Envoy is there within some seconds
    with httpx.Client(transport=transport, base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

        def ask(messages: list[bytes]) -> list[str]:
            listed = ",".join(f"x{message.hex()}" for message in messages)
            answer = client.get("/", headers={"x-messages": listed})
            assert answer.status_code == 200, (folder / "log").read_text()
            return answer.text.split(",")

        yield ask
    envoy.terminate()
    envoy.wait()


def test_the_vectors_of_the_standard(hashes: Hash) -> None:
    """And a million times `a` is left to the lengths below: no header holds it."""
    assert hashes([message for message, _ in VECTORS]) == [digest for _, digest in VECTORS]


def test_every_length_around_the_borders_of_blocks(hashes: Hash) -> None:
    """Padding is where such code goes wrong."""
    messages = [bytes([length % 251]) * length for length in range(200)]
    assert hashes(messages) == [hashlib.sha256(message).hexdigest() for message in messages]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(st.binary(max_size=700), min_size=1, max_size=30))
def test_any_bytes(hashes: Hash, messages: list[bytes]) -> None:
    """The same as the hash that the store keeps."""
    assert hashes(messages) == [hashlib.sha256(message).hexdigest() for message in messages]
