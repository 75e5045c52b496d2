"""What visitors notice of `systemctl reload adit-relay`: nothing."""

import json
import os
import subprocess

import cases
import vps
import wires

RELOADS, HELD, THREADS = 6, 5, 4
NEEDRESTART = "/etc/needrestart/restart.d/adit-relay.service"


def test_reload_loses_no_connection_new_or_established():
    with vps.at_work() as (machine, world):
        visitors = world.start(
            "client", "/usr/bin/python3", os.path.join(os.path.dirname(os.path.abspath(__file__)), "visitor.py"),
            world.path("tls.crt"), wires.VPS, wires.NAME, str(HELD), str(THREADS),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert visitors.stdout.readline() == "ready\n"
        for number in range(RELOADS):
            accepting = {data for data in machine.processes("adit-relay").values()}
            # As a person does, and as needrestart(1) does after a library was upgraded.
            machine.run(*(("systemctl", "reload", "adit-relay"), (NEEDRESTART,))[number % 2])
            machine.wait_until("a new data process", lambda before=accepting: set(
                machine.processes("adit-relay").values()) - before)
        seen, _ = visitors.communicate("stop\n", timeout=120)
        seen = json.loads(seen)
        vps.say(f"{seen['done']} new connections during {RELOADS} reloads, {len(seen['failures'])} failed; "
                f"{HELD - seen['lost']} of {HELD} established ones went on")
        assert not seen["failures"], seen["failures"][:5]
        assert seen["done"] >= RELOADS, "too few connections to tell anything"
        machine.wait_until("the end of the last reload", lambda: machine.unit(
            "adit-relay.service", "ActiveState") == {"ActiveState": "active"})
        assert machine.unit("adit-relay.service", "NRestarts") == {"NRestarts": "0"}


if __name__ == "__main__":
    cases.run(globals())
