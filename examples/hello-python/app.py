"""A small web app with nothing but the standard library, and what a good guest of any platform does:

it listens on $PORT, says whether it is healthy, and on SIGTERM finishes what it has begun.
"""

import contextlib
import json
import os
import signal
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import websocket

VERSION = Path(__file__).with_name("VERSION").read_text().strip()


class Handler(BaseHTTPRequestHandler):
    """One instance, in one thread, per connection; a connection carries many requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the body of each answer waits up to 40 ms for the client's TCP
    server: "Server"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        route = ROUTES.get(url.path)
        if route is None:
            self.answer("not found\n", status=HTTPStatus.NOT_FOUND)
            return
        try:
            route(self)
        except ValueError as error:
            self.answer(f"{error}\n", status=HTTPStatus.BAD_REQUEST)

    def do_HEAD(self) -> None:
        self.do_GET()

    # --- one method per page ---

    def hello(self) -> None:
        self.answer(f"hello from {VERSION}\n")

    def health(self) -> None:
        self.answer("ok\n")

    def openapi(self) -> None:
        self.answer(json.dumps(OPENAPI), content_type="application/json")

    def slow(self) -> None:
        """Answers after ?seconds=; a deploy in the meantime must not cut it off."""
        seconds = self.number("seconds", default=2, most=60)
        time.sleep(seconds)
        self.answer(f"hello from {VERSION}, after {seconds:g} s\n")

    def stream(self) -> None:
        """Sends ?lines= lines, one every 100 ms, each as soon as it is there."""
        lines = int(self.number("lines", default=10, most=6000))
        self.start(HTTPStatus.OK, "text/plain; charset=utf-8", {"Transfer-Encoding": "chunked"})
        if self.command == "HEAD":
            return
        for number in range(1, lines + 1):
            line = f"line {number} from {VERSION}\n".encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
            time.sleep(0.1)
        self.wfile.write(b"0\r\n\r\n")

    def websocket(self) -> None:
        """Sends back every message it gets."""
        try:
            headers = websocket.accept(self.command, self.headers)
        except websocket.NotAWebSocket as refusal:
            self.answer(f"{refusal}\n", status=refusal.status, headers=refusal.headers)
            return
        self.start(HTTPStatus.SWITCHING_PROTOCOLS, None, headers)
        self.close_connection = True
        websocket.echo(self.rfile, self.wfile)

    # --- what the pages use ---

    def number(self, name: str, *, default: float, most: float) -> float:
        try:
            value = float(self.query.get(name, default))
        except ValueError:
            value = -1
        if not 0 <= value <= most:
            raise ValueError(f"{name} has to be a number from 0 to {most:g}")
        return value

    def answer(
        self,
        body: str,
        *,
        status: HTTPStatus = HTTPStatus.OK,
        content_type: str = "text/plain; charset=utf-8",
        headers: dict[str, str] | None = None,
    ) -> None:
        content = body.encode()
        self.start(status, content_type, {"Content-Length": str(len(content)), **(headers or {})})
        if self.command != "HEAD":
            self.wfile.write(content)

    def start(self, status: HTTPStatus, content_type: str | None, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("X-Hello-Version", VERSION)
        if content_type is not None:
            self.send_header("Content-Type", content_type)
            if self.server.draining:
                self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
        if urlsplit(getattr(self, "path", "")).path != "/healthz":
            print(f"{self.address_string()} {format % args}", flush=True)


class Server(ThreadingHTTPServer):
    """A server that can stop without breaking off anything."""

    daemon_threads = False  # stopping waits for every request that has begun
    request_queue_size = 128

    def __init__(self, address: tuple[str, int]) -> None:
        self.draining = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # the base class asks the DNS for our name, which may hang
        self.server_name, self.server_port = self.server_address[:2]

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that went away is no error of ours
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Take nothing new, let every open connection finish its answer, then return."""
        self.draining = True
        self.socket.close()
        with self._lock:
            for connection in self._open:
                # Only our reading ends: who idles sees the end, who answers goes on writing.
                with contextlib.suppress(OSError):  # the client was faster
                    connection.shutdown(socket.SHUT_RD)
        self.server_close()


ROUTES: dict[str, Callable[[Handler], None]] = {
    "/": Handler.hello,
    "/healthz": Handler.health,
    "/openapi.json": Handler.openapi,
    "/slow": Handler.slow,
    "/stream": Handler.stream,
    "/ws": Handler.websocket,
}


def operation(summary: str, parameter: str | None = None) -> dict[str, object]:
    parameters = [{"name": parameter, "in": "query", "schema": {"type": "number", "minimum": 0}}]
    return {
        "get": {
            "summary": summary,
            "parameters": parameters if parameter else [],
            "responses": {"200": {"description": "OK", "content": {"text/plain": {}}}},
        }
    }


OPENAPI = {
    "openapi": "3.1.0",
    "info": {"title": "hello", "version": VERSION},
    "paths": {
        "/": operation("Says hello, and from which version"),
        "/healthz": operation("Says whether the app can serve"),
        "/slow": operation("Answers after some seconds", "seconds"),
        "/stream": operation("Sends a line every 100 ms", "lines"),
    },
}


def main() -> None:
    server = Server((os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "3000"))))

    def stop_soon(*_: object) -> None:
        # shutdown() waits for the loop below, which this signal has interrupted: ask from elsewhere.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop_soon)
    signal.signal(signal.SIGINT, stop_soon)
    print(f"hello {VERSION} listens on {server.server_name}:{server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.05)
    print("stopping: finishing what has begun", flush=True)
    server.stop()
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
