"""What the relay tells of single connections: those that live, those that ended, and the end of one."""

import contextlib
import time

import cases
import relay_process
from relayed import HELLO, relayed
from taken_over import take_over
from traffic import Serving, client_hello, connect, echo_after_hello, read_all, read_exactly


def expect_reset(connection):
    try:
        assert read_all(connection) is None, "a FIN where a reset was due"
    except ConnectionResetError:
        return


def wait_for_records(control, count, start=0, log=0):
    """Records from `start` on, once there are `count`."""
    deadline = time.monotonic() + 10
    while True:
        answer = control.records(start, log=log)
        if len(answer["records"]) >= count:
            return answer
        assert time.monotonic() < deadline, answer


def test_a_live_connection_is_told_as_it_is():
    with relayed() as (relay, client, target), relay.control() as control:
        target.sendall(b"x" * 100)
        assert read_exactly(client, 100) == b"x" * 100
        relay.wait_until("all is counted", lambda s: s["bytes_to_client"] == 100)
        (live,), more = control.connections()
        assert not more
        assert live["client"] == client.getsockname() and live["target"] == target.getsockname()
        assert live["host"] == "a.example.com" and live["route"] == "host/a.example.com"
        assert live["state"] == "relaying"
        assert (live["bytes_to_target"], live["bytes_to_client"]) == (len(HELLO), 100)
        assert abs(live["started_ms"] / 1000 - time.time()) < 30 and live["duration_ms"] < 30_000
        assert 0 < live["connect_us"] < 10_000_000
        assert live["client_leg"]["rtt_us"] > 0 and live["target_leg"]["rtt_us"] > 0
        assert control.records()["records"] == []


def test_every_connection_leaves_one_record_with_its_whole_life():
    with relayed() as (relay, client, target), relay.control() as control:
        client.sendall(b"12345")
        assert read_exactly(target, 5) == b"12345"
        client.close()
        assert read_all(target) == b""
        target.close()
        answer = wait_for_records(control, 1)
        (ended,) = answer["records"]
        assert ended["state"] == "finished" and ended["host"] == "a.example.com"
        assert ended["bytes_to_target"] == len(HELLO) + 5 and ended["bytes_to_client"] == 0
        assert ended["target_leg"]["rtt_us"] > 0 and answer["lost"] == 0
        assert control.connections() == ([], False)
        with connect(relay.port()) as stranger:
            stranger.sendall(client_hello("unknown.example.com"))
            read_all(stranger)
        (refused,) = wait_for_records(control, 1, answer["next"])["records"]
        assert refused["state"] == "refused_unknown_name" and refused["route"] == ""
        assert refused["target"][1] == 0 and refused["connect_us"] == 0
        assert refused["id"] == ended["id"] + 1


def test_names_are_told_as_far_as_the_privacy_allows():
    for privacy, host in (("none", "-"), ("hash", "h:")):
        with relayed(privacy=privacy) as (relay, _, _), relay.control() as control:
            (live,), _ = control.connections()
            assert live["host"].startswith(host) and live["route"] == ""
            assert "example" not in str(live)
            # Whoever asks for a route knows its name already.
            assert len(control.connections(route="host/a.example.com")[0]) == 1
            assert control.connections(route="host/b.example.com") == ([], False)


def test_pages_hold_every_connection_once():
    with contextlib.ExitStack() as stack:
        relay = stack.enter_context(relay_process.RelayProcess(workers=2))
        target = stack.enter_context(Serving(echo_after_hello(HELLO)))
        relay.set({"revision": 1, "routes": [{"pattern": "a.example.com", "target": target.address}]})
        clients = [stack.enter_context(connect(relay.port())) for _ in range(50)]
        for client in clients:
            client.sendall(HELLO + b"!")
            assert read_exactly(client, 1) == b"!"
        with relay.control() as control:
            seen, after = [], 0
            while True:
                page, more = control.connections(after=after, most=7)
                assert len(page) <= 7
                seen += [each["id"] for each in page]
                if not more:
                    break
                after = page[-1]["id"]
            assert seen == sorted(set(seen)) and len(seen) == 50, seen
            assert control.connections(most=0) == ([], True)


def test_a_killed_connection_is_reset_on_both_sides_and_no_other():
    with relayed() as (relay, client, target), relay.control() as control, \
            connect(relay.port()) as other:
        other.sendall(HELLO)
        relay.wait_until("both are relayed", lambda s: s["bytes_to_target"] == 2 * len(HELLO))
        mine = next(each for each in control.connections()[0] if each["client"] == client.getsockname())
        assert control.kill(mine["id"]) is True
        expect_reset(client)
        expect_reset(target)
        relay.wait_closed("killed")
        assert control.kill(mine["id"]) is False
        assert [each["client"] for each in control.connections()[0]] == [other.getsockname()]
        assert wait_for_records(control, 1)["records"][0]["state"] == "killed"


def test_a_client_that_says_nothing_can_be_killed():
    with relay_process.RelayProcess() as relay, relay.control() as control:
        relay.set({"revision": 1, "routes": [{"pattern": "a.example.com", "target": ("127.0.0.1", 1)}]})
        with connect(relay.port()) as client:
            relay.wait_until("it is accepted", lambda s: s["active"] == 1)
            (silent,), _ = control.connections()
            assert silent["state"] == "awaiting_hello" and silent["host"] == ""
            assert control.kill(silent["id"])
            expect_reset(client)


def test_records_that_nobody_took_in_time_are_counted_as_lost():
    kept = 4096
    with relay_process.RelayProcess() as relay, relay.control() as control:
        relay.set({"revision": 1, "routes": [{"pattern": "a.example.com", "target": ("127.0.0.1", 1)}]})
        for _ in range(kept + 10):
            connect(relay.port()).close()
        relay.wait_closed("client_left_before_hello", kept + 10, timeout=60)
        first = wait_for_records(control, 1000)
        assert first["lost"] == 0 and len(first["records"]) == 1000  # from the oldest that is kept
        assert control.records(1)["lost"] == 10
        place, count = first["next"], 1000
        while page := control.records(place)["records"]:
            place, count = place + len(page), count + len(page)
        assert count == kept
        assert control.records(place + 1_000_000)["records"], "a place of another process"


def test_a_place_in_the_records_of_a_predecessor_is_told_as_such():
    def end_one(relay):
        connect(relay.port()).close()
    with relay_process.RelayProcess() as relay:
        relay.set({"revision": 1, "routes": [{"pattern": "a.example.com", "target": ("127.0.0.1", 1)}]})
        end_one(relay)
        with relay.control() as control:
            before = wait_for_records(control, 1)
            same = control.records(before["next"], log=before["log"])
            assert (same["records"], same["lost"], same["log"]) == ([], 0, before["log"])
        take_over(relay)
        end_one(relay)
        with relay.control() as control:
            # As many as the asker had of the predecessor: by its place alone it would see none.
            after = wait_for_records(control, 1, before["next"], before["log"])
            assert after["log"] not in (0, before["log"]) and after["next"] == before["next"]
            assert control.records(after["next"], log=after["log"])["records"] == []


if __name__ == "__main__":
    cases.run(globals())
