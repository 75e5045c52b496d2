"""The relays of relay_bench.py: each with one worker, as an ordinary user of its own, on a port of its own, and with an
origin port of its own, so that the TIME_WAIT sockets of one are in no other's way."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time

from bench_network import ORIGIN

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "app.example.com"
MODULE = "ngx_stream_module.so"


def as_user(port):
    """The prefix of a command that runs it without any privilege; its budget of pipe pages is nobody else's."""
    return ["setpriv", "--reuid", str(60000 + port), "--regid", str(60000 + port), "--clear-groups", "--bounding-set",
            "-all", "--no-new-privs"]


class Relay:
    """One of them in a folder that is its own; `pid()` is the process that relays."""

    def __init__(self, options, folder):
        self.origin_port = self.port - 6000
        self.folder = folder
        self.prefix = [*options.relay_prefix, *as_user(self.port)]
        os.chown(folder, 60000 + self.port, 60000 + self.port)
        self.start(options)

    def start(self, options):
        raise NotImplementedError

    def pid(self):
        return self.process.pid

    def close(self):
        self.process.terminate()
        self.process.wait()

    def program(self, name):
        found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
        if not found:
            raise FileNotFoundError(name)
        return found

    def config(self, text):
        path = os.path.join(self.folder, "relay.conf")
        with open(path, "w") as out:
            out.write(text)
        return path

    def run(self, *command):
        self.process = subprocess.Popen([*self.prefix, *command], stdin=subprocess.DEVNULL)


class Adit(Relay):
    port = 6443
    arguments = ()
    hosts = 0  # routes besides the one for NAME, all below it

    def start(self, options):
        sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
        import relay_process
        binary = os.path.join(self.build_of(options), "relay", "adit-relay")
        self.process = relay_process.RelayProcess(*self.arguments, binary=binary, workers=1, folder=self.folder, prefix=self.prefix,
                                                  sandbox=not options.no_sandbox)
        patterns = [NAME] + [f"h{i}.{NAME}" for i in range(self.hosts)]
        routes = [{"pattern": each, "port": self.port, "target": (ORIGIN, self.origin_port)} for each in patterns]
        self.process.set({"revision": 1, "routes": routes})

    @staticmethod
    def build_of(options):
        return options.build

    def pid(self):
        return self.process.data_pid()

    def close(self):
        self.process.close()


class AditCopy(Adit):
    """The same without splice(2)."""
    port = 6444
    arguments = ("--no-splice",)


class AditBefore(Adit):
    """Of another build, `--before`."""
    port = 6447

    @staticmethod
    def build_of(options):
        return options.before


class AditFewHosts(Adit):
    port = 6445
    hosts = 10


class AditManyHosts(Adit):
    port = 6446
    hosts = 100_000


class Nginx(Relay):
    port = 7443

    def start(self, options):
        module = os.path.join("/usr/lib/nginx/modules", MODULE)
        if not os.path.exists(module):
            raise FileNotFoundError("nginx's stream module")
        config = self.config(f"""load_module {module}; daemon off; worker_processes 1; worker_rlimit_nofile 20000;
            pid {self.folder}/nginx.pid; error_log {self.folder}/error.log;
            events {{ worker_connections 16000; }}
            stream {{
              map $ssl_preread_server_name $target {{ {NAME} {ORIGIN}:{self.origin_port}; }}
              server {{ listen 127.0.0.1:{self.port} backlog=4096; ssl_preread on; proxy_pass $target; }}
            }}""")
        self.run(self.program("nginx"), "-p", self.folder, "-e", f"{self.folder}/error.log", "-c", config)

    def pid(self):
        """The worker's."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return int(file.read().split()[0])


class Haproxy(Relay):
    port = 8443

    def start(self, options):
        config = self.config(f"""global
  nbthread 1
  maxconn 7000
defaults
  mode tcp
  option splice-auto
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend tls
  bind 127.0.0.1:{self.port}
  tcp-request inspect-delay 5s
  tcp-request content accept if {{ req_ssl_hello_type 1 }}
  use_backend origin if {{ req_ssl_sni -i {NAME} }}
backend origin
  server origin {ORIGIN}:{self.origin_port}
""")
        self.run(self.program("haproxy"), "-db", "-f", config)


class Sniproxy(Relay):
    port = 9443

    def start(self, options):
        config = self.config(f"""error_log {{ filename {self.folder}/error.log
  priority error }}
listen 127.0.0.1:{self.port} {{
  proto tls
  table origins
}}
table origins {{
  {NAME.replace(".", "[.]")} {ORIGIN}:{self.origin_port}
}}
""")
        self.run(self.program("sniproxy"), "-f", "-c", config)


KINDS = {"adit": Adit, "adit-before": AditBefore, "adit-copy": AditCopy, "nginx": Nginx, "haproxy": Haproxy, "sniproxy": Sniproxy}
BY_HOSTS = {"10 hosts": AditFewHosts, "100 000 hosts": AditManyHosts}
ORIGIN_PORTS = [kind.port - 6000 for kind in (*KINDS.values(), *BY_HOSTS.values())]


def wait_for_port(port):
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing listens on port {port}")
        time.sleep(0.01)
