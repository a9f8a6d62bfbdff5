"""The tests need no network, not even a loopback that is up."""

import subprocess
import sys

import pytest

from utils.runtime import COURSE

TALK = """
import socket, sys
if sys.argv[1] == "up": import tests
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname(), timeout=5)
print("connected")
"""
CUT = ["unshare", "--map-root-user", "--net"]


def cut_off(*arguments):
    return subprocess.run([*CUT, *arguments], cwd=COURSE, capture_output=True, text=True)


def test_loopback_is_put_up_where_the_network_is_cut():
    try:
        if cut_off("true").returncode:
            pytest.skip("the network cannot be cut here")
    except FileNotFoundError:
        pytest.skip("there is no unshare here to cut the network with")
    assert "connected" not in cut_off(sys.executable, "-c", TALK, "down").stdout
    assert cut_off(sys.executable, "-c", TALK, "up").stdout == "connected\n"
