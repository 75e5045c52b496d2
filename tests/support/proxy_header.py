"""The PROXY protocol, written a second time and from haproxy's doc/proxy-protocol.txt alone: headers to send
to the relay, and those that it sends taken apart."""

import ipaddress
import struct

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
ALPN, AUTHORITY, CRC32C, NOOP, UNIQUE_ID = 1, 2, 3, 4, 5
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


def crc32c(data):
    rest = 0xFFFFFFFF
    for byte in data:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ (0x82F63B78 if rest & 1 else 0)
    return rest ^ 0xFFFFFFFF


def value(kind, content):
    return struct.pack(">BH", kind, len(content)) + content


def v1(source, destination):
    kind = "TCP6" if ":" in source[0] else "TCP4"
    return f"PROXY {kind} {source[0]} {destination[0]} {source[1]} {destination[1]}\r\n".encode()


def v2(source, destination, *values, command=0x21, checksum=True):
    addresses = [ipaddress.ip_address(end[0]).packed for end in (source, destination)]
    block = b"".join(addresses) + struct.pack(">HH", source[1], destination[1]) + b"".join(values)
    if checksum:
        block += value(CRC32C, bytes(4))
    family = 0x21 if len(addresses[0]) == 16 else 0x11
    header = SIGNATURE + struct.pack(">BBH", command, family, len(block)) + block
    return header[:-4] + struct.pack(">I", crc32c(header)) if checksum else header


def read_v2(data):
    """({"source", "destination", "values": {type: content}}, what follows); a wrong checksum is an error."""
    assert data.startswith(SIGNATURE), data[:40]
    command, family, length = struct.unpack_from(">BBH", data, 12)
    header, rest = data[:16 + length], data[16 + length:]
    assert len(header) == 16 + length and command == 0x21, header
    size = {0x11: 4, 0x21: 16}[family]
    at = 16 + 2 * size
    ends = [str(ipaddress.ip_address(header[i:i + size])) for i in (16, 16 + size)]
    ports = struct.unpack_from(">HH", header, at)
    at += 4
    values = {}
    while at < len(header):
        kind, size = struct.unpack_from(">BH", header, at)
        content = header[at + 3:at + 3 + size]
        assert len(content) == size and kind not in values, header
        if kind == CRC32C:
            zeroed = header[:at + 3] + bytes(4) + header[at + 7:]
            assert crc32c(zeroed) == struct.unpack(">I", content)[0], header
        values[kind] = content
        at += 3 + size
    assert at == len(header), header
    return {"source": (ends[0], ports[0]), "destination": (ends[1], ports[1]), "values": values}, rest
