"""The server's half of the WebSocket protocol (RFC 6455), as far as an echo needs it: no extensions."""

import base64
import binascii
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
GOING_AWAY, PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1001, 1002, 1007, 1009

MOST = 1024 * 1024  # bytes of one message
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # section 1.3


class NotAWebSocket(Exception):
    """The request does not open a WebSocket."""

    def __init__(self, reason: str, status: HTTPStatus, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.headers = status, headers or {}


class Violation(Exception):
    """The client broke the protocol; the connection ends with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True)
class Frame:
    """One frame, unmasked."""

    final: bool
    opcode: int
    payload: bytes


def accept(method: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of the 101 answer (section 4.2). Raises NotAWebSocket."""
    connection = [word.strip().lower() for word in headers.get("Connection", "").split(",")]
    if method != "GET" or headers.get("Upgrade", "").lower() != "websocket" or "upgrade" not in connection:
        wanted = {"Connection": "Upgrade", "Upgrade": "websocket"}
        raise NotAWebSocket("this page is a WebSocket", HTTPStatus.UPGRADE_REQUIRED, wanted)
    if headers.get("Sec-WebSocket-Version") != "13":
        wanted = {"Sec-WebSocket-Version": "13"}
        raise NotAWebSocket("this WebSocket speaks version 13", HTTPStatus.UPGRADE_REQUIRED, wanted)
    key = headers.get("Sec-WebSocket-Key", "").strip()
    try:
        valid = len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        valid = False
    if not valid:
        raise NotAWebSocket("Sec-WebSocket-Key has to be 16 bytes in base64", HTTPStatus.BAD_REQUEST)
    # The protocol asks for SHA-1 here; nothing secret depends on it.
    digest = hashlib.sha1(key.encode() + GUID, usedforsecurity=False).digest()
    return {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": base64.b64encode(digest).decode(),
    }


def echo(incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """Send every message back until one side closes. Returns when the connection is done with."""
    try:
        outgoing.write(frame(CLOSE, _echo_until_close(incoming, outgoing)))
    except Violation as violation:
        outgoing.write(frame(CLOSE, struct.pack("!H", violation.code) + violation.reason.encode()))
    except EOFError:  # the client left without a word, or this server is stopping
        outgoing.write(frame(CLOSE, struct.pack("!H", GOING_AWAY)))


def _echo_until_close(incoming: BinaryIO, outgoing: BinaryIO) -> bytes:
    """Returns the payload to close with."""
    opcode, message = CONTINUATION, b""
    while True:
        got = read_frame(incoming)
        if got.opcode == CLOSE:
            return checked_close(got.payload)
        if got.opcode == PING:
            outgoing.write(frame(PONG, got.payload))
        elif got.opcode != PONG:  # a part of a message; control frames may come in between (section 5.4)
            if (got.opcode == CONTINUATION) != bool(opcode):
                raise Violation(PROTOCOL_ERROR, "a message begins inside another, or goes on without a beginning")
            opcode, message = opcode or got.opcode, message + got.payload
            if len(message) > MOST:
                raise Violation(TOO_BIG, f"a message may have {MOST} bytes")
            if got.final:
                if opcode == TEXT:
                    _utf8(message)
                outgoing.write(frame(opcode, message))
                opcode, message = CONTINUATION, b""


def read_frame(incoming: BinaryIO) -> Frame:
    """Section 5.2. Raises Violation and EOFError."""
    first, second = _exactly(incoming, 2)
    final, opcode, length = bool(first & 0x80), first & 0x0F, second & 0x7F
    if first & 0x70 or opcode not in {CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG}:
        raise Violation(PROTOCOL_ERROR, "unknown kind of frame")
    if not second & 0x80:
        raise Violation(PROTOCOL_ERROR, "a client has to mask its frames")
    if opcode >= CLOSE and (length > 125 or not final):
        raise Violation(PROTOCOL_ERROR, "a control frame is short and in one piece")
    if length == 126:
        (length,) = struct.unpack("!H", _exactly(incoming, 2))
    elif length == 127:
        (length,) = struct.unpack("!Q", _exactly(incoming, 8))
    if length > MOST:
        raise Violation(TOO_BIG, f"a message may have {MOST} bytes")
    mask = _exactly(incoming, 4)
    masked = _exactly(incoming, length)
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")  # one XOR of big numbers: no loop over bytes
    return Frame(final, opcode, (int.from_bytes(masked, "big") ^ key).to_bytes(length, "big"))


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole message as the server sends it: in one piece, not masked."""
    if len(payload) < 126:
        head = struct.pack("!BB", 0x80 | opcode, len(payload))
    elif len(payload) < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, 126, len(payload))
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, len(payload))
    return head + payload


def checked_close(payload: bytes) -> bytes:
    """The client's closing code, to be sent back (sections 5.5.1 and 7.4). Raises Violation."""
    if not payload:
        return b""
    code = struct.unpack("!H", payload[:2])[0] if len(payload) > 1 else 0
    if not (1000 <= code <= 1014 and code not in {1004, 1005, 1006}) and not 3000 <= code <= 4999:
        raise Violation(PROTOCOL_ERROR, "no valid closing code")
    _utf8(payload[2:])
    return payload[:2]


def _utf8(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError:
        raise Violation(NOT_UTF8, "text has to be UTF-8") from None


def _exactly(incoming: BinaryIO, length: int) -> bytes:
    data = incoming.read(length)
    if len(data) < length:
        raise EOFError
    return data
