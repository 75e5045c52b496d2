"""What YAML says of the PROXY protocol and of protocols, from the file to the target's first bytes, on real programs."""

import contextlib
import ssl

import cases
import proxy_header
import unprivileged
from controller_process import ControllerProcess, path_of
from relay_process import RelayProcess
from traffic import Listening, certificate, client_hello, connect, read_exactly, Serving

NAME = "app.example.com"
RELAY = 'relay: {addresses: ["127.0.0.1"], https_port: 0, http_port: 0, accept_proxy: [127.0.0.5]}\n'


@contextlib.contextmanager
def both():
    with unprivileged.place() as arguments, RelayProcess(**arguments) as relay, \
            ControllerProcess(relay.control_path, **arguments) as controller:
        yield relay, controller


def host_yaml(target, extra):
    return f'hosts:\n  {NAME}: {{site: direct, target: "{target[0]}:{target[1]}", {extra}}}\n'


def first_bytes(target):
    with target.accept() as connection:
        return connection.recv(1 << 16)


def test_targets_are_told_as_the_file_says():
    with both() as (relay, controller), Listening() as usual, Listening() as acme:
        where = "%s:%d" % acme.address
        text = RELAY + host_yaml(usual.address, f'proxy_protocol: v1, alpn: {{acme-tls/1: "{where}"}}')
        answer = controller.apply(text)
        assert answer.status == 200, answer
        told = [change["what"] for change in answer.document["changes"] if change["kind"] == "host"]
        assert told[0].endswith(f"; proxy_protocol v1; alpn acme-tls/1 -> {where}"), told
        port = relay.port()
        for target, protocol in ((usual, "h2"), (acme, "acme-tls/1")):
            hello = client_hello(NAME, [protocol])
            with connect(port) as client:
                client.sendall(hello)
                assert first_bytes(target) == proxy_header.v1(client.getsockname(), ("127.0.0.1", port)) + hello
        with connect(port, source="127.0.0.5") as balancer:
            balancer.sendall(proxy_header.v2(("192.0.2.7", 9), ("203.0.113.10", 443)) + client_hello(NAME))
            assert first_bytes(usual).startswith(b"PROXY TCP4 192.0.2.7 203.0.113.10 9 443\r\n")

        host = controller.get(f"/v1/hosts/{NAME}")
        assert (host["proxy_protocol"], host["http_proxy_protocol"]) == ("v1", "none"), host
        assert host["alpn"] == [{"acme-tls/1": where}], host
        assert controller.get("/v1/routes")["items"][0]["alpn"] == [{"acme-tls/1": where}]
        asked = controller.get(path_of("v1", "routes", "test", name=NAME, alpn="acme-tls/1"))
        assert asked["target"] == where and asked["proxy_protocol"] == "v1", asked
        asked = controller.get(path_of("v1", "routes", "test", name=NAME, alpn="h2"))
        assert asked["target"] == "%s:%d" % usual.address, asked
        again = controller.request("POST", "/v1/apply", {"files": [{"path": "adit.yaml", "text": text}]})
        assert again.status == 200 and again.document["changes"] == [], again


def tls_behind_a_header(header_bytes):
    """A TLS server that wants a header of so many bytes first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(NAME))

    def serve(connection):
        got = read_exactly(connection, header_bytes)
        assert got == proxy_header.LOCAL, got
        with context.wrap_socket(connection, server_side=True) as server:
            while server.recv(1024):
                pass

    return Serving(serve)


def test_probe_and_verify_speak_as_such_a_target_wants():
    with both() as (_, controller), tls_behind_a_header(len(proxy_header.LOCAL)) as target:
        assert controller.apply(RELAY + host_yaml(target.address, "proxy_protocol: v2")).status == 200
        probed = controller.done("POST", path_of("v1", "hosts", NAME, "probe"))
        assert probed["result"] == "tls", probed
        shown = controller.get(path_of("v1", "hosts", NAME, "verify"))
        assert shown["certificate"]["names"] == [NAME], shown


if __name__ == "__main__":
    cases.run(globals())
