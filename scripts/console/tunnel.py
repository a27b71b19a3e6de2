"""A port of its own that leads to another, as SSH makes one; it can be cut and mended while both ends live."""

import contextlib
import socket
import threading


class Tunnel:
    def __init__(self, url):
        host, port = url.removeprefix("http://").rsplit(":", 1)
        self.target = (host, int(port))
        self.ends, self.is_cut = [], False

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.cut()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                if self.is_cut:
                    near.close()
                    continue
                far = socket.create_connection(self.target)
                self.ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    def carry(self, one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
        self.hang_up([one, other])

    def cut(self):
        """Ends every connection, and takes no other."""
        self.is_cut = True
        self.hang_up(self.ends)
        self.ends = []

    def mend(self):
        self.is_cut = False

    @staticmethod
    def hang_up(ends):
        for end in list(ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
