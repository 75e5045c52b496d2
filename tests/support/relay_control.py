"""The relay's control protocol, written a second time and from its description alone
(common/control/codec.hpp), so that a mistake in the C++ codec cannot hide in both ends."""

import ipaddress
import socket
import struct

HELLO, HELLO_REPLY, CHECK, CHECK_REPLY, SET, SET_REPLY, STATS_REQUEST, STATS = range(1, 9)
CONNECTIONS_REQUEST, CONNECTIONS, RECORDS_REQUEST, RECORDS, KILL, KILL_REPLY = range(23, 29)
SITE_STATE, SITE_STATE_REPLY = 29, 30
RELOAD, RELOAD_REPLY = 31, 32
FAILURE = 0xFFFF
PROTOCOLS = ["tls", "http", "raw"]
HEALTH_REQUEST, HEALTH_REPLY = 20, 21
CHECKS = ["none", "tcp", "tls"]
STATES = ["untested", "healthy", "failing", "down"]
PRIVACY = {"full": 0, "hash": 1, "none": 2}


class Refused(Exception):
    """The relay answered with a Failure message."""


# --- fields: tag u16 | length u32 | value


def field(tag, value):
    return struct.pack(">HI", tag, len(value)) + value


def number(tag, value):
    """As short as it can be; 1 to 8 bytes are read."""
    return field(tag, value.to_bytes(max((value.bit_length() + 7) // 8, 1), "big"))


def text(tag, value):
    return field(tag, value.encode())


def address(tag, value):
    return field(tag, ipaddress.ip_address(value).packed)


def fields(body):
    """Yields (tag, value) of each field; a cut-off one is an error."""
    at = 0
    while at < len(body):
        tag, length = struct.unpack_from(">HI", body, at)
        at += 6
        if at + length > len(body):
            raise ValueError("a field is cut off")
        yield tag, body[at : at + length]
        at += length


def as_number(value):
    if not 1 <= len(value) <= 8:
        raise ValueError("a number has 1 to 8 bytes")
    return int.from_bytes(value, "big")


def as_address(value):
    return str(ipaddress.ip_address(value))


# --- a table, from plain dictionaries


def encode_prefix(text):
    network = ipaddress.ip_network(text)
    return field(1, network.network_address.packed) + number(2, network.prefixlen)


def encode_access(access):
    """{"from": "devices", "allow": [CIDR], "deny": [CIDR], "grants": {CIDR: unix seconds}}"""
    out = number(1, 1) if access.get("from") == "devices" else b""
    out += b"".join(field(2, encode_prefix(p)) for p in access.get("allow", []))
    out += b"".join(field(3, encode_prefix(p)) for p in access.get("deny", []))
    return out + b"".join(field(4, encode_prefix(p) + number(3, until))
                          for p, until in access.get("grants", {}).items())


def encode_route_limits(limits):
    """Bandwidths in bits per second."""
    names = ["connections", "connections_per_client", "rate_per_client", "bandwidth",
             "bandwidth_per_client"]
    assert set(limits) <= set(names), limits
    return b"".join(number(i + 1, limits[n]) for i, n in enumerate(names) if n in limits)


def encode_route(route):
    out = text(1, route.get("name", "host/" + route["pattern"])) + text(2, route["pattern"])
    out += number(3, route.get("port", 0)) + text(4, route.get("site", "direct"))
    targets = route.get("targets") or [route["target"]]
    for host, port, *weight in targets:  # (ip, port) or (ip, port, weight); weight 0: takes over
        out += field(5, address(1, host) + number(2, port) + number(3, *(weight or [1])))
    out += number(6, route.get("drain_ms", 5000))
    if "http" in route:  # {"action": "redirect" | "forward", "port", "target": (ip, port)}
        http = route["http"]
        host, port = http["target"]
        out += field(7, number(1, http.get("port", 0)) + address(3, host) + number(4, port) +
                     number(2, ["redirect", "forward"].index(http["action"])) +
                     proxy_protocol(5, http))
    out += proxy_protocol(8, route)
    for protocol, (host, port) in route.get("alpn", []):
        out += field(9, text(1, protocol) + address(2, host) + number(3, port))
    if "protocol" in route:
        out += number(13, PROTOCOLS.index(route["protocol"]))
    if "check" in route:
        out += number(10, CHECKS.index(route["check"]))
    if "access" in route:
        out += field(11, encode_access(route["access"]))
    if "limits" in route:
        out += field(12, encode_route_limits(route["limits"]))
    return out


def proxy_protocol(tag, described):
    version = ["none", "v1", "v2"].index(described.get("proxy_protocol", "none"))
    return number(tag, version) if version else b""


def encode_table(table):
    """{"revision", "routes": [{"pattern", "port", "target": (ip, port), "proxy_protocol": "none" | "v1" | "v2",
    "alpn": [(protocol, (ip, port)), ...], ...}], "addresses", "timeouts": {"hello": ms, ...}, "limits": {...},
    "privacy", "accept_proxy": [network, ...], "access": {...}, "devices": [CIDR],
    "tunnel": interface}"""
    settings = b"".join(address(1, a) for a in table.get("addresses", ["127.0.0.1"]))
    timeouts = {"hello": 10000, "connect": 5000, "hold": 30000, "idle": 3600000,
                "half_closed": 300000}
    timeouts.update(table.get("timeouts", {}))
    names = ["hello", "connect", "hold", "idle", "half_closed"]
    settings += field(2, b"".join(number(i + 1, timeouts[n]) for i, n in enumerate(names)))
    limits = {"connections": 20000, "connections_per_client": 20000, "rate_per_client": 20000}
    limits.update(table.get("limits", {}))
    names = ["connections", "connections_per_client", "rate_per_client"]
    settings += field(3, b"".join(number(i + 1, limits[n]) for i, n in enumerate(names)))
    settings += number(4, PRIVACY[table.get("privacy", "full")])
    for network in map(ipaddress.ip_network, table.get("accept_proxy", [])):
        settings += field(5, address(1, network.network_address) + number(2, network.prefixlen))
    settings += b"".join(address(6, a) for a in table.get("source_addresses", []))
    if "access" in table:
        settings += field(7, encode_access(table["access"]))
    settings += b"".join(field(8, encode_prefix(p)) for p in table.get("devices", []))
    if "tunnel" in table:
        settings += text(9, table["tunnel"])
    out = number(1, table["revision"]) + field(2, settings)
    return out + b"".join(field(3, encode_route(r)) for r in table["routes"])


# --- answers


def decode_listener(body):
    out = {"bound_port": 0, "problem": ""}
    for tag, value in fields(body):
        if tag == 1:
            inner = dict(fields(value))
            out["address"], out["port"] = as_address(inner[1]), as_number(inner[2])
            out["protocol"] = PROTOCOLS[as_number(inner[3]) if 3 in inner else 0]
        elif tag == 2:
            out["bound_port"] = as_number(value)
        elif tag == 3:
            out["problem"] = value.decode()
    return out


class Counted(dict):
    """What routes have counted, by name: of those that are not told of, nothing."""

    def __missing__(self, name):
        return {"active": 0, "connections": 0, "bytes_to_target": 0, "bytes_to_client": 0}


def decode_stats(body):
    names = {2: "supervisor_pid", 3: "data_pid", 4: "revision", 5: "table_digest", 6: "workers",
             7: "active", 8: "accepted", 9: "bytes_to_target", 10: "bytes_to_client",
             11: "spliced_bytes"}
    out = {"closed": {}, "listeners": [], "routes": Counted(), "cache_problem": "", "sites_down": []}
    for tag, value in fields(body):
        if tag == 1:
            out["software"] = value.decode()
        elif tag in names:
            out[names[tag]] = as_number(value)
        elif tag == 12:
            inner = dict(fields(value))
            out["effective_limits"] = {
                "connections": as_number(inner[1]), "connections_per_client": as_number(inner[2]),
                "rate_per_client": as_number(inner[3])}
        elif tag == 13:
            inner = dict(fields(value))
            out["closed"][inner[1].decode()] = as_number(inner[2])
        elif tag == 14:
            out["listeners"].append(decode_listener(value))
        elif tag == 15:
            inner = dict(fields(value))
            out["routes"][inner[1].decode()] = {
                "active": as_number(inner[2]), "connections": as_number(inner[3]),
                "bytes_to_target": as_number(inner[4]), "bytes_to_client": as_number(inner[5])}
        elif tag == 16:
            out["cache_problem"] = value.decode()
        elif tag == 17:
            out["sites_down"].append(value.decode())
        elif tag == 18:
            out["route_count"] = as_number(value)
        elif tag in (19, 20):
            out[{19: "seccomp", 20: "landlock"}[tag]] = ["", "on", "off", "missing"][as_number(value)]
    return out


def decode_record(body):
    """One connection, live or ended."""
    numbers = {1: "id", 7: "started_ms", 8: "duration_ms", 9: "connect_us", 10: "bytes_to_target",
               11: "bytes_to_client", 12: "spliced_bytes"}
    texts = {3: "host", 4: "route", 6: "state"}
    out = {}
    for tag, value in fields(body):
        if tag in numbers:
            out[numbers[tag]] = as_number(value)
        elif tag in texts:
            out[texts[tag]] = value.decode()
        elif tag in (2, 5):
            inner = dict(fields(value))
            out["client" if tag == 2 else "target"] = as_address(inner[1]), as_number(inner[2])
        elif tag in (13, 14):
            inner = dict(fields(value))
            out["client_leg" if tag == 13 else "target_leg"] = {
                "rtt_us": as_number(inner[1]), "retransmits": as_number(inner[2])}
    return out


def decode_set_reply(body):
    out = {"problems": [], "warning": "", "revision": 0}
    for tag, value in fields(body):
        if tag == 1:
            out["problems"].append(value.decode())
        elif tag == 2:
            out["warning"] = value.decode()
        elif tag == 3:
            out["revision"] = as_number(value)
    return out


def decode_health(body):
    """One dictionary for each target of a route."""
    out = []
    for _, value in fields(body):
        inner = dict(fields(value))
        out.append({"route": inner[1].decode(), "target": (as_address(inner[2]), as_number(inner[3])),
                    "state": STATES[as_number(inner[4])], "since_ms": as_number(inner[5]),
                    "failures": as_number(inner[6]), "last_error": inner[7].decode(),
                    "connected_ms_ago": as_number(inner[8]) if 8 in inner else None,
                    "connect_us": as_number(inner[9])})
    return out


class Control:
    """One controller's connection. Every call waits for its answer, at most `timeout` seconds."""

    def __init__(self, path, greet=True, timeout=30):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.last_id = 0
        if greet:
            self.hello()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def framed(self, kind, body):
        """The bytes of the next request."""
        self.last_id += 1
        message = struct.pack(">HI", kind, self.last_id) + body
        return struct.pack(">I", len(message)) + message

    def send(self, kind, body):
        self.socket.sendall(self.framed(kind, body))

    def receive_exactly(self, count):
        out = bytearray()
        while len(out) < count:
            chunk = self.socket.recv(count - len(out))
            if not chunk:
                raise EOFError("the relay closed the control connection")
            out += chunk
        return bytes(out)

    def receive(self):
        """(type, body) of the answer to the last request."""
        (length,) = struct.unpack(">I", self.receive_exactly(4))
        message = self.receive_exactly(length)
        kind, request = struct.unpack_from(">HI", message)
        if request != self.last_id:
            raise ValueError(f"answer to {request}, not to {self.last_id}")
        if kind == FAILURE:
            raise Refused(dict(fields(message[6:]))[1].decode())
        return kind, message[6:]

    def ask(self, kind, body, expected):
        self.send(kind, body)
        got, answer = self.receive()
        if got != expected:
            raise ValueError(f"answer of type {got}, not {expected}")
        return answer

    def hello(self, oldest=1, newest=1):
        body = number(1, oldest) + number(2, newest) + text(3, "adit-tests")
        return as_number(dict(fields(self.ask(HELLO, body, HELLO_REPLY)))[1])

    def check(self, table):
        """The problems; an empty list: the table would work."""
        answer = self.ask(CHECK, field(1, encode_table(table)), CHECK_REPLY)
        return [value.decode() for tag, value in fields(answer) if tag == 1]

    def set(self, table, digest=None):
        """{"problems", "warning", "revision"}; `table` may be encoded already."""
        encoded = table if isinstance(table, bytes) else encode_table(table)
        body = field(1, encoded) + (number(2, digest) if digest is not None else b"")
        return decode_set_reply(self.ask(SET, body, SET_REPLY))

    def health(self):
        return decode_health(self.ask(HEALTH_REQUEST, b"", HEALTH_REPLY))
    def connections(self, after=0, most=1000, route=""):
        """(live connections by ascending id, whether there are more)."""
        body = number(1, after) + number(2, most) + text(3, route)
        answer = list(fields(self.ask(CONNECTIONS_REQUEST, body, CONNECTIONS)))
        more = any(tag == 2 and as_number(value) for tag, value in answer)
        return [decode_record(value) for tag, value in answer if tag == 1], more

    def records(self, start=0, most=1000, log=0):
        """{"records": connections that ended, "next", "lost", "log"}."""
        body = number(1, start) + number(2, most) + number(3, log)
        answer = list(fields(self.ask(RECORDS_REQUEST, body, RECORDS)))
        out = {"records": [decode_record(value) for tag, value in answer if tag == 1]}
        numbers = {tag: as_number(value) for tag, value in answer if tag in (2, 3, 4)}
        return {**out, "next": numbers[2], "lost": numbers[3], "log": numbers[4]}

    def sites_down(self, *sites):
        """Tells that these sites are down, and all others up."""
        self.ask(SITE_STATE, b"".join(text(1, site) for site in sites), SITE_STATE_REPLY)

    def kill(self, connection):
        """Whether there was such a connection."""
        return as_number(dict(fields(self.ask(KILL, number(1, connection), KILL_REPLY)))[1]) == 1

    def reload(self):
        """The program on disk instead of the running one; answered before it happens."""
        self.ask(RELOAD, b"", RELOAD_REPLY)

    def stats(self):
        return decode_stats(self.ask(STATS_REQUEST, b"", STATS))
