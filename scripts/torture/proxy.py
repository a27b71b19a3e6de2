"""A proxy between a daemon and its upstream that misbehaves on command: what networks, proxies and broken servers do."""
import random
import socket
import threading
import time


class Proxy:
    """Listens on a free port of loopback. `fault` is the name of one of FAULTS, or None; `share` of the exchanges meet it."""

    FAULTS = (
        "refuse", "blackhole", "lost_request", "lost_answer", "reset_mid_body", "cut_body", "trickle", "hang", "delay",
        "lies_about_length", "answers_twice", "closes_keep_alive", "huge_answer", "portal",
    )

    def __init__(self, upstream, seed):
        self.upstream = upstream
        self.fault = None
        self.share = 0.5
        self.random = random.Random(seed)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.open = False
        self.listener.close()

    def _accept(self):
        while self.open:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _meets(self):
        return self.fault if self.fault and self.random.random() < self.share else None

    def _serve(self, client):
        server = None
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            fault = self._meets()
            if fault == "refuse":
                return self._reset(client)
            while self.open:
                request = self._message(client)
                if request is None:
                    return
                fault = self._meets()
                if fault in ("blackhole", "hang"):
                    self._wait_while(fault)
                    return self._reset(client)
                if fault == "lost_request":
                    return self._reset(client)
                if fault == "portal":
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<html>Log in</html>\n")
                    continue
                if server is None:
                    server = socket.create_connection(self.upstream, timeout=30)
                    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                server.sendall(request)
                answer = self._message(server)
                if answer is None:
                    return self._reset(client)
                if not self._answer(client, answer, fault):
                    return
        except OSError:
            pass
        finally:
            for one in (client, server):
                if one is not None:
                    one.close()

    def _answer(self, client, answer, fault):
        """Passes the answer on, or what is left of it. False when the connection is over."""
        head, _, body = answer.partition(b"\r\n\r\n")
        if fault == "lost_answer":
            self._reset(client)
            return False
        if fault == "reset_mid_body":
            client.sendall(answer[: len(head) + 4 + len(body) // 2])
            self._reset(client)
            return False
        if fault == "cut_body":
            client.sendall(answer[: len(head) + 4 + len(body) // 2])
            return False
        if fault == "lies_about_length":
            client.sendall(head.replace(b"ontent-Length: %d" % len(body), b"ontent-Length: %d" % (len(body) + 7)).replace(
                b"ontent-length: %d" % len(body), b"ontent-length: %d" % (len(body) + 7)) + b"\r\n\r\n" + body)
            return False
        if fault == "huge_answer":
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n{\"meta\":{},\"data\":\"")
            block = b"x" * 65536
            for _ in range(1500):
                client.sendall(block)
            return False
        if fault == "trickle":
            for byte in answer[:40]:
                if self.fault != "trickle":
                    break
                client.sendall(bytes([byte]))
                time.sleep(0.05)
            self._reset(client)
            return False
        if fault == "delay":
            time.sleep(self.random.uniform(0.05, 0.4))
        client.sendall(answer)
        if fault == "answers_twice":
            client.sendall(answer)
        return fault != "closes_keep_alive"

    def _wait_while(self, fault):
        end = time.monotonic() + 30
        while self.fault == fault and time.monotonic() < end:
            time.sleep(0.02)

    @staticmethod
    def _reset(client):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        client.close()

    @staticmethod
    def _message(connection):
        """One request or answer with its body, by Content-Length; None at the end."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                length = int(value)
        while len(body) < length:
            more = connection.recv(65536)
            if not more:
                return None
            body += more
        return head + b"\r\n\r\n" + body
