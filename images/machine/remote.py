"""Runs scripts in dom0 over the second serial port; images/agent/frame.h describes the frames."""
import base64
import binascii
import os
import re
import select
import socket
import time
import zlib

PAYLOAD = 1536
LINE = re.compile(rb"@ATOLL ([a-z]{1,7}) (\d{1,10}) (-|[A-Za-z0-9+/=]+) ([0-9a-f]{8})")


class RemoteError(Exception):
    """Carries one sentence for the user."""


def encode(kind, sequence, payload=b""):
    body = b"@ATOLL %s %d %s" % (kind.encode(), sequence, base64.b64encode(payload) or b"-")
    return b"\n%s %08x\n" % (body, zlib.crc32(body))


def decode(line):
    """Kind, sequence and payload of a line, or None when it is no intact frame."""
    match = LINE.fullmatch(line.strip(b"\r"))
    if not match or zlib.crc32(line[:match.start(4) - 1]) != int(match[4], 16):
        return None
    try:
        payload = b"" if match[3] == b"-" else base64.b64decode(match[3], validate=True)
    except binascii.Error:
        return None
    return match[1].decode(), int(match[2]), payload


class Remote:
    """One connection to dom0's agent. `alive()` says whether waiting still makes sense: it is asked all the time and
    raises when the machine has ended or shows no progress. `loaded()` says whether the boot loader is done: UEFI takes
    what comes on a serial port for keys, so that a greeting before leads to GRUB's command line."""

    def __init__(self, path, alive=lambda: None, loaded=lambda: True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.alive = alive
        self.loaded = loaded
        self.buffer = b""
        self.sequence = 0
        self.received = 0

    def close(self):
        self.socket.close()

    def _frame(self, timeout):
        """The next intact frame, or None."""
        deadline = time.monotonic() + timeout
        while True:
            while b"\n" in self.buffer:
                line, self.buffer = self.buffer.split(b"\n", 1)
                frame = decode(line)
                if frame:
                    return frame
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            if select.select([self.socket], [], [], left)[0]:
                data = self.socket.recv(65536)
                if not data:
                    raise RemoteError("the machine ended")
                self.buffer = (self.buffer + data)[-(1 << 20):]

    def connect(self):
        """Waits for the agent, as long as the machine makes progress."""
        token = os.urandom(8).hex().encode()
        while True:
            if self.loaded():
                self.socket.sendall(encode("hello", 0, token))
            frame = self._frame(1.0)
            while frame:
                if frame[0] == "hello" and frame[2] == token:
                    self.sequence = self.received = 0
                    return
                frame = self._frame(0.2)
            self.alive()

    def _send(self, kind, payload=b"", unexpected=None):
        """Sends a frame and waits until the agent has it."""
        self.sequence += 1
        while True:
            self.socket.sendall(encode(kind, self.sequence, payload))
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                frame = self._frame(0.5)
                if frame and frame[0] == "ack" and frame[1] == self.sequence:
                    return
                if frame and unexpected and frame[0] in ("out", "err", "exit"):
                    unexpected.append(frame)
            self.alive()

    def run(self, script, out, err, timeout=None):
        """Runs a script (bytes); calls out() and err() with what it prints as it comes. Returns its exit status.
        After `timeout` seconds the script is killed (status 137)."""
        early = []
        self._send("begin")
        for at in range(0, len(script), PAYLOAD):
            self._send("data", script[at:at + PAYLOAD])
        self._send("run", unexpected=early)
        deadline = time.monotonic() + timeout if timeout else None
        while True:
            frame = early.pop(0) if early else self._frame(1.0)
            if frame is None:
                self.alive()
                if deadline and time.monotonic() > deadline:
                    deadline = None
                    self._send("kill", unexpected=early)
                continue
            kind, sequence, payload = frame
            if kind not in ("out", "err", "exit"):
                continue
            if sequence != self.received + 1:
                raise RemoteError("output of the script was lost on the serial line")
            self.received = sequence
            if kind == "exit":
                return int(payload)
            (out if kind == "out" else err)(payload)

    def power_off(self):
        self._send("off")
