"""The tests need no network, not even a loopback that is up; and importing them changes nothing."""

import subprocess
import sys

import pytest

from tests.course.lab import COURSE

TALK = """
import socket
import tests.course.plugin as plugin
server = socket.create_server(("127.0.0.1", 0))
try:
    socket.create_connection(server.getsockname(), timeout=5)
    print("up")
except OSError:
    print("down")
plugin.pytest_configure(None)
socket.create_connection(server.getsockname(), timeout=5)
print("up")
"""


def test_loopback_is_put_up_where_the_network_is_cut_and_not_before():
    command = ["unshare", "--map-root-user", "--net"]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the network cannot be cut here")
    said = subprocess.run([*command, sys.executable, "-c", TALK], cwd=COURSE, capture_output=True, text=True)
    assert (said.stdout, said.returncode) == ("down\nup\n", 0), said.stderr
