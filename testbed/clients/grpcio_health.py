"""A gRPC health client on grpcio, the C-core implementation.

Usage: grpcio_health.py ADDRESS CALL TLS, where CALL is JSON with the keys method,
service, deadline_ms, metadata, messages and health_checked_ms. TLS is null, or JSON with the keys
server (its name), authority (a file) and shown: null, or the client's
certificate and key. Prints how the call ended as JSON.
"""

import itertools
import json
import pathlib
import sys
import time

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

STATUS_NAMES = health_pb2.HealthCheckResponse.ServingStatus.Name


def converse(stub, call, answer):
    """Makes the call, notes its messages in the answer, returns the gRPC call."""
    how = {
        "timeout": call["deadline_ms"] and call["deadline_ms"] / 1000,
        "metadata": [tuple(pair) for pair in call["metadata"]],
    }
    request = health_pb2.HealthCheckRequest(service=call["service"])
    if call["method"] == "Watch":
        watch = stub.Watch(request, **how)
        for message in itertools.islice(watch, call["messages"]):
            answer["statuses"].append(STATUS_NAMES(message.status))
        return watch
    if call["method"] == "List":
        listed, ended = stub.List.with_call(health_pb2.HealthListRequest(), **how)
        for service, health in listed.statuses.items():
            answer["services"][service] = STATUS_NAMES(health.status)
        return ended
    checked, ended = stub.Check.with_call(request, **how)
    answer["statuses"].append(STATUS_NAMES(checked.status))
    return ended


def text(value):
    """Metadata as text; binary values (names ending in -bin) as Latin-1."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def health_checking(service):
    """The service config of a client that watches the health of its servers.

    pick_first, the default, never does.
    """
    config = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": service},
    }
    return [("grpc.service_config", json.dumps(config))]


def stay_ready(channel, seconds):
    """Connects, and lets the time pass."""
    grpc.channel_ready_future(channel).result(timeout=10)
    time.sleep(seconds)


def open_channel(address, tls, more):
    """Opens a channel with more options; with TLS, HTTP/2 is agreed on by ALPN."""
    # Without retries and without a proxy, what comes back is what was sent.
    options = [("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0), *more]
    if tls is None:
        return grpc.insecure_channel(address, options)
    shown = tls["shown"] or {}
    pems = [shown[name].encode() if shown else None for name in ("key", "certificate")]
    authority = pathlib.Path(tls["authority"]).read_bytes()
    credentials = grpc.ssl_channel_credentials(authority, *pems)
    options.append(("grpc.ssl_target_name_override", tls["server"]))
    return grpc.secure_channel(address, credentials, options)


def main():
    """Makes the call that the command line tells."""
    address, call, tls = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
    answer = {"code": "OK", "message": "", "statuses": [], "services": {}}
    checked_ms = call["health_checked_ms"]
    more = [] if checked_ms is None else health_checking(call["service"])
    with open_channel(address, tls, more) as channel:
        if checked_ms is not None:
            stay_ready(channel, checked_ms / 1000)
        start = time.monotonic()
        try:
            ended = converse(health_pb2_grpc.HealthStub(channel), call, answer)
            # A Watch that goes on has no trailing metadata yet.
            watching = len(answer["statuses"]) == call["messages"] and call["method"] == "Watch"
            trailing = () if watching else ended.trailing_metadata()
            if call["method"] == "Watch" and not watching:
                answer["code"], answer["message"] = ended.code().name, ended.details()
        except grpc.RpcError as error:
            ended, trailing = error, error.trailing_metadata()
            answer["code"], answer["message"] = error.code().name, error.details()
        answer["elapsed_ms"] = round((time.monotonic() - start) * 1000)
        pairs = [*(ended.initial_metadata() or ()), *(trailing or ())]
        answer["metadata"] = [[name, text(value)] for name, value in pairs]
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
