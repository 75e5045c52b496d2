"""`adit verify` must fail where something is wrong: a stranger's certificate, bytes that took
another way, and above all a relay that is not blind. Real TLS servers and real processes with real
keys in their memory; only the controller plays its part."""

import base64
import contextlib
import hashlib
import itertools
import json
import os
import shutil
import ssl
import subprocess
import tempfile

import cases
import traffic
from fake_controller import FakeController

NAME = "app.example.com"
IS_ROOT = os.geteuid() == 0


def fingerprint(chain):
    with open(chain) as file:
        text = file.read()
    der = ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN"):])
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[i:i + 2] for i in range(0, 64, 2))


def counters(moved):
    """A route whose counters move by `moved` from one look to the next."""
    looks = itertools.count()
    def look():
        times = next(looks)
        return {"name": "host/" + NAME, "bytes_to_target": 10 + times * moved[0],
                "bytes_to_client": 20 + times * moved[1]}
    return look


def controller(port, pids=(0, 0), chain=None, moved=(517, 2048), name=NAME, state_dir=""):
    """One that sees `chain` at home and the relay's listener at `port`."""
    home = {"fingerprint_sha256": fingerprint(chain or traffic.certificate(NAME)[0]),
            "subject": "CN=" + name, "issuer": "CN=adit test CA", "not_after": "2027-01-31T00:00:00Z"}
    relay = {"supervisor_pid": pids[0], "data_pid": pids[1]}
    listeners = [{"address": "::", "port": 0, "bound_port": port, "problem": ""}]
    return FakeController({
        ("GET", "/v1/routes/test"): {"match": "exact", "route": "host/" + NAME, "port": port},
        ("GET", f"/v1/hosts/{name}/verify"): {
            "host": name, "target": "10.30.0.200:443", "site": "home", "certificate": home,
            "error": "", "relay": relay},
        ("GET", "/v1/status"): {"state_dir": state_dir, "relay": {"listeners": listeners, **relay}},
        ("GET", "/v1/routes/host%2F" + NAME): counters(moved)})


def checks_of(ran):
    return {check["name"]: check for check in json.loads(ran.out)["checks"]}


