"""The generated protobuf and gRPC code, imported in this one place.

Neither `xds-protos` nor `grpcio` ships type information; here they become `Any`, and nowhere else is an
ignore needed. The names are those of the xDS API.
"""

from __future__ import annotations

from typing import Any

import grpc as _grpc  # type: ignore[import-untyped, unused-ignore]  # grpcio has no py.typed
import grpc.aio as _aio  # type: ignore[import-untyped, unused-ignore]  # grpcio has no py.typed
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import base_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2, scoped_route_pb2
from envoy.extensions.filters.http.header_mutation.v3 import header_mutation_pb2
from envoy.extensions.retry.host.previous_hosts.v3 import previous_hosts_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
from google.protobuf import any_pb2, json_format  # type: ignore[import-untyped, unused-ignore]  # protobuf has no stubs

grpc: Any = _grpc
aio: Any = _aio

Any_: Any = any_pb2.Any
Cluster: Any = cluster_pb2.Cluster
ClusterLoadAssignment: Any = endpoint_pb2.ClusterLoadAssignment
RouteConfiguration: Any = route_pb2.RouteConfiguration
ScopedRouteConfiguration: Any = scoped_route_pb2.ScopedRouteConfiguration
PreviousHosts: Any = previous_hosts_pb2.PreviousHostsPredicate
RedirectAction: Any = route_components_pb2.RedirectAction
HeaderMutationPerRoute: Any = header_mutation_pb2.HeaderMutationPerRoute
HeaderValueOption: Any = base_pb2.HeaderValueOption
Secret: Any = secret_pb2.Secret
HttpProtocolOptions: Any = http_protocol_options_pb2.HttpProtocolOptions

DeltaDiscoveryRequest: Any = discovery_pb2.DeltaDiscoveryRequest
DeltaDiscoveryResponse: Any = discovery_pb2.DeltaDiscoveryResponse
add_ads_servicer: Any = ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server
AdsStub: Any = ads_pb2_grpc.AggregatedDiscoveryServiceStub

parse_dict: Any = json_format.ParseDict
message_to_dict: Any = json_format.MessageToDict
