"""Serves the folder `site` on $PORT. Like `python -m http.server`, with a tidy end."""

import os
import signal
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SITE = Path(__file__).with_name("site")


class Server(ThreadingHTTPServer):
    daemon_threads = False  # stopping waits for the files that are on their way
    request_queue_size = 128


def main() -> None:
    address = os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "3000"))
    with Server(address, partial(SimpleHTTPRequestHandler, directory=str(SITE))) as server:

        def stop_soon(*_: object) -> None:
            # shutdown() waits for the loop below, which this signal has interrupted: ask from elsewhere.
            threading.Thread(target=server.shutdown).start()

        signal.signal(signal.SIGTERM, stop_soon)
        signal.signal(signal.SIGINT, stop_soon)
        print(f"static-site listens on port {server.server_port}", flush=True)
        server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
