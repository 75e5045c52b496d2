"""The PROXY protocol with those who speak it as well: nginx and HAProxy as targets that are told who the client
is, HAProxy as the load balancer in front. In a box, as these programs need ports that are known before."""

import contextlib
import ssl

import cases
import proxy_header
import relay_process
from programs import Stage, need, wait_until
from traffic import Listening, certificate, certificates, client_hello, connect, read_all, read_exactly

NAME = "a.example.com"
TARGET, FRONT, FRONT_HTTP = 17443, 18443, 18080
PUBLIC_CLIENT = "127.0.0.2"  # who connects
BALANCER = "127.0.0.9"       # HAProxy's own address towards the relay


@contextlib.contextmanager
def relay_to(address, version, **table):
    """(relay, its port of TLS, of plain HTTP)."""
    with relay_process.RelayProcess() as relay:
        relay.set({"revision": 1, "routes": [
            {"pattern": NAME, "target": address, "proxy_protocol": version,
             "http": {"action": "forward", "target": address, "proxy_protocol": version}}], **table})
        ports = {each["protocol"]: each["bound_port"] for each in relay.stats()["listeners"]}
        yield relay, ports["tls"], ports["http"]


def get(port, path="/", source=PUBLIC_CLIENT):
    """(the client's own address, the answer) of an HTTPS request."""
    context = ssl.create_default_context(cafile=certificates()[1])
    with connect(port, source=source) as raw:
        own = raw.getsockname()
        with context.wrap_socket(raw, server_hostname=NAME) as client:
            client.sendall(f"GET {path} HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
            return own, read_all(client).decode()


def start_nginx(stage, listen):
    chain, key = certificate(NAME)
    temporary = "".join(f"{kind}_temp_path {stage.path(kind)};" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    stage.write("nginx.conf", f"""daemon off; worker_processes 1; error_log stderr; pid {stage.path('nginx.pid')};
events {{ worker_connections 64; }}
http {{ access_log off; {temporary}
  server {{ listen 127.0.0.1:{TARGET} {listen} proxy_protocol;
    ssl_certificate {chain}; ssl_certificate_key {key};
    location / {{ return 200 "client=$proxy_protocol_addr:$proxy_protocol_port to=$proxy_protocol_server_addr:$proxy_protocol_server_port"; }} }} }}
""")
    stage.start("nginx", "nginx", "-e", "stderr", "-c", stage.path("nginx.conf"), port=TARGET)


def test_nginx_as_the_target_sees_the_client():
    need("nginx")
    for version in ("v1", "v2"):
        with Stage() as stage, relay_to(("127.0.0.1", TARGET), version) as (_, port, _):
            start_nginx(stage, "ssl")
            own, answer = get(port)
            assert answer.startswith("HTTP/1.1 200 ") and answer.endswith(
                f"client={own[0]}:{own[1]} to=127.0.0.1:{port}"), (version, own, answer)


def test_nginx_as_the_target_of_plain_http():
    need("nginx")
    for version in ("v1", "v2"):
        with Stage() as stage, relay_to(("127.0.0.1", TARGET), version) as (_, _, port):
            start_nginx(stage, "")
            with connect(port, source=PUBLIC_CLIENT) as client:
                own = client.getsockname()
                client.sendall(f"GET / HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
                answer = read_all(client).decode()
            assert answer.endswith(f"client={own[0]}:{own[1]} to=127.0.0.1:{port}"), (version, own, answer)


def test_haproxy_as_the_target_reads_every_value():
    need("haproxy")
    chain, key = certificate(NAME)
    with Stage() as stage, relay_to(("127.0.0.1", TARGET), "v2") as (relay, port, _):
        with open(chain) as certs, open(key) as private:
            both = stage.write("both.pem", certs.read() + private.read())
        stage.write("haproxy.cfg", f"""global
  log stdout format raw local0
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend home
  bind 127.0.0.1:{TARGET} ssl crt {both} accept-proxy
  http-request return status 200 content-type text/plain lf-string "client=%[src]:%[src_port] to=%[dst]:%[dst_port] authority=%[fc_pp_authority] id=%[fc_pp_unique_id]"
""")
        stage.start("haproxy", "haproxy", "-db", "-f", stage.path("haproxy.cfg"), port=TARGET)
        own, answer = get(port)
        where, _, unique = answer.rpartition(" id=")
        assert where.endswith(f"client={own[0]}:{own[1]} to=127.0.0.1:{port} authority={NAME}"), answer
        # The id leads back to the relay's own log.
        line = relay.wait_for(f"connection closed conn={unique.split('-')[1]} ")
        assert f"client={own[0]}:{own[1]} " in line, (line, unique)


@contextlib.contextmanager
def balanced(options, port, http_port):
    """HAProxy in front of the relay."""
    with Stage() as stage:
        stage.write("haproxy.cfg", f"""defaults
  mode tcp
  timeout connect 5s
  timeout client 20s
  timeout server 20s
listen tls
  bind 127.0.0.1:{FRONT}
  server relay 127.0.0.1:{port} source {BALANCER} {options}
listen plain
  bind 127.0.0.1:{FRONT_HTTP}
  server relay 127.0.0.1:{http_port} source {BALANCER} {options}
""")
        stage.start("haproxy", "haproxy", "-db", "-f", stage.path("haproxy.cfg"), port=FRONT)
        yield stage


def test_haproxy_in_front_says_who_the_client_is():
    need("haproxy")
    hello = client_hello(NAME)
    request = f"GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode()
    for options in ("send-proxy", "send-proxy-v2", "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn",
                    "send-proxy-v2 proxy-v2-options crc32c,ssl,unique-id,authority"):
        with Listening() as target, relay_to(target.address, "v1", accept_proxy=[BALANCER]) as (relay, port, http_port), \
                balanced(options, port, http_port):
            for front, data in ((FRONT, hello), (FRONT_HTTP, request)):
                with connect(front, source=PUBLIC_CLIENT) as client:
                    client.sendall(data)
                    with target.accept() as connection:
                        wanted = proxy_header.v1(client.getsockname(), ("127.0.0.1", front)) + data
                        assert read_exactly(connection, len(wanted)) == wanted, options
                        connection.sendall(b"answer")
                    assert read_all(client) == b"answer", options
            stats = relay.wait_until("both ended", lambda s: s["active"] == 0)
            refused = {k: n for k, n in stats["closed"].items() if n and k.startswith("refused")}
            assert not refused, (options, refused)


def test_a_balancer_that_says_nothing_is_refused():
    need("haproxy")
    with Listening() as target, relay_to(target.address, "none", accept_proxy=[BALANCER]) as (relay, port, http_port), \
            balanced("", port, http_port):
        with connect(FRONT) as client:
            client.sendall(client_hello(NAME))
            with contextlib.suppress(ConnectionResetError):
                assert read_all(client) == b""
        relay.wait_closed("refused_no_proxy_header")


def test_health_checks_of_a_balancer_are_no_refusals():
    need("haproxy")
    # A check without a header ends its handshake with a reset: nobody ever accepts it.
    for options in ("check inter 50ms send-proxy-v2", "check inter 50ms send-proxy"):
        with Listening() as target, relay_to(target.address, "none", accept_proxy=[BALANCER]) as (relay, port, http_port), \
                balanced(options, port, http_port):
            closed = relay.wait_closed("client_left_before_hello", 4)["closed"]
            assert not any(n for k, n in closed.items() if k.startswith("refused")), (options, closed)


def test_a_chain_of_both_reaches_nginx_with_the_first_client():
    need("haproxy", "nginx")
    with Stage() as home, relay_to(("127.0.0.1", TARGET), "v2", accept_proxy=[BALANCER]) as (_, port, http_port), \
            balanced("send-proxy-v2", port, http_port):
        start_nginx(home, "ssl")
        own, answer = wait_until("an answer", lambda: get(FRONT))
        assert answer.endswith(f"client={own[0]}:{own[1]} to=127.0.0.1:{FRONT}"), (own, answer)


if __name__ == "__main__":
    cases.run(globals())
