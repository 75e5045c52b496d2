"""find_key.py --key FILE... [--word TEXT] (--user NAME | --tree FOLDER)...: does anybody there hold a key?

Searches every memory map, open file, argument and environment variable of the processes of a user, and every
file below a folder, for each form in which the keys could stand there: PEM text, DER, base64, hexadecimal, and
the bare secret number in both byte orders (OpenSSL keeps it as a little-endian number). FILE is a TLS
private key in PEM, or a WireGuard key in base64.

Exit status: 0 nothing found, 1 found (each place is named), 2 could not look. Needs root.
"""
import argparse
import base64
import os
import pwd
import re
import stat
import sys

CHUNK = 4 << 20
PAGE = os.sysconf("SC_PAGESIZE")
HUGE = 64 << 30  # a sanitizer's shadow is that big, and holds no copies of data
DER_SEQUENCE, DER_INTEGER, DER_OCTETS = 0x30, 0x02, 0x04


def der_elements(data):
    """(tag, content) of each DER element of `data`; raises ValueError if it is none."""
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("truncated")
        tag, length, at = data[at], data[at + 1], at + 2
        if length >= 0x80:
            octets = length & 0x7F
            length, at = int.from_bytes(data[at:at + octets], "big"), at + octets
        if at + length > len(data):
            raise ValueError("truncated")
        yield tag, data[at:at + length]
        at += length


def secret_numbers(data):
    """The secret numbers of a DER private key: an EC or Ed25519 scalar, RSA's exponents and primes."""
    elements = list(der_elements(data))
    integers = [content.lstrip(b"\0") for tag, content in elements if tag == DER_INTEGER]
    if len(integers) >= 9:  # RSAPrivateKey: version, n, e, then what is secret (RFC 8017 A.1.2)
        integers = integers[3:]
    yield from (number for number in integers if len(number) >= 16)
    for tag, content in elements:
        if tag == DER_SEQUENCE:
            yield from secret_numbers(content)
        elif tag == DER_OCTETS:
            try:
                yield from secret_numbers(content)
            except ValueError:
                if len(content) >= 16:
                    yield content


def forms_of_key(path):
    """{bytes to look for: what they are} for the key in `path`."""
    text = open(path, "rb").read()
    name = os.path.basename(path)
    body = re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s(.*?)-----END", text, re.S)
    der = base64.b64decode(body.group(1) if body else text)
    numbers = set(secret_numbers(der)) if body else {der}
    forms = {der: f"{name} as DER" if body else f"{name} as bytes"}
    for line in (body.group(1) if body else text).split():
        if len(line) >= 40:
            forms[line] = f"{name} as base64"
    for number in numbers:
        forms[number] = f"{name}: the secret number"
        forms[number[::-1]] = f"{name}: the secret number, little-endian"
        forms[number.hex().encode()] = f"{name}: the secret number in hexadecimal"
    if not numbers:
        raise ValueError(f"{path}: no secret number in it")
    return forms


