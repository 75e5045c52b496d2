"""What an installed adit takes: memory is asserted, times are printed (they are the machine's as much as adit's)."""

import cases
import vps

MIB = 1 << 20


def proportional_bytes(pid):
    """PSS: memory of its own and its share of what is shared."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))


def test_memory_of_the_idle_relay_and_of_the_controller():
    with vps.at_work() as (machine, world):
        machine.reboot()  # as it is in daily life: from the cache
        vps.serves(world)
        vps.wait_until_up(machine)
        relay = [proportional_bytes(pid) for pid in vps.data_process(machine)]
        (controller,) = machine.processes("adit-controller").values()
        held = proportional_bytes(controller)
        vps.say(f"relay {sum(relay) / MIB:.1f} MiB (supervisor {relay[0] / MIB:.1f}, data process "
                f"{relay[1] / MIB:.1f}), controller {held / MIB:.1f} MiB")
        assert sum(relay) <= 8 * MIB and held <= 40 * MIB


def first(entries, *words):
    """When the first line with all `words` was said, in seconds of the machine's clock."""
    for entry in entries:
        if all(word in entry["MESSAGE"] for word in words):
            return int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6
    raise AssertionError(f"no line with {words} in:\n" + "\n".join(entry["MESSAGE"] for entry in entries))


def test_boot_to_serving_from_the_cache():
    with vps.at_work() as (machine, world):
        machine.reboot()
        vps.say(f"a visitor gets the page {vps.serves(world, 180):.2f} s after the boot's end")
        entries = machine.journal()
        network = first(entries, "eth0", "Gained carrier")
        live = first(vps.journal(machine), "cached route table live")
        ready = first(entries, "Started adit-relay.service")
        vps.say(f"serving from the cache {live - network:+.2f} s after the network, its unit started "
                f"{ready - network:+.2f} s")


def test_init_is_quick():
    with vps.installed(serving=False) as (machine, _):
        vps.timed("adit init", vps.init, machine)
        vps.timed("adit init once more, which changes nothing", vps.init, machine)


if __name__ == "__main__":
    cases.run(globals())
