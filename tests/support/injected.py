"""System calls made by another process, with ptrace(2): what a confined process may do is asked of
itself, as it runs, and not of something that was set up like it. x86-64 Linux, as root."""

import contextlib
import ctypes
import errno
import os
import platform
import signal
import struct

import cases

ATTACH, DETACH, GETREGS, SETREGS, SINGLESTEP, SETOPTIONS = 16, 17, 12, 13, 9, 0x4200
WAIT_ALL = 0x40000000  # __WALL: threads too
REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
             "fs_base gs_base ds es fs gs").split()
OPENAT, CLOSE = 257, 3
AT_FDCWD = -100
RED_ZONE = 128

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


def ptrace(request, pid, data=None):
    if libc.ptrace(request, pid, None, data) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace: {os.strerror(number)}")


class Injected:
    """`with Injected(pid) as process: process.call(OPENAT, ...)`; it goes on afterwards as if nothing had been."""

    def __init__(self, pid):
        if platform.machine() != "x86_64":
            raise cases.Skip("makes system calls of other processes on x86-64 only")
        self.pid = pid

    def __enter__(self):
        ptrace(ATTACH, self.pid)
        self.wait_for_stop()
        self.before = self.registers()
        self.instruction = self.find_instruction()
        return self

    def __exit__(self, *_):
        buffer = self.packed(self.before)
        ptrace(SETREGS, self.pid, buffer)
        ptrace(DETACH, self.pid)

    def wait_for_stop(self):
        """The next stop; the signal that it stopped for."""
        _, status = os.waitpid(self.pid, WAIT_ALL)
        assert os.WIFSTOPPED(status), f"process {self.pid} ended ({status})"
        return os.WSTOPSIG(status)

    def registers(self):
        buffer = ctypes.create_string_buffer(8 * len(REGISTERS))
        ptrace(GETREGS, self.pid, buffer)
        return dict(zip(REGISTERS, struct.unpack(f"{len(REGISTERS)}Q", buffer.raw)))

    def packed(self, registers):
        return ctypes.create_string_buffer(struct.pack(f"{len(REGISTERS)}Q", *(registers[r] for r in REGISTERS)))

    def find_instruction(self):
        """Where its code has the instruction `syscall`."""
        with open(f"/proc/{self.pid}/maps") as maps, open(f"/proc/{self.pid}/mem", "rb", 0) as memory:
            for line in maps:
                fields = line.split()
                if "x" not in fields[1] or len(fields) < 6 or "libc" not in fields[5]:
                    continue
                start, end = (int(part, 16) for part in fields[0].split("-"))
                memory.seek(start)
                if (found := memory.read(end - start).find(b"\x0f\x05")) >= 0:
                    return start + found
        raise AssertionError("no system call instruction in its libc")

    def call(self, number, *arguments):
        """0 or what the call returned, or the name of its errno ("EACCES"). A str argument is passed as a path."""
        registers = dict(self.before)
        stack = self.before["rsp"] - RED_ZONE - 4096
        values = []
        for argument in arguments:
            if isinstance(argument, str):
                with open(f"/proc/{self.pid}/mem", "r+b", 0) as memory:
                    memory.seek(stack)
                    memory.write(argument.encode() + b"\0")
                argument = stack
            values.append(argument % (1 << 64))
        registers.update(zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), values))
        # orig_rax of -1: this was no system call, so the kernel starts none again.
        registers.update(rax=number, orig_rax=(1 << 64) - 1, rip=self.instruction)
        ptrace(SETREGS, self.pid, self.packed(registers))
        ptrace(SINGLESTEP, self.pid)
        stopped_by = self.wait_for_stop()
        assert stopped_by == signal.SIGTRAP, f"stopped by signal {stopped_by}"
        result = self.registers()["rax"]
        result -= (1 << 64) if result >> 63 else 0
        return errno.errorcode[-result] if -4096 < result < 0 else result

    def opens(self, path, flags=os.O_RDONLY):
        """ "ok", or the errno of opening `path`."""
        result = self.call(OPENAT, AT_FDCWD, path, flags | os.O_CLOEXEC, 0o600)
        if isinstance(result, str):
            return result
        with contextlib.suppress(OSError):
            self.call(CLOSE, result)
        return "ok"
