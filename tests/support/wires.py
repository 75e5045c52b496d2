"""The world around a booted machine, in namespaces of the test's box: the box itself is the
internet, a router; on it are the VPS's cable, a client, and a home with stock WireGuard and a web server.

    client 198.51.100.20 ---+
    vps    203.0.113.10  ---+ internet (the box)
    home   192.0.2.77    ---+     home's LAN: 10.30.0.200 is an address of its web server
"""

import os
import subprocess
import tempfile

VPS, CLIENT, HOME, SERVER = "203.0.113.10", "198.51.100.20", "192.0.2.77", "10.30.0.200"
VPS6 = "2001:db8:1::10"
NAME = "app.example.test"


def sh(*command, **options):
    """A command that must succeed; what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def inside(namespace, *command):
    return ("ip", "netns", "exec", namespace, *command)


def plug(namespace, subnet, host):
    """A cable from the internet to `eth0` of a new namespace, without addresses at that end."""
    sh("ip", "netns", "add", namespace)
    sh("ip", "-n", namespace, "link", "set", "dev", "lo", "up")
    sh("ip", "link", "add", "name", namespace, "type", "veth", "peer", "name", "eth0", "netns", namespace)
    sh("ip", "addr", "add", f"{subnet}.1/24", "dev", namespace)
    sh("ip", "link", "set", "dev", namespace, "up")
    if host:
        sh("ip", "-n", namespace, "addr", "add", f"{subnet}.{host}/24", "dev", "eth0")
        sh("ip", "-n", namespace, "link", "set", "dev", "eth0", "up")
        sh("ip", "-n", namespace, "route", "add", "default", "via", f"{subnet}.1")


def plug_in_vps():
    """The guest sets its own address, as its systemd-networkd is told. Anew at each boot: what a
    kernel of its own would forget, this namespace shall."""
    plug("vps", "203.0.113", None)
    sh("ip", "addr", "add", "2001:db8:1::1/64", "dev", "vps")


def unplug_vps():
    sh("ip", "netns", "del", "vps")  # takes the cable with it


class World:
    """`with World() as world:` the internet, a client and a home that waits for its WireGuard block."""

    def __enter__(self):
        with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
            file.write("1")
        plug("client", "198.51.100", 20)
        plug("home", "192.0.2", 77)
        sh("ip", "-n", "home", "addr", "add", f"{SERVER}/32", "dev", "lo")
        self.folder = tempfile.mkdtemp(dir="/run")
        self.children = []
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.kill()
            child.wait()

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, namespace, *command, **options):
        child = subprocess.Popen(inside(namespace, *command), **{"stdin": subprocess.DEVNULL, **options})
        self.children.append(child)
        return child

    def serve_at_home(self, files=()):
        """A web server with a key that nobody else has. `files`: (name, size) to serve besides /."""
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
           "-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
           "-keyout", self.path("tls.key"), "-out", self.path("tls.crt"))
        os.mkdir(self.path("www"))
        with open(self.path("www/index.html"), "w") as file:
            file.write("hello from home\n")
        for name, size in files:
            with open(self.path(f"www/{name}"), "wb") as file:
                file.write(os.urandom(size))
        temporary = "".join(f"{kind}_temp_path {self.path(kind)};" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(self.path("nginx.conf"), "w") as file:
            file.write(f"""daemon off; user root; worker_processes 1; error_log stderr; pid {self.path('nginx.pid')};
events {{ worker_connections 512; }}
http {{ access_log off; {temporary}
  server {{ listen {SERVER}:443 ssl backlog=1024; root {self.path('www')};
    ssl_certificate {self.path('tls.crt')}; ssl_certificate_key {self.path('tls.key')}; }} }}
""")
        with open(self.path("nginx.log"), "w") as log:
            self.start("home", "nginx", "-e", "stderr", "-c", self.path("nginx.conf"), stderr=log)

    def paste_at_home(self, block):
        """What a person does with the printed block: a key of home's own, and wg-quick. The public key."""
        private = sh("wg", "genkey").strip()
        lines = [f"PrivateKey = {private}" if line.lstrip("# ").startswith("PrivateKey") else line
                 for line in block.splitlines()]
        assert f"PrivateKey = {private}" in lines, block
        with open(os.open(self.path("wg0.conf"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write("\n".join(lines) + "\n")
        sh(*inside("home", "wg-quick", "up", self.path("wg0.conf")))
        return sh("wg", "pubkey", input=private).strip()

    def fetch(self, path="/", *options, limit=20):
        """What a visitor gets; raises AssertionError when it is nothing."""
        return sh(*inside("client", "curl", "-sS", "--fail", "--max-time", str(limit), "--cacert", self.path("tls.crt"),
                          "--resolve", f"{NAME}:443:{VPS}", *options, f"https://{NAME}{path}"))