class Search:
    def __init__(self, forms):
        self.forms = forms
        self.overlap = max(map(len, forms)) - 1  # > 0: keys and words are longer than a byte
        self.found = set()
        self.bytes = 0
        self.unreadable_pages = 0

    def look_at(self, where, data):
        for form, what in self.forms.items():
            if form in data:
                self.found.add(f"{what}, in {where}")

    def read(self, where, fd, start, end):
        """[start, end) of `fd`, in chunks that overlap; a page that cannot be read is left out, and counted."""
        tail = b""
        while start < end:
            try:
                data = os.pread(fd, min(CHUNK, end - start), start)
            except OSError:
                self.unreadable_pages += 1
                start, tail = (start // PAGE + 1) * PAGE, b""
                continue
            if not data:  # the file became shorter
                return
            self.bytes += len(data)
            self.look_at(where, tail + data)
            tail = data[-self.overlap:]
            start += len(data)

    def file(self, where, path):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            self.read(where, fd, 0, os.fstat(fd).st_size)
        finally:
            os.close(fd)

    def tree(self, folder):
        count = 0
        for base, _, names in os.walk(folder, onerror=fail):
            for name in names:
                path = os.path.join(base, name)
                if stat.S_ISREG(os.lstat(path).st_mode):
                    self.file(path, path)
                    count += 1
        print(f"    {folder}: {count} files")

    def process(self, pid):
        name = open(f"/proc/{pid}/comm").read().strip()
        before, unreadable, maps, huge = self.bytes, self.unreadable_pages, 0, 0
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # reads PROT_NONE maps too
            for start, end, title in resident_maps(pid):
                if end - start > HUGE:
                    if not has_sanitizer(pid):
                        fail(f"process {pid} ({name}): a memory map of {end - start} bytes is too big to search")
                    huge += 1
                    continue
                self.read(f"memory of {name} ({pid}) {title}", memory.fileno(), start, end)
                maps += 1
        in_memory, unreadable = self.bytes - before, self.unreadable_pages - unreadable
        if in_memory == 0:
            fail(f"process {pid} ({name}): not a byte of its memory could be read")
        files = self.open_files(pid, name)
        for part in ("cmdline", "environ"):
            self.look_at(f"{part} of {name} ({pid})", open(f"/proc/{pid}/{part}", "rb").read())
        left_out = f", left out: {unreadable} unreadable pages" if unreadable else ""
        left_out += f", left out: {huge} maps of a sanitizer" if huge else ""
        print(f"    process {pid} ({name}): {maps} memory maps, {in_memory / 1e6:.0f} MB, {files} open files{left_out}")

    def open_files(self, pid, name):
        count = 0
        for number in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{number}"
            if stat.S_ISREG(os.stat(path).st_mode):
                self.file(f"open file {os.readlink(path)} of {name} ({pid})", path)
                count += 1
        return count


def resident_maps(pid):
    """(start, end, title) of each memory map that holds anything: smaps(5) counts pages in memory or swap."""
    current, pages = None, 0
    with open(f"/proc/{pid}/smaps") as lines:
        for line in lines:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+\s*(.*)", line)
            if head:
                if current and pages:
                    yield current
                start, end = int(head[1], 16), int(head[2], 16)
                is_kernels = head[3] in ("[vvar]", "[vsyscall]", "[vvar_vclock]")
                current, pages = None if is_kernels else (start, end, head[3] or "[anonymous]"), 0
            elif line.startswith(("Rss:", "Swap:", "Shared_Hugetlb:", "Private_Hugetlb:")):
                pages += int(line.split()[1])
    if current and pages:
        yield current


def has_sanitizer(pid):
    with open(f"/proc/{pid}/maps") as lines:
        return any(re.search(r"/lib[a-z]+san\.so", line) for line in lines)


def processes_of(user):
    uid = pwd.getpwnam(user).pw_uid
    pids = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and real_uid(pid) == uid]
    if not pids:
        fail(f"no process of user {user}")
    return sorted(pids)


def real_uid(pid):
    """The owner of /proc/PID is root for a process that is not dumpable; its status tells the truth."""
    try:
        with open(f"/proc/{pid}/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("Uid:"))
    except FileNotFoundError:
        return None


def fail(why):
    print(f"find_key.py: {why}", file=sys.stderr)
    sys.exit(2)


def main():
    parser = argparse.ArgumentParser()
    for option in ("--key", "--word", "--user", "--tree"):
        parser.add_argument(option, action="append", default=[])
    arguments = parser.parse_args()
    try:
        forms = {}
        for path in arguments.key:
            forms.update(forms_of_key(path))
        forms.update({word.encode(): f"the word {word}" for word in arguments.word})
        search = Search(forms)
        for user in arguments.user:
            for pid in processes_of(user):
                search.process(pid)
        for folder in arguments.tree:
            search.tree(folder)
    except (OSError, ValueError, KeyError) as error:
        fail(str(error))
    for place in sorted(search.found):
        print(f"    found: {place}")
    sys.exit(1 if search.found else 0)


if __name__ == "__main__":
    main()
