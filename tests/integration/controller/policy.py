"""`access:` and `limits:` from YAML to the relay and back: on real programs, without any privilege."""

import contextlib

import cases
import unprivileged
from controller_process import ControllerProcess
from relay_process import RelayProcess
from traffic import ACCESS_DENIED, Serving, alert, client_hello, connect, echo

HELLO = client_hello()
RELAY = 'relay: {addresses: ["127.0.0.1"], https_port: 0, http_port: off%s}\n'


@contextlib.contextmanager
def both():
    """(apply(host_rest, relay_rest), controller, answer(source))."""
    with unprivileged.place() as arguments, RelayProcess(**arguments) as relay, \
            ControllerProcess(relay.control_path, **arguments) as controller, Serving(echo) as target:

        def apply(host="", everything=""):
            text = RELAY % everything + "hosts:\n  a.example.com: {site: direct, target: \"%s:%d\"%s}\n" % (
                *target.address, host)
            return controller.apply(text)

        def answer(source):
            try:
                with connect(relay.port(), source=source) as client:
                    client.sendall(HELLO)
                    return {HELLO[:7]: "served", alert(ACCESS_DENIED): "denied"}[client.recv(7)]
            except ConnectionResetError:
                return "reset"

        yield apply, controller, answer


def test_access_of_a_host_and_of_the_relay():
    with both() as (apply, controller, answer):
        assert apply().status == 200 and answer("127.0.1.1") == "served"
        done = apply(", access: {allow: [127.0.0.0/16], deny: [127.0.1.0/24]}")
        assert done.status == 200, done
        assert [change["what"] for change in done.document["changes"]] == [
            "access.allow added: [127.0.0.0/16]; access.deny added: [127.0.1.0/24]"], done
        want = {"127.0.0.1": "served", "127.0.1.1": "denied", "127.1.0.1": "denied"}
        assert {source: answer(source) for source in want} == want
        shown = controller.get("/v1/hosts/a.example.com")
        assert shown["access"] == {"allow": ["127.0.0.0/16"], "deny": ["127.0.1.0/24"]}, shown
        again = apply(", access: {deny: [127.0.1.0/24], allow: [127.0.0.0/16]}")
        assert again.document["changes"] == [], again
        done = apply("", ", access: {deny: [127.0.0.1]}")
        assert done.status == 200 and answer("127.0.0.1") == "reset", done
        assert answer("127.1.0.1") == "served"


def test_limits_of_a_host():
    with both() as (apply, controller, answer):
        assert apply(", limits: {rate_per_client: 1/s, bandwidth: 50Mbit}").status == 200
        answers = [answer("127.0.0.1") for _ in range(4)]
        assert answers[0] == "served" and "denied" in answers, answers
        shown = controller.get("/v1/hosts/a.example.com")
        assert shown["limits"] == {"bandwidth": "50Mbit", "rate_per_client": "1/s"}, shown
        assert apply().status == 200
        assert [answer("127.0.0.1") for _ in range(4)] == ["served"] * 4


def test_what_clashes_is_refused_with_its_place():
    with both() as (apply, _controller, _answer):
        refused = apply(", access: {allow: [127.0.0.0/8], deny: [127.0.0.0/8]}")
        assert refused.status == 400, refused
        assert "127.0.0.0/8 is in allow too" in str(refused.document), refused


if __name__ == "__main__":
    cases.run(globals())
