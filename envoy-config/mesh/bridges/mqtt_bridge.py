#!/usr/bin/env python3
"""Posts the health events that an MQTT broker carries to the hub.

Each message of the topics is one event, as JSON. Of what the hub wants a device may leave
out:

  timestamp_ns   is always when the bridge got the message (see --timestamps)
  probe_method   is "heartbeat"
  service        is what --service says, or needless where the hub has but one
  instance_id    is the last level of the topic, with --instance-from-topic

so that `{"status": "pass"}` on the topic health/10.9.0.7:8080 is enough. A device gives the
broker `{"status": "fail"}` for the same topic as its last will: when it vanishes, the
broker speaks for it.
"""

import argparse
import collections
import http.client
import json
import logging
import os
import random
import signal
import ssl
import sys
import threading
import time
import urllib.parse

try:
    from paho.mqtt import client as mqtt
except ImportError:
    sys.exit("mqtt_bridge: no paho-mqtt: python3 -m pip install 'paho-mqtt>=2.1,<3'")

log = logging.getLogger("mqtt_bridge")

EXAMPLES = """\
examples:
  # A broker and a hub on this machine, devices that publish on health/<ip:port>:
  mqtt_bridge.py --broker localhost --topic 'health/+' --instance-from-topic \\
      --hub http://localhost:8080

  # Two hubs, each of which hears everything; certificates to all three:
  mqtt_bridge.py --broker broker.example --broker-tls --broker-ca ca.pem \\
      --topic 'plant-7/health/#' --service payments \\
      --hub https://hub-1.example:8443 --hub https://hub-2.example:8443 \\
      --hub-ca ca.pem --hub-cert edge.pem --hub-key edge-key.pem

environment:
  MQTT_USERNAME, MQTT_PASSWORD   for a broker that asks for them

The hub has to know the bridge as one source ("allow" in the hub's configuration: by the
bridge's certificate or its address), with "beat" where devices speak at a pace. It ends by
SIGTERM or SIGINT, after what it holds has been posted or --grace is over, with 0.
"""

# What comes from devices is bounded before it is parsed.
MAX_PAYLOAD = 8 * 1024
MAX_BODY = 200 * 1024
FIRST_BACKOFF, LAST_BACKOFF = 0.1, 5.0
# A hub may ask for a pause, not for silence.
LAST_RETRY_AFTER = 60.0
# A new connection reads the certificates anew: those that were renewed are used by then.
CONNECTION_AGE = 600.0
# The same complaint is logged once in so many seconds.
COMPLAIN_EVERY = 10.0


class Refused(ValueError):
    """A message that is no event; its text says why."""


class Complaints:
    """Logs a complaint at once, and then how often it has come since."""

    def __init__(self):
        self._lock = threading.Lock()
        self._since = {}

    def warn(self, kind, message):
        now = time.monotonic()
        with self._lock:
            last, unsaid = self._since.get(kind, (None, 0))
            if last is not None and now - last < COMPLAIN_EVERY:
                self._since[kind] = (last, unsaid + 1)
                return
            self._since[kind] = (now, 0)
        more = f" (and {unsaid} more like it before)" if unsaid else ""
        log.warning("%s%s", message, more)


class Counts:
    """What became of messages, for the report."""

    def __init__(self):
        self._lock = threading.Lock()
        self._counts = collections.Counter()

    def add(self, what, number=1):
        with self._lock:
            self._counts[what] += number

    def take(self):
        with self._lock:
            counts, self._counts = self._counts, collections.Counter()
        return counts


def no_constant(text):
    raise Refused(f"{text} is no JSON")


