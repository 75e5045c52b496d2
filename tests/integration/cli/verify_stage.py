"""What `adit verify` needs around it: a home with real TLS, a relay that passes bytes on and counts
them, processes that are called adit-relay, and a controller that only plays its part."""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import cases
import traffic
from fake_controller import FakeController

NAME = "app.example.com"
IS_ROOT = os.geteuid() == 0
POLL = 0.3  # seconds after which the controller asks the relay by itself


def need_tracing():
    if not IS_ROOT:
        raise cases.Skip("needs root to look into another process's memory")


def fingerprint(chain):
    with open(chain) as file:
        text = file.read()
    der = ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN"):])
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[i:i + 2] for i in range(0, 64, 2))


def scalar_of(key):
    """The secret number of an EC key file, in hexadecimal."""
    text = subprocess.run(["openssl", "pkey", "-in", key, "-noout", "-text"], check=True,
                          capture_output=True, text=True).stdout
    return "".join(text.split("priv:")[1].split("pub:")[0].replace(":", "").split())


class Counters:
    """The numbers of one route: those of the relay, and those that the controller has of it, which
    are as old as its last question. `elsewhere` is done before each: what others do meanwhile."""

    def __init__(self):
        self.lock = threading.Lock()
        self.relays = {"bytes_to_target": 10, "bytes_to_client": 20, "connections": 3, "active": 0}
        self.elsewhere = lambda: None
        self.ask()

    def add(self, **more):
        with self.lock:
            for key, value in more.items():
                self.relays[key] += value

    def ask(self):
        self.elsewhere()
        with self.lock:
            self.controllers = dict(self.relays)
            self.asked_at = time.monotonic()

    def planned(self):
        self.ask()
        return {"revision": 8, "previous_revision": 8, "changes": [], "steps": [], "warnings": [],
                "undo": ""}

    def shown(self):
        if time.monotonic() - self.asked_at > POLL:
            self.ask()
        return {"name": "host/" + NAME, **self.controllers}


@contextlib.contextmanager
def passing(home, counters):
    """A relay for `home` that counts; yields its port."""
    def pump(source, sink, key):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                counters.add(**{key: len(data)})
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
    def serve(client):
        counters.add(connections=1, active=1)
        with socket.create_connection(home) as target:
            up = threading.Thread(target=pump, args=(client, target, "bytes_to_target"))
            up.start()
            pump(target, client, "bytes_to_client")
            up.join()
        counters.add(active=-1)
    with traffic.Serving(serve) as relay:
        yield relay.address[1]


def controller(port, pids=(0, 0), chain=None, name=NAME, state_dir="", counters=None):
    """One that sees `chain` at home and the relay's listener at `port`."""
    home = {"fingerprint_sha256": fingerprint(chain or traffic.certificate(NAME)[0]),
            "subject": "CN=" + name, "issuer": "CN=adit test CA", "not_after": "2027-01-31T00:00:00Z"}
    relay = {"supervisor_pid": pids[0], "data_pid": pids[1]}
    listeners = [{"address": "::", "port": 0, "bound_port": port, "problem": ""}]
    counters = counters or Counters()
    return FakeController({
        ("GET", "/v1/routes/test"): {"match": "exact", "route": "host/" + NAME, "port": port},
        ("GET", f"/v1/hosts/{name}/verify"): {
            "host": name, "target": "10.30.0.200:443", "site": "home", "certificate": home,
            "error": "", "relay": relay},
        ("GET", "/v1/status"): {"state_dir": state_dir, "relay": {"listeners": listeners, **relay}},
        ("POST", "/v1/plan"): counters.planned,
        ("GET", "/v1/routes/host%2F" + NAME): counters.shown})


def checks_of(ran):
    return {check["name"]: check for check in json.loads(ran.out)["checks"]}


# The supervisor forks, so all run the same file; it tells its children's pids when their code has run.
RELAY = """
import os, sys
def start(code):
    ready, done = os.pipe()
    child = os.fork()
    if child == 0:
        exec(code, globals())
        os.write(done, b"!")
        os.read(0, 1)
        os._exit(0)
    os.close(done)
    os.read(ready, 1)
    return child
exec(sys.argv[1], globals())
print(*[start(code) for code in sys.argv[2].split(chr(1))], flush=True)
os.read(0, 1)
"""


@contextlib.contextmanager
def relay_like(code="", supervisor="", beside=(), arguments=(), program=None, preload=""):
    """Processes that run one file called adit-relay and have no capability: a supervisor, the data
    process, which runs `code` before it waits, and a further child for each code of `beside`.
    Yields the pids, the supervisor's first."""
    with contextlib.ExitStack() as stack:
        program = program or stack.enter_context(relay_program())
        prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if IS_ROOT else []
        process = subprocess.Popen(
            [*prefix, program, "-S", "-c", RELAY, supervisor, chr(1).join([code, *beside]), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={"PYTHONHOME": "/usr", "PATH": os.environ["PATH"], "LD_PRELOAD": preload})
        try:
            yield [process.pid, *map(int, process.stdout.readline().split())]
        finally:
            process.communicate(timeout=20)


@contextlib.contextmanager
def relay_program():
    """The file: a Python of that name, where everybody may run it."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield shutil.copy(os.path.realpath("/usr/bin/python3"), os.path.join(folder, "adit-relay"))


@contextlib.contextmanager
def relay_folders():
    """(state, runtime): folders of the relay's own, and the arguments that name them."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        state, runtime = os.path.join(folder, "state"), os.path.join(folder, "run")
        for path in (state, runtime):
            os.mkdir(path, 0o755)
            if IS_ROOT:
                os.chown(path, 65534, 65534)
        yield state, runtime, ["--state-dir", state, "--control", os.path.join(runtime, "relay.sock")]


def verified(code="", *words, pids=None, **relay):
    """The verdict and the checks of a verification whose relay runs `code`. `pids`: what becomes of
    the relay's pids in the controller's report."""
    counters = Counters()
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(traffic.tls_origin("hello", NAME))
        port = stack.enter_context(passing(home.address, counters))
        real = stack.enter_context(relay_like(code, **relay))
        reported = pids(real) if pids else real[:2]
        fake = stack.enter_context(controller(port, reported, counters=counters))
        ran = fake.run("verify", NAME, "-o", "json", *words)
        document = json.loads(ran.out)
        assert ran.status == (1 if document["verdict"] == "failed" else 0), ran
        return document["verdict"], checks_of(ran)
