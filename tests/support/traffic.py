"""Clients and targets for tests of the relay: ClientHellos as real bytes, TLS origins with
certificates of their own, TCP origins whose every step the test decides."""

import atexit
import contextlib
import errno
import functools
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading

TIMEOUT = 20

UNRECOGNIZED_NAME, DECODE_ERROR, INTERNAL_ERROR = 112, 50, 80
ILLEGAL_PARAMETER, RECORD_OVERFLOW = 47, 22
ACCESS_DENIED = 49


def alert(description):
    """The record of a fatal alert."""
    return bytes([21, 3, 1, 0, 2, 2, description])


def client_hello(name="a.example.com", alpn=()):
    """The first flight of a real TLS client."""
    context = ssl.create_default_context()
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if name is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def in_records(hello, size):
    """The same handshake message, cut into TLS records of at most `size` bytes."""
    message, header = hello[5:], hello[:3]
    parts = [message[i : i + size] for i in range(0, len(message), size)]
    return b"".join(header + struct.pack(">H", len(p)) + p for p in parts)


def with_padding(hello, size):
    """The hello grown to about `size` bytes by a padding extension (RFC 7685), in records of at
    most 16384 bytes."""
    message = bytearray(hello[5:])
    at = 4 + 2 + 32
    at += 1 + message[at]
    at += 2 + struct.unpack_from(">H", message, at)[0]
    at += 1 + message[at]
    # A real client's own padding must not be there twice.
    extensions, here = bytearray(), at + 2
    while here < len(message):
        kind, length = struct.unpack_from(">HH", message, here)
        if kind != 21:
            extensions += message[here : here + 4 + length]
        here += 4 + length
    extensions += struct.pack(">HH", 21, size) + bytes(size)
    body = bytes(message[4:at]) + struct.pack(">H", len(extensions)) + bytes(extensions)
    whole = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return in_records(hello[:5] + whole, 16384)


def with_name(hello, old, new):
    """The hello with the bytes of a name replaced by others of the same length."""
    assert len(old) == len(new) and hello.count(old) == 1
    return hello.replace(old, new)


def connect(port, host="127.0.0.1", source=None):
    address = (source, 0) if source else None
    client = socket.create_connection((host, port), timeout=TIMEOUT, source_address=address)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def read_all(connection):
    """Until the other side's FIN; a reset is an exception."""
    out = bytearray()
    while chunk := connection.recv(1 << 16):
        out += chunk
    return bytes(out)


def read_exactly(connection, count):
    out = bytearray()
    while len(out) < count:
        chunk = connection.recv(min(1 << 16, count - len(out)))
        if not chunk:
            raise EOFError(f"FIN after {len(out)} of {count} bytes")
        out += chunk
    return bytes(out)


def reset(connection):
    """Closes with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def finish(connection):
    """FIN, unless the other side has reset the connection: then there is nothing left to end, and shutdown(2) says ENOTCONN."""
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError as problem:
        if problem.errno != errno.ENOTCONN:
            raise


def own_loopback():
    """(address, 0) for a server: an address of this machine that was most likely never used before. The kernel remembers
    nothing of it (tcp_metrics(8): a path that reordered gets larger send buffers), and nobody else takes its ports."""
    first, second = os.urandom(2)
    return f"127.{128 | first}.{second}.1", 0


class Listening:
    """A target, at 127.0.0.1 if it is not told otherwise, that only listens: the test accepts and does everything itself."""

    def __init__(self, backlog=128, address=("127.0.0.1", 0)):
        self.socket = socket.create_server(address, backlog=backlog)
        self.socket.settimeout(TIMEOUT)
        self.address = self.socket.getsockname()

    def accept(self):
        connection, _ = self.socket.accept()
        connection.settimeout(TIMEOUT)
        return connection

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Serving(Listening):
    """A target that runs `serve(connection)` for each client in a thread of its own."""

    def __init__(self, serve, address=("127.0.0.1", 0)):
        super().__init__(backlog=1024, address=address)
        self.socket.settimeout(None)
        self.serve = serve
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        with contextlib.suppress(OSError, EOFError), connection:
            self.serve(connection)

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        super().close()


def echo(connection):
    while chunk := connection.recv(1 << 16):
        connection.sendall(chunk)
    connection.shutdown(socket.SHUT_WR)


def echo_after_hello(hello):
    """Echoes what follows `hello`, which it swallows."""

    def serve(connection):
        assert read_exactly(connection, len(hello)) == hello
        echo(connection)

    return serve


@functools.lru_cache(maxsize=1)
def certificates():
    """(folder, file of a CA): made once for the script."""
    folder = tempfile.mkdtemp(prefix="adit-test-ca-")
    atexit.register(shutil.rmtree, folder, True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=adit test CA",
                    "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem"],
                   check=True, capture_output=True)
    return folder, f"{folder}/ca.pem"


@functools.lru_cache(maxsize=None)
def certificate(*names):
    """(chain, key) for `names`, signed by the CA."""
    folder, ca = certificates()
    stem = os.path.join(folder, names[0].replace("*", "_"))
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={names[0]}",
                    "-keyout", f"{stem}.key", "-out", f"{stem}.csr"],
                   check=True, capture_output=True)
    with open(f"{stem}.ext", "w") as file:
        file.write("subjectAltName=" + ",".join(f"DNS:{n}" for n in names) + "\n")
    subprocess.run(["openssl", "x509", "-req", "-in", f"{stem}.csr", "-CA", ca, "-CAkey",
                    f"{folder}/ca.key", "-CAcreateserial", "-days", "2", "-extfile",
                    f"{stem}.ext", "-out", f"{stem}.pem"], check=True, capture_output=True)
    return f"{stem}.pem", f"{stem}.key"


def tls_origin(text, *names):
    """A real TLS server with a certificate for `names` that answers each line with `text`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(*names))

    def serve(connection):
        with context.wrap_socket(connection, server_side=True) as server:
            while server.recv(1024):
                server.sendall(text.encode() + b"\n")

    return Serving(serve)


def tls_ask(port, name):
    """The answer of the TLS server behind `port`, its certificate verified for `name`."""
    context = ssl.create_default_context(cafile=certificates()[1])
    with connect(port) as raw, context.wrap_socket(raw, server_hostname=name) as client:
        client.sendall(b"?\n")
        return client.recv(1024).decode().strip()
