"""Fixtures: a place to work in, Postern, smtp-sink, Postfix."""
import os
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from peers import Postfix, Sink  # noqa: E402
from server import Postern, install  # noqa: E402

removals = []  # of test directories: 20,000 files take a minute, during which others run


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for server in getattr(item, "servers", []):
            if os.path.exists(server.log_path):
                report.sections.append((f"log of {server.dir}", server.log_tail()))


@pytest.fixture(scope="session")
def session_place():
    path = tempfile.mkdtemp(prefix="postern-")
    os.chmod(path, 0o755)
    yield path
    for removal in removals:
        removal.wait()
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def installed(session_place):
    """A copy of the program that every user may reach: tests run as root use others."""
    install(session_place)


@pytest.fixture
def place(session_place):
    """A short path (socket names are limited) that every user may pass through."""
    path = tempfile.mkdtemp(prefix="t", dir=session_place)
    os.chmod(path, 0o755)
    os.symlink(os.path.join(session_place, "bin"), os.path.join(path, "bin"))
    yield path
    removals.append(subprocess.Popen(["rm", "-rf", path]))


@pytest.fixture
def new_postern(place, installed, request):
    """new_postern(name, **settings): servers that are not started yet, ended in order."""
    request.node.servers = []

    def make(name="postern", **settings):
        server = Postern(place, name, **settings)
        request.node.servers.append(server)
        return server
    yield make
    for server in request.node.servers:
        server.end()


@pytest.fixture
def postern(new_postern):
    """One server with the usual configuration, started."""
    return new_postern().start()


@pytest.fixture
def new_sink(place):
    """new_sink(*options, port=N): smtp-sink, started."""
    sinks = []

    def make(*options, port=0):
        sinks.append(Sink(place, *options, port=port))
        return sinks[-1]
    yield make
    for sink in sinks:
        sink.end()


@pytest.fixture
def new_postfix(place):
    """new_postfix(next_port): a Postfix that relays to next_port, started."""
    started = []

    def make(next_port):
        started.append(Postfix(place, next_port))
        return started[-1]
    yield make
    for postfix in started:
        postfix.end()


@pytest.fixture
def via():
    """The relay section that sends everything to a port on this machine."""
    return lambda port: f'relay {{ from = ["127.0.0.0/8"], via = "127.0.0.1:{port}" }}'
