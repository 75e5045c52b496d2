"""A home gets its certificate through the relay: real ACME clients (caddy, lego) behind it, pebble as the authority,
which validates from outside by HTTP-01 and by TLS-ALPN-01. In a box, as pebble's ports are written in its file."""

import contextlib
import json
import os
import re
import ssl
import subprocess

import cases
import relay_process
from programs import Stage, need, wait_until
from traffic import connect, read_all, tls_ask, tls_origin

NAME = "app.example.test"
TLS, HTTP = 15001, 15002                  # the relay's ports, where pebble validates
HOME_TLS, HOME_HTTP, OTHER = 16443, 16080, 16500
DIRECTORY, MANAGEMENT, DNS, DNS_MANAGEMENT = 14000, 15000, 15053, 15055


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def start_authority(stage):
    """pebble, its own HTTPS endpoint under a CA made for it, and names that all lead to 127.0.0.1."""
    here = stage.path
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *curve, "-days", "2", "-subj", "/CN=endpoint CA", "-keyout", here("ca.key"), "-out",
            here("ca.pem"))
    openssl("req", *curve, "-subj", "/CN=localhost", "-keyout", here("ep.key"), "-out", here("ep.csr"))
    stage.write("ep.ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", here("ep.csr"), "-CA", here("ca.pem"), "-CAkey", here("ca.key"), "-CAcreateserial",
            "-days", "2", "-extfile", here("ep.ext"), "-out", here("ep.pem"))
    stage.write("pebble.json", json.dumps({"pebble": {
        "listenAddress": f"127.0.0.1:{DIRECTORY}", "managementListenAddress": f"127.0.0.1:{MANAGEMENT}",
        "certificate": here("ep.pem"), "privateKey": here("ep.key"), "httpPort": HTTP, "tlsPort": TLS,
        "ocspResponderURL": "", "externalAccountBindingRequired": False}}))
    stage.start("dns", "pebble-challtestsrv", "-dns01", f"127.0.0.1:{DNS}", "-http01", "", "-https01", "", "-tlsalpn01", "",
                "-management", f"127.0.0.1:{DNS_MANAGEMENT}", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
                port=DNS_MANAGEMENT)
    stage.start("pebble", "pebble", "-config", here("pebble.json"), "-dnsserver", f"127.0.0.1:{DNS}", port=DIRECTORY,
                environment={"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"})
    stage.write("root.pem", https_get(MANAGEMENT, "localhost", here("ca.pem"), "/roots/0"))


