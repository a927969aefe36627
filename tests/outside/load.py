"""A load that knows which messages were acknowledged: for runs in which the server dies."""
import socket
import threading

from dialogue import Dialogue
from maildir import message


class Load:
    """Sessions that send numbered messages, reconnecting when the server is away."""

    def __init__(self, port, sessions=10, size=2000, farewells=False):
        """farewells: a 421 is as good an end of a connection as none."""
        self.port, self.size = port, size
        self.ends = ["have None"] + ["have 421"] * farewells
        self.acknowledged, self.uncertain = set(), set()
        self.unexpected = []
        self.number, self.stopping = 0, threading.Event()
        self.lock = threading.Condition()
        self.threads = [threading.Thread(target=self._session) for _ in range(sessions)]
        for thread in self.threads:
            thread.start()

    def _next(self):
        with self.lock:
            self.number += 1
            return self.number

    def _session(self):
        while not self.stopping.is_set():
            try:
                with Dialogue(self.port) as d:
                    d.say("EHLO me.example.org", 250)
                    while not self.stopping.is_set():
                        self._one(d)
                    d.say("QUIT", 221)
            except OSError:
                self.stopping.wait(0.02)
            except AssertionError as e:
                if not any(end in str(e) for end in self.ends):
                    self.unexpected.append(str(e))

    def _one(self, d):
        number = self._next()
        with self.lock:
            self.uncertain.add(number)
        d.send(message(number, self.size))
        with self.lock:
            self.uncertain.remove(number)
            self.acknowledged.add(number)
            self.lock.notify_all()

    def wait_acknowledged(self, more, seconds_max=120):
        """Until `more` messages beyond those of now are acknowledged."""
        with self.lock:
            goal = len(self.acknowledged) + more
            assert self.lock.wait_for(lambda: len(self.acknowledged) >= goal, seconds_max), \
                f"{len(self.acknowledged)} acknowledged, {goal} expected; {self.unexpected}"

    def end(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def port_is_open(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0