@contextlib.contextmanager
def relay_like(code="", folder=None):
    """A process that is called adit-relay, has no capability, and runs `code` before it waits."""
    with tempfile.TemporaryDirectory() as own:
        os.chmod(own, 0o755)
        program = os.path.join(own, "adit-relay")
        shutil.copy(os.path.realpath("/usr/bin/python3"), program)
        prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if IS_ROOT else []
        process = subprocess.Popen(
            [*prefix, program, "-S", "-c", code + "\nprint('ready', flush=True)\ninput()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={"PYTHONHOME": "/usr", "PATH": os.environ["PATH"]})
        try:
            assert process.stdout.readline() == "ready\n"
            yield process.pid
        finally:
            process.communicate("\n", timeout=20)


def verified(code="", *words):
    """The checks of a verification whose relay runs `code`."""
    with traffic.tls_origin("hello", NAME) as home, relay_like(code) as pid:
        with controller(home.address[1], (pid, pid)) as fake:
            ran = fake.run("verify", NAME, "-o", "json", *words)
            document = json.loads(ran.out)
            assert ran.status == (1 if document["verdict"] == "failed" else 0), ran
            return document["verdict"], checks_of(ran)


def need_tracing():
    if not IS_ROOT:
        raise cases.Skip("needs root to look into another process's memory")


def test_a_blind_relay_is_verified():
    need_tracing()
    key = traffic.certificate(NAME)[1]
    verdict, checks = verified("", "--key", key, "--ca", traffic.certificates()[1])
    assert verdict == "verified", checks
    assert list(checks) == ["certificates_equal", "chain_trusted", "bytes_relayed", "relay_libraries",
                            "relay_files", "relay_capabilities", "relay_memory"], checks
    assert "the bytes of 1 key" in checks["relay_memory"]["detail"], checks


def test_the_proof_is_something_to_look_at():
    need_tracing()
    with traffic.tls_origin("hello", NAME) as home, relay_like() as pid:
        with controller(home.address[1], (pid, pid)) as fake:
            ran = fake.run("verify", NAME)
            assert ran.status == 0, ran
            assert ran.out.count("✓") == 6 and "TLS ends at home." in ran.out, ran.out
            assert ran.out.count(fingerprint(traffic.certificate(NAME)[0])) == 2, ran.out
            ran = fake.run("verify", NAME, "--color", "never")
            assert "  ok  relay: memory" in ran.out and ran.out.isascii(), ran.out


def test_a_private_key_in_the_relays_memory_is_found():
    need_tracing()
    key = traffic.certificate(NAME)[1]
    text = subprocess.run(["openssl", "pkey", "-in", key, "-noout", "-text"], check=True,
                          capture_output=True, text=True).stdout
    scalar = "".join(text.split("priv:")[1].split("pub:")[0].replace(":", "").split())
    whole = f"held = bytes.fromhex('{scalar}')"
    for code in (whole, whole + "; held = held[::-1]"):
        # The hexadecimal text in argv and source is another form; only the bytes count here.
        verdict, checks = verified(code, "--key", key)
        assert verdict == "failed" and checks["relay_memory"]["state"] == "failed", checks
        assert "private scalar" in checks["relay_memory"]["detail"], checks
        assert scalar not in json.dumps(checks)
    # Nobody told it about this key, but the text of a key file gives itself away.
    with open(key) as file:
        pem = file.read()
    verdict, checks = verified(f"held = {pem!r}")
    assert "PEM block" in checks["relay_memory"]["detail"], checks


def test_the_controllers_wireguard_key_is_searched_for_by_itself():
    need_tracing()
    secret = bytes(range(100, 132))
    with tempfile.TemporaryDirectory() as state, traffic.tls_origin("hello", NAME) as home:
        with open(os.path.join(state, "wireguard.key"), "w") as file:
            file.write(base64.b64encode(secret).decode() + "\n")
        with relay_like("held = bytes(range(100, 132))") as pid:
            with controller(home.address[1], (pid, pid), state_dir=state) as fake:
                checks = checks_of(fake.run("verify", NAME, "-o", "json"))
                assert "wireguard.key: key bytes" in checks["relay_memory"]["detail"], checks


def test_a_relay_that_can_do_tls_is_no_blind_relay():
    need_tracing()
    verdict, checks = verified("import _ssl")
    assert verdict == "failed" and checks["relay_libraries"]["state"] == "failed", checks
    assert "libssl" in checks["relay_libraries"]["detail"] or "libcrypto" in checks["relay_libraries"]["detail"]


def test_a_relay_that_holds_a_file_open_is_reported():
    need_tracing()
    verdict, checks = verified("held = open('/etc/hostname')")
    assert verdict == "failed", checks
    assert "/etc/hostname" in checks["relay_files"]["detail"], checks


def test_a_relay_with_capabilities_is_reported():
    need_tracing()
    with traffic.tls_origin("hello", NAME) as home, tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "adit-relay")
        shutil.copy(os.path.realpath("/usr/bin/sleep"), program)
        process = subprocess.Popen([program, "600"])
        try:
            with controller(home.address[1], (process.pid, process.pid)) as fake:
                checks = checks_of(fake.run("verify", NAME, "-o", "json"))
                assert checks["relay_capabilities"]["state"] == "failed", checks
        finally:
            process.kill()
            process.wait()


def test_what_cannot_be_seen_is_not_checked_and_not_verified():
    with traffic.tls_origin("hello", NAME) as home, controller(home.address[1], (1, 1)) as fake:
        ran = fake.run("verify", NAME, "-o", "json")
        checks = checks_of(ran)
        assert ran.status == 0 and json.loads(ran.out)["verdict"] == "incomplete", ran
        for name in ("libraries", "files", "capabilities", "memory"):
            assert checks["relay_" + name]["state"] == "unchecked", checks
            assert checks["relay_" + name]["detail"].startswith("not checked ("), checks
        ran = fake.run("verify", NAME)
        assert "not everything could be checked" in ran.out, ran


def test_without_the_right_it_says_run_as_root():
    need_tracing()
    with traffic.tls_origin("hello", NAME) as home, tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "adit-relay")
        shutil.copy(os.path.realpath("/usr/bin/sleep"), program)
        process = subprocess.Popen([program, "600"])
        try:
            with controller(home.address[1], (process.pid, process.pid)) as fake:
                os.chmod(fake.folder, 0o755)
                os.chmod(fake.socket_path, 0o666)
                ran = fake.run("verify", NAME, "-o", "json",
                               prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
                if not ran.out:
                    raise cases.Skip("the build folder is not readable for others")
                checks = checks_of(ran)
                for name in ("libraries", "files", "memory"):
                    assert checks["relay_" + name]["detail"] == "not checked (run as root)", checks
        finally:
            process.kill()
            process.wait()


def test_another_certificate_outside_fails_with_the_reason():
    with traffic.tls_origin("hello", NAME, "other") as stranger:
        other = traffic.certificate("somebody.example.net")[0]
        with controller(stranger.address[1], chain=other) as fake:
            ran = fake.run("verify", NAME)
            assert ran.status == 1 and "ends TLS in between" in ran.out, ran
            assert "NOT verified" in ran.out and "✗" in ran.out, ran


def test_a_chain_that_does_not_verify_fails():
    with traffic.tls_origin("hello", NAME) as home, controller(home.address[1]) as fake:
        chain = traffic.certificate("somebody.example.net")[0]
        ran = fake.run("verify", NAME, "--ca", chain, "-o", "json")
        assert ran.status == 1 and checks_of(ran)["chain_trusted"]["state"] == "failed", ran
        ran = fake.run("verify", NAME, "--ca", "/nonexistent.pem")
        assert ran.status == 1 and "/nonexistent.pem" in ran.out + ran.err, ran


def test_bytes_that_took_another_way_fail():
    with traffic.tls_origin("hello", NAME) as home:
        with controller(home.address[1], moved=(0, 0)) as fake:
            ran = fake.run("verify", NAME, "-o", "json")
            assert ran.status == 1 and checks_of(ran)["bytes_relayed"]["state"] == "failed", ran


def test_the_places_to_connect_to():
    with traffic.tls_origin("hello", NAME) as home:
        port = home.address[1]
        with controller(1) as fake:  # the relay's listener is elsewhere; --at wins
            ran = fake.run("verify", NAME, "--at", f"127.0.0.1:{port}", "-o", "json")
            assert json.loads(ran.out)["outside"]["place"] == f"127.0.0.1:{port}", ran
            ran = fake.run("verify", NAME, "--at", "nonsense")
            assert ran.status == 1 and "--at" in ran.err, ran
        with controller(port) as fake:
            ran = fake.run("verify", "missing.invalid", "--outside")
            assert ran.status == 1, ran
    with traffic.tls_origin("hello", "localhost") as home:
        chain = traffic.certificate("localhost")[0]
        with controller(home.address[1], name="localhost", chain=chain) as fake:
            ran = fake.run("verify", "localhost", "--outside", "-o", "json")
            assert checks_of(ran)["certificates_equal"]["state"] == "passed", ran


def test_nobody_answers():
    with traffic.tls_origin("hello", NAME) as home:
        port = home.address[1]
    with controller(port) as fake:
        ran = fake.run("verify", NAME, "-o", "json")
        assert ran.status == 1, ran
        assert "a client gets no certificate" in checks_of(ran)["certificates_equal"]["detail"], ran


def test_a_key_file_that_is_none_is_refused_before_anything_else():
    with traffic.tls_origin("hello", NAME) as home, controller(home.address[1]) as fake:
        ran = fake.run("verify", NAME, "--key", traffic.certificates()[1])
        assert ran.status == 1 and "--key: " in ran.err and "no private key" in ran.err, ran
        assert ran.out == "", ran


def test_a_host_that_nobody_has():
    with FakeController({("GET", "/v1/routes/test"): {"match": "none", "why": "no such name"}}) as fake:
        ran = fake.run("verify", "x.example.com")
        assert fake.run("verify", "*.example.com").err == (
            "adit: *.example.com is a pattern; verify a real name that it serves\n")
        assert (ran.status, ran.err) == (1, "adit: no host matches x.example.com: no such name\n"), ran


if __name__ == "__main__":
    cases.run(globals())
