"""A gRPC server on grpcio, the C-core implementation, with its health service.

Usage: grpcio_server.py ADDRESS OPTIONS, where OPTIONS are those of its channels, as JSON
such as {"grpc.max_connection_age_ms": 1000}. Prints the port. Each line of its input is
JSON, [SERVICE, STATUS], and has the service say that from then on.
"""

import concurrent.futures
import json
import sys

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


def main():
    address, options = sys.argv[1], json.loads(sys.argv[2])
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(max_workers=8),
        options=[("grpc.so_reuseport", 0), *options.items()],
    )
    # The server as a whole serves from the start.
    servicer = health.HealthServicer(experimental_non_blocking=True)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port(address)
    server.start()
    print(port, flush=True)
    for line in sys.stdin:
        service, status = json.loads(line)
        servicer.set(service, health_pb2.HealthCheckResponse.ServingStatus.Value(status))
    server.stop(None)


if __name__ == "__main__":
    main()
