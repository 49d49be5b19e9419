"""A small QMP client: one command at a time, events kept for whoever asks."""
import json
import socket
import time


class QmpError(Exception):
    pass


class Qmp:
    def __init__(self, path, timeout=30):
        deadline = time.monotonic() + timeout
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(str(path))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                self.socket.close()
                if time.monotonic() > deadline:
                    raise QmpError(f"QEMU does not answer on {path}") from None
                time.sleep(0.05)
        self.buffer = b""
        self.events = []
        self._message(timeout)  # the greeting
        self.command("qmp_capabilities")

    def _message(self, timeout):
        """The next message, or None after the timeout; raises QmpError when QEMU has gone."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                return None
            except ConnectionError:
                data = b""
            if not data:
                raise QmpError("QEMU has ended")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def command(self, name, timeout=60, **arguments):
        request = {"execute": name}
        if arguments:
            request["arguments"] = arguments
        try:
            self.socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError:
            raise QmpError("QEMU has ended") from None
        while True:
            message = self._message(timeout)
            if message is None:
                raise QmpError(f"QEMU does not answer '{name}'")
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise QmpError(f"{name}: {message['error']['desc']}")
            elif "return" in message:
                return message["return"]

    def close(self):
        self.socket.close()
