"""Takes webhook deliveries, and writes a line of JSON for each to standard output.

    webhook_receiver.py ADDRESS:PORT

Signatures are verified with the standard library, by the key HOOK_KEY. What it answers is said
by lines of JSON on standard input, each for all deliveries from then on:
`{"status": 200, "headers": {}, "delay": 0.0}`; with "status" 0 it closes without an answer. The
first line of output is the port.
"""

import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time

KEY = os.environ["HOOK_KEY"].encode()
behaviour = {"status": 200, "headers": {}, "delay": 0.0}
printing = threading.Lock()


def say(line):
    with printing:
        print(json.dumps(line), flush=True)


def verified(signature, body):
    expected = "sha256=" + hmac.new(KEY, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, signature or "")


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        does = dict(behaviour)
        say(
            {
                "path": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "verified": verified(self.headers["x-heartbeat-signature"], body),
                "body": json.loads(body),
                "status": does["status"],
                "at": time.monotonic(),
            }
        )
        time.sleep(does["delay"])
        if not does["status"]:
            self.close_connection = True
            return
        self.send_response(does["status"])
        for name, value in does["headers"].items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # The other side has had enough.


def main():
    address, port = sys.argv[1].rsplit(":", 1)
    server = Server((address, int(port)), Receiver)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for line in sys.stdin:
        behaviour.update({"headers": {}, "delay": 0.0, **json.loads(line)})


main()
