"""The xDS server: carries messages between Envoys and their conversations, and decides nothing.

Delta ADS over gRPC, as the xDS protocol describes it. Streams are accepted from the start, but nothing is
said on them before the state is loaded: an Envoy that reconnects to a server that knows nothing yet must
not be told that everything is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from turnout.domain.errors import Unavailable
from turnout.gateway import protos
from turnout.gateway.conversation import Conversation, Effect
from turnout.gateway.handshakes import Handshakes
from turnout.gateway.messages import Push
from turnout.gateway.resources import Kind
from turnout.gateway.scribe import Connected, Disconnected, Scribe
from turnout.gateway.secrets import Secrets
from turnout.gateway.state import Changes, State
from turnout.gateway.verdicts import Acknowledged

log = logging.getLogger(__name__)

_GRPC_OPTIONS: Final = [
    # Two servers on one port would share the gateways between them, silently.
    ("grpc.so_reuseport", 0),
    # A gateway that reconnects names every resource it has: far over the default of 4 MiB with many projects.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    # Envoy pings us and we ping Envoy, so that a machine that vanished is noticed within 15 seconds.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayStatus:
    """One connected gateway."""

    gateway_id: str
    region: str
    generation: int | None
    """What it acknowledged last on this connection."""


class _Stream:
    """One open stream. Everything touching it runs on the event loop, so nothing is locked."""

    def __init__(self, *, gateway_id: str, region: str, conversation: Conversation, handshakes: Handshakes) -> None:
        self.gateway_id = gateway_id
        self.region = region
        self.conversation = conversation
        self.handshakes = handshakes
        self.outgoing: asyncio.Queue[Push] = asyncio.Queue()
        self.generation: int | None = None


class AdsServer:
    """Serves the state to every Envoy that connects, and notes what they answer."""

    def __init__(
        self,
        *,
        state: State,
        scribe: Scribe,
        secrets: Secrets,
        listen: str,
        authorise: Callable[[str], bool] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`listen` is `host:port` (port 0: any free one) or `unix:/path`.

        With `authorise`, a stream is refused unless it brings `authorization: Bearer <token>` and the
        callable says yes to the token.
        """
        self._state = state
        self._scribe = scribe
        self._secrets = secrets
        self._listen = listen
        self._authorise = authorise
        self._clock = clock
        self._streams: list[_Stream] = []
        self._since: dict[str, datetime] = {}
        """When each gateway connected."""
        self._loaded = asyncio.Event()
        self._server: Any = None
        self.address = listen
        """Where it really listens, once started."""
        self.sent = 0
        """Resources sent and removed so far, over all streams."""

    async def start(self) -> None:
        """Open the port. Raises Unavailable when somebody else has it."""
        self._server = protos.aio.server(options=_GRPC_OPTIONS)
        protos.add_ads_servicer(self, self._server)
        try:
            port = self._server.add_insecure_port(self._listen)
        except RuntimeError as error:
            raise Unavailable(f"cannot listen on {self._listen} for gateways: {error}") from None
        if not self._listen.startswith("unix:"):
            self.address = f"{self._listen.rpartition(':')[0]}:{port}"
        await self._server.start()

    async def stop(self) -> None:
        """Close all streams and the port. Envoys go on serving what they have."""
        if self._server is not None:
            await self._server.stop(grace=0)

    def publish(self, changes: Changes) -> None:
        """Bring every connected gateway to the state, which is newer by these changes."""
        self._loaded.set()
        lost = {name for keys in changes.dropped.values() for kind, name in keys if kind is Kind.SCOPE}
        for stream in self._streams:
            self._carry_out(stream, stream.conversation.changed(changes))
            if changes.certificates or lost:
                again = stream.handshakes.look_again(lambda host: host in lost or changes.certificates.concerns(host))
                self._carry_out(stream, again)

    def look_again(self) -> None:
        """Time has passed: certificates end, and others take their place."""
        for stream in self._streams:
            self._carry_out(stream, stream.handshakes.look_again())

    def status(self) -> tuple[GatewayStatus, ...]:
        """The gateways that are connected now."""
        return tuple(
            GatewayStatus(gateway_id=stream.gateway_id, region=stream.region, generation=stream.generation)
            for stream in self._streams
        )

    async def DeltaAggregatedResources(self, _requests: Any, context: Any) -> None:  # noqa: N802  # gRPC's name
        """One stream of one Envoy."""
        await self._admit(context)
        first = await context.read()
        if first is protos.aio.EOF:
            return
        await self._loaded.wait()
        stream = _Stream(
            gateway_id=first.node.id,
            region=first.node.locality.region,
            conversation=Conversation(self._state),
            handshakes=Handshakes(self._secrets),
        )
        self._opened(stream)
        writer = asyncio.create_task(self._write(stream, context))
        try:
            request = first
            while request is not protos.aio.EOF:
                self._hear(stream, request)
                request = await context.read()
        finally:
            writer.cancel()
            with suppress(asyncio.CancelledError):
                await writer
            self._closed(stream)

    async def StreamAggregatedResources(self, _requests: Any, context: Any) -> None:  # noqa: N802  # gRPC's name
        """State of the world, the older variant: it would cost what exists at every change."""
        await context.abort(protos.grpc.StatusCode.UNIMPLEMENTED, "set api_type to DELTA_GRPC")

    async def _admit(self, context: Any) -> None:
        if self._authorise is None:
            return
        metadata = {name.lower(): value for name, value in context.invocation_metadata() or ()}
        scheme, _, token = str(metadata.get("authorization", "")).partition(" ")
        if scheme.lower() != "bearer" or not self._authorise(token):
            await context.abort(protos.grpc.StatusCode.UNAUTHENTICATED, "this gateway's token is not known")

    def _opened(self, stream: _Stream) -> None:
        # An Envoy that lost its connection may be back before we notice the loss: its id is then here twice.
        if not self._is_connected(stream.gateway_id):
            self._since[stream.gateway_id] = self._clock()
            self._scribe.note(stream.gateway_id, Connected(region=stream.region), self._since[stream.gateway_id])
        self._streams.append(stream)
        log.info("gateway %s connected from region %s", stream.gateway_id, stream.region or "-")

    def _closed(self, stream: _Stream) -> None:
        self._streams.remove(stream)
        if not self._is_connected(stream.gateway_id):
            # Not before it began, even if the clock was set back: the end of an older connection is ignored.
            at = max(self._clock(), self._since.pop(stream.gateway_id))
            self._scribe.note(stream.gateway_id, Disconnected(), at)
        log.info("gateway %s disconnected", stream.gateway_id)

    def _is_connected(self, gateway_id: str) -> bool:
        return any(stream.gateway_id == gateway_id for stream in self._streams)

    def _hear(self, stream: _Stream, request: Any) -> None:
        """Take one request apart into events. One message may answer, subscribe and unsubscribe at once."""
        try:
            kind = Kind(request.type_url)
        except ValueError:
            log.warning("gateway %s asks for %s, which there is none of", stream.gateway_id, request.type_url)
            return
        conversation = stream.handshakes if kind is Kind.SECRET else stream.conversation
        if request.response_nonce:
            if request.HasField("error_detail"):
                error = request.error_detail.message
                log.error("gateway %s refused %s: %s", stream.gateway_id, kind.name.lower(), error)
                self._carry_out(stream, conversation.nack(request.response_nonce, error))
            else:
                self._carry_out(stream, conversation.ack(request.response_nonce))
        if request.resource_names_unsubscribe:
            self._carry_out(stream, conversation.unsubscribe(kind, request.resource_names_unsubscribe))
        if request.resource_names_subscribe or not request.response_nonce:
            held = dict(request.initial_resource_versions)
            self._carry_out(stream, conversation.subscribe(kind, request.resource_names_subscribe, held))

    def _carry_out(self, stream: _Stream, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Push):
                stream.outgoing.put_nowait(effect)
                continue
            if isinstance(effect, Acknowledged):
                stream.generation = effect.generation
            self._scribe.note(stream.gateway_id, effect, self._clock())

    async def _write(self, stream: _Stream, context: Any) -> None:
        while True:
            push = await stream.outgoing.get()
            self.sent += len(push.resources) + len(push.removed)
            await context.write(_response(push))


def _response(push: Push) -> Any:
    response = protos.DeltaDiscoveryResponse(type_url=push.kind, nonce=push.nonce, removed_resources=push.removed)
    for resource in push.resources:
        entry = response.resources.add(name=resource.name, version=resource.version)
        entry.resource.type_url, entry.resource.value = resource.kind, resource.body
    return response