def event_of(topic, payload, options, now_ns):
    """The event in a message: (instance, one line of JSON)."""
    if len(payload) > MAX_PAYLOAD:
        raise Refused(f"{len(payload)} bytes, and {MAX_PAYLOAD} at most")
    try:
        event = json.loads(payload, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(f"no JSON: {error}") from None
    if not isinstance(event, dict):
        raise Refused("no JSON object")
    if options.instance_from_topic:
        said, instance = event.get("instance_id"), topic.rsplit("/", 1)[-1]
        if said not in (None, instance):
            raise Refused(f"says {said!r:.140} on the topic of another")
        event["instance_id"] = instance
    instance = event.get("instance_id")
    if not isinstance(instance, str) or not 1 <= len(instance) <= 128:
        raise Refused("has no instance_id of 1 to 128 characters")
    if options.service is not None:
        event["service"] = options.service
    if options.timestamps == "arrival" or event.get("timestamp_ns") is None:
        event["timestamp_ns"] = str(now_ns)
    event.setdefault("probe_method", "heartbeat")
    key = (str(event.get("service")), instance)
    return key, json.dumps(event, separators=(",", ":"))


class Buffer:
    """What waits to be posted: one word for each instance, the newest, in the order in
    which their first words came. It holds so many instances at most; then whoever waits
    longest is dropped."""

    def __init__(self, bound, counts):
        self._bound = bound
        self._counts = counts
        self._words = collections.OrderedDict()
        self._change = threading.Condition()

    def put(self, key, line):
        """Takes in a word; says whether there was room."""
        with self._change:
            if key in self._words:
                self._words[key] = line
                self._counts.add("superseded")
                return True
            room = len(self._words) < self._bound
            if not room:
                self._words.popitem(last=False)
                self._counts.add("dropped")
            self._words[key] = line
            self._change.notify()
            return room

    def put_back(self, batch):
        """Takes back what couldn't be posted, unless there is a newer word."""
        with self._change:
            for key, line in reversed(batch):
                if key in self._words:
                    self._counts.add("superseded")
                elif len(self._words) < self._bound:
                    self._words[key] = line
                    self._words.move_to_end(key, last=False)
                else:
                    self._counts.add("dropped")

    def take(self, most, linger, stopping):
        """Waits for a word, then for `linger` seconds or until there are `most`; takes
        the first of them. Nothing where the bridge is stopping and nothing is left."""
        with self._change:
            while not self._words:
                if stopping.is_set():
                    return []
                self._change.wait(0.2)
            end = time.monotonic() + linger
            while len(self._words) < most and not stopping.is_set():
                left = end - time.monotonic()
                if left <= 0:
                    break
                # Short, as nobody wakes it when the bridge is stopping.
                self._change.wait(min(left, 0.2))
            batch, size = [], 0
            while self._words and len(batch) < most:
                key, line = next(iter(self._words.items()))
                size += len(line) + 1
                if batch and size > MAX_BODY:
                    break
                batch.append((key, line))
                del self._words[key]
            return batch

    def __len__(self):
        with self._change:
            return len(self._words)


class Hub(threading.Thread):
    """Posts to one hub. Each has its own: one that hangs holds up no other."""

    def __init__(self, url, options, stopping, counts, complaints):
        super().__init__(name=url.geturl(), daemon=True)
        self.buffer = Buffer(options.buffer, counts)
        self._url, self._options, self._stopping = url, options, stopping
        self._counts, self._complaints = counts, complaints
        self._most = options.batch
        self._connection, self._since = None, 0.0
        self._well = None

    def run(self):
        backoff = FIRST_BACKOFF
        while True:
            batch = self.buffer.take(self._most, self._options.linger, self._stopping)
            if not batch:
                break
            pause = self._deliver(batch)
            if pause is None:
                backoff = FIRST_BACKOFF
                continue
            # Bridges that wait for the same hub don't come back all at once.
            pause = max(pause, backoff) * random.uniform(1.0, 1.25)
            backoff = min(2 * backoff, LAST_BACKOFF)
            if self._stopping.wait(min(pause, LAST_RETRY_AFTER)):
                time.sleep(FIRST_BACKOFF)
        self._close()

    def _deliver(self, batch):
        """Posts a batch; how long to wait before the next where it has to be posted
        again, else None."""
        try:
            status, retry_after, body = self._post(batch)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._close()
            self._is_well(False, f"{type(error).__name__}: {error}")
            self.buffer.put_back(batch)
            return 0.0
        if status == 202:
            self._is_well(True, "takes events")
            self._most = min(self._options.batch, self._most * 2)
            self._taken(batch, body)
            return None
        said = f"{status} {body[:300].decode(errors='replace').strip()}"
        if status == 413 and len(batch) > 1:
            self._most = max(1, len(batch) // 2)
            self._complaints.warn((self.name, 413), f"hub {self.name}: {said}: smaller batches")
            self.buffer.put_back(batch)
            return 0.0
        if status in (400, 413):
            self._counts.add("refused", len(batch))
            self._complaints.warn((self.name, 400), f"hub {self.name}: {said}: events left out")
            return None
        # Everything else can get well: the hub, its configuration, or what is between.
        self._is_well(False, said)
        self.buffer.put_back(batch)
        return retry_after

    def _post(self, batch):
        if self._connection and time.monotonic() - self._since > CONNECTION_AGE:
            self._close()
        if self._connection is None:
            self._connection, self._since = self._connect(), time.monotonic()
        body = "".join(line + "\n" for _, line in batch).encode()
        path = self._url.path.rstrip("/") + "/mesh/v1/health/events"
        self._connection.request("POST", path, body, {"content-type": "application/x-ndjson"})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.will_close:
            self._close()
        return answer.status, seconds_of(answer.getheader("retry-after")), body

    def _connect(self):
        options, timeout = self._options, self._options.timeout
        if self._url.scheme == "http":
            return http.client.HTTPConnection(self._url.hostname, self._url.port, timeout=timeout)
        context = tls_context(options.hub_ca, options.hub_cert, options.hub_key)
        return http.client.HTTPSConnection(
            self._url.hostname, self._url.port, timeout=timeout, context=context
        )

    def _taken(self, batch, body):
        try:
            refused = json.loads(body)["refused"]
            for entry in refused[:3]:
                key, _ = batch[entry["index"]]
                field = entry.get("field") or "event"
                why = f"{key[1]}: {field} {entry['reason']}"
                self._complaints.warn((self.name, field), f"hub {self.name} refuses {why}")
        except (ValueError, KeyError, TypeError, IndexError):
            self._complaints.warn(self.name, f"hub {self.name} answers 202 {body[:100]!r}")
            refused = []
        self._counts.add("refused", len(refused))
        self._counts.add("accepted", len(batch) - len(refused))

    def _is_well(self, well, why):
        if well != self._well:
            log.log(logging.INFO if well else logging.WARNING, "hub %s: %s", self.name, why)
        elif not well:
            self._complaints.warn((self.name, "down"), f"hub {self.name}: still {why}")
        self._well = well

    def _close(self):
        if self._connection:
            self._connection.close()
            self._connection = None


def seconds_of(retry_after):
    """A Retry-After in seconds; 0 where there is none, or a date."""
    try:
        return max(0.0, float(retry_after))
    except (TypeError, ValueError):
        return 0.0


def tls_context(ca, cert, key):
    context = ssl.create_default_context(cafile=ca)
    if cert:
        context.load_cert_chain(cert, key)
    return context


class Bridge:
    """The broker's side: hands each message to all hubs."""

    def __init__(self, options):
        self._options = options
        self._stopping = threading.Event()
        self._counts, self._complaints = Counts(), Complaints()
        self._hubs = [
            Hub(url, options, self._stopping, self._counts, self._complaints)
            for url in options.hub
        ]
        self._client = self._mqtt_client()

    def _mqtt_client(self):
        options = self._options
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=options.client_id or "",
            clean_session=not options.keep_session,
        )
        if user := os.environ.get("MQTT_USERNAME"):
            client.username_pw_set(user, os.environ.get("MQTT_PASSWORD"))
        if options.broker_tls:
            self._context = tls_context(options.broker_ca, options.broker_cert, options.broker_key)
            client.tls_set_context(self._context)
        client.reconnect_delay_set(1, 10)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.on_message = self._on_message
        return client

    def run(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        for hub in self._hubs:
            hub.start()
        self._client.connect_async(self._options.broker, self._options.broker_port, keepalive=15)
        self._client.loop_start()
        while not self._stopping.wait(self._options.report):
            self._report()
        return self._end()

    def _end(self):
        self._client.disconnect()
        self._client.loop_stop()
        end = time.monotonic() + self._options.grace
        for hub in self._hubs:
            hub.join(max(0.0, end - time.monotonic()))
        self._report()
        left = sum(len(hub.buffer) for hub in self._hubs)
        log.info("ends%s", f"; {left} words couldn't be posted" if left else "")
        return 0

    def _report(self):
        counts = self._counts.take()
        words = [f"{counts[it]} {it}" for it in ("received", "accepted", "refused", "superseded",
                                                "retained", "dropped") if counts[it]]
        if words:
            log.info("since the last report: %s", ", ".join(words))

    def _broker(self):
        return f"broker {self._options.broker}:{self._options.broker_port}"

    def _on_connect(self, client, _userdata, _flags, reason, _properties):
        if reason.is_failure:
            self._complaints.warn("refused", f"{self._broker()} refuses: {reason}")
            return
        log.info("%s: connected", self._broker())
        client.subscribe([(topic, self._options.qos) for topic in self._options.topic])

    def _on_subscribe(self, _client, _userdata, _mid, reasons, _properties):
        for topic, reason in zip(self._options.topic, reasons):
            if reason.is_failure:
                log.error("%s refuses the topic %s: %s", self._broker(), topic, reason)
            else:
                log.info("%s: subscribed to %s", self._broker(), topic)

    def _on_connect_fail(self, _client, _userdata):
        self._complaints.warn("unreachable", f"{self._broker()}: can't be reached")

    def _on_disconnect(self, _client, _userdata, _flags, reason, _properties):
        if self._stopping.is_set():
            return
        self._complaints.warn("lost", f"{self._broker()}: connection lost: {reason}")
        if self._options.broker_cert:
            # What was renewed is read before the next connection.
            try:
                self._context.load_cert_chain(self._options.broker_cert, self._options.broker_key)
            except (OSError, ssl.SSLError) as error:
                log.error("%s: %s", self._options.broker_cert, error)

    def _on_message(self, _client, _userdata, message):
        self._counts.add("received")
        if message.retain and self._options.retained == "ignore":
            self._counts.add("retained")
            return
        try:
            key, line = event_of(message.topic, message.payload, self._options, time.time_ns())
        except Refused as error:
            self._counts.add("refused")
            self._complaints.warn("message", f"a message on {message.topic!r:.200} {error}")
            return
        for hub in self._hubs:
            if not hub.buffer.put(key, line):
                self._complaints.warn(hub.name, f"hub {hub.name}: the buffer is full")


def options_of(arguments):
    parser = argparse.ArgumentParser(
        prog="mqtt_bridge.py",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    broker = parser.add_argument_group("the broker")
    add = broker.add_argument
    add("--broker", required=True, metavar="HOST", help="where it is")
    add("--broker-port", type=int, metavar="PORT", help="default: 1883, with --broker-tls 8883")
    add("--topic", required=True, action="append", metavar="FILTER",
        help="what to subscribe to, such as 'health/+'; may be given several times")
    add("--qos", type=int, choices=(0, 1), default=1, help="default: 1")
    add("--client-id", metavar="ID", help="default: one that the broker gives")
    add("--keep-session", action="store_true",
        help="have the broker keep what comes while this bridge is away; needs --client-id")
    add("--broker-tls", action="store_true", help="speak TLS to the broker")
    add("--broker-ca", metavar="FILE", help="who may have certified it; default: the system's")
    add("--broker-cert", metavar="FILE", help="the bridge's certificate, where it asks for one")
    add("--broker-key", metavar="FILE", help="and its key")

    messages = parser.add_argument_group("the messages")
    add = messages.add_argument
    add("--service", metavar="NAME", help="the service of all events, whatever they say")
    add("--instance-from-topic", action="store_true",
        help="the last level of the topic is the instance, and an event that names another "
             "is left out: with an access list by topic in the broker no device can speak "
             "for another")
    add("--timestamps", choices=("arrival", "device"), default="arrival",
        help="arrival (default): the bridge's clock, in the order in which messages come; "
             "right for last wills, which were written long before. device: what the event "
             "says, where it says one")
    add("--retained", choices=("ignore", "take"), default="ignore",
        help="what was published before the bridge came, nobody knows when: ignore it "
             "(default), or take it for news: right where devices retain all that they say "
             "and their wills, too")

    hubs = parser.add_argument_group("the hubs")
    add = hubs.add_argument
    add("--hub", required=True, action="append", type=hub_url, metavar="URL",
        help="such as https://hub.example:8443; may be given several times, and each hub "
             "hears everything")
    add("--hub-ca", metavar="FILE", help="who may have certified them; default: the system's")
    add("--hub-cert", metavar="FILE", help="the bridge's certificate: who it speaks for")
    add("--hub-key", metavar="FILE", help="and its key")
    add("--batch", type=positive, default=500, metavar="EVENTS",
        help="in one request, at most; the hub's limits.batch. Default: 500")
    add("--linger", type=seconds, default=0.05, metavar="SECONDS",
        help="how long a word waits for others at most. Default: 0.05")
    add("--buffer", type=positive, default=10000, metavar="INSTANCES",
        help="whose newest word is kept while a hub can't be reached. Default: 10000")
    add("--timeout", type=seconds, default=5.0, metavar="SECONDS",
        help="for an answer of a hub. Default: 5")
    add("--grace", type=seconds, default=3.0, metavar="SECONDS",
        help="to post what is left, at the end. Default: 3")

    parser.add_argument("--report", type=seconds, default=60.0, metavar="SECONDS",
                        help="how often counts are logged. Default: 60")
    options = parser.parse_args(arguments)
    if options.keep_session and not options.client_id:
        parser.error("--keep-session needs --client-id: by it the broker knows whose it is")
    for side in ("broker", "hub"):
        cert, key = getattr(options, f"{side}_cert"), getattr(options, f"{side}_key")
        if (cert is None) != (key is None):
            parser.error(f"--{side}-cert and --{side}-key belong together")
    tls = options.broker_tls
    if not tls and (options.broker_ca or options.broker_cert):
        parser.error("--broker-ca and --broker-cert say nothing without --broker-tls")
    if options.broker_port is None:
        options.broker_port = 8883 if tls else 1883
    try:
        tls_context(options.hub_ca, options.hub_cert, options.hub_key)
        tls_context(options.broker_ca, options.broker_cert, options.broker_key)
    except (OSError, ssl.SSLError) as error:
        parser.error(f"a certificate or key can't be read: {error}")
    return options


def hub_url(text):
    url = urllib.parse.urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise argparse.ArgumentTypeError("write it like https://hub.example:8443")
    return url


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def seconds(text):
    number = float(text)
    if not 0 < number <= 3600:
        raise argparse.ArgumentTypeError("must be more than 0 and at most 3600 seconds")
    return number


def main():
    options = options_of(sys.argv[1:])
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr
    )
    return Bridge(options).run()


if __name__ == "__main__":
    sys.exit(main())