def https_get(port, name, ca_file, path="/"):
    context = ssl.create_default_context(cafile=ca_file)
    with connect(port) as raw, context.wrap_socket(raw, server_hostname=name) as client:
        client.sendall(f"GET {path} HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
        head, _, body = read_all(client).decode().partition("\r\n\r\n")
    assert " 200 " in head.split("\r\n")[0], head
    return body


@contextlib.contextmanager
def authority(**route):
    """(relay, stage): pebble, and a relay with the home's only host."""
    with Stage() as stage, relay_process.RelayProcess() as relay:
        relay.set({"revision": 1, "routes": [
            {"pattern": NAME, "port": TLS, "target": ("127.0.0.1", HOME_TLS), **route,
             "http": {"action": "redirect", "port": HTTP, "target": ("127.0.0.1", HOME_HTTP)}}]})
        start_authority(stage)
        yield relay, stage


def start_caddy(stage, without):
    """Gets its certificate by itself and serves a page with it."""
    stage.write("Caddyfile", f"""{{
	admin off
	http_port {HOME_HTTP}
	https_port {HOME_TLS}
	default_bind 127.0.0.1
	storage file_system {stage.path("caddy")}
	email a@example.test
}}
{NAME} {{
	tls {{
		issuer acme {{
			dir https://localhost:{DIRECTORY}/dir
			trusted_roots {stage.path("ca.pem")}
			{without}
		}}
	}}
	respond "hello from home"
}}
""")
    stage.start("caddy", "caddy", "run", "--config", stage.path("Caddyfile"), "--adapter", "caddyfile")


def run_lego(stage, *challenge):
    """lego gets one certificate and ends; the names in it."""
    stage.start("lego", "lego", "--server", f"https://localhost:{DIRECTORY}/dir", "--accept-tos", "--email",
                "a@example.test", "--domains", NAME, "--path", stage.path("lego"), *challenge, "run",
                environment={"LEGO_CA_CERTIFICATES": stage.path("ca.pem")}).wait(60)
    found = stage.path(f"lego/certificates/{NAME}.crt")
    assert os.path.exists(found), stage.read("lego.log") + stage.read("pebble.log")[-3000:]
    openssl("verify", "-CAfile", stage.path("root.pem"), "-untrusted", found, found)
    shown = subprocess.run(["openssl", "x509", "-in", found, "-noout", "-ext", "subjectAltName"], check=True,
                           capture_output=True, text=True).stdout
    assert f"DNS:{NAME}" in shown, shown


def served_by(relay):
    """How many connections reached which target, by the relay's log."""
    relay.wait_until("all ended", lambda s: s["active"] == 0)
    found = {}
    for line in relay.lines:
        if match := re.search(r"connection closed .* target=127\.0\.0\.1:(\d+) ", line):
            found[int(match[1])] = found.get(int(match[1]), 0) + 1
    return found


def test_caddy_by_http_01():
    need("pebble", "pebble-challtestsrv", "caddy", "openssl")
    with authority() as (relay, stage):
        start_caddy(stage, "disable_tlsalpn_challenge")
        page = wait_until(lambda: stage.read("caddy.log")[-3000:],
                          lambda: https_get(TLS, NAME, stage.path("root.pem")), 60)
        assert page == "hello from home", page
        assert served_by(relay)[HOME_HTTP] >= 1, relay.lines  # pebble asks from several places
        assert "challenge" in stage.read("caddy.log") and "http-01" in stage.read("caddy.log")


def test_caddy_by_tls_alpn_01():
    need("pebble", "pebble-challtestsrv", "caddy", "openssl")
    with authority() as (relay, stage):
        start_caddy(stage, "disable_http_challenge")
        page = wait_until(lambda: stage.read("caddy.log")[-3000:],
                          lambda: https_get(TLS, NAME, stage.path("root.pem")), 60)
        assert page == "hello from home", page
        reached = served_by(relay)
        assert set(reached) == {HOME_TLS} and "tls-alpn-01" in stage.read("caddy.log"), reached


def test_lego_by_http_01():
    need("pebble", "pebble-challtestsrv", "lego", "openssl")
    with authority() as (relay, stage):
        run_lego(stage, "--http", "--http.port", f"127.0.0.1:{HOME_HTTP}")
        assert set(served_by(relay)) == {HOME_HTTP}, relay.lines


def test_lego_by_tls_alpn_01():
    need("pebble", "pebble-challtestsrv", "lego", "openssl")
    with authority() as (relay, stage):
        run_lego(stage, "--tls", "--tls.port", f"127.0.0.1:{HOME_TLS}")
        assert set(served_by(relay)) == {HOME_TLS}, relay.lines


def test_the_challenge_goes_elsewhere_than_the_page():
    need("pebble", "pebble-challtestsrv", "lego", "openssl")
    with tls_origin("the page", NAME) as page:
        with authority(target=page.address, alpn=[("acme-tls/1", ("127.0.0.1", OTHER))]) as (relay, stage):
            run_lego(stage, "--tls", "--tls.port", f"127.0.0.1:{OTHER}")
            assert set(served_by(relay)) == {OTHER}, relay.lines
            assert tls_ask(TLS, NAME) == "the page"
            assert served_by(relay)[page.address[1]] == 1, relay.lines


if __name__ == "__main__":
    cases.run(globals())
