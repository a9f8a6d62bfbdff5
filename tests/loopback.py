"""The loopback interface, which kernels and test servers talk over: put it up where cutting the network cut it."""

import socket
import struct
import sys

_READ_FLAGS, _WRITE_FLAGS, _UP = 0x8913, 0x8914, 0x1  # SIOCGIFFLAGS, SIOCSIFFLAGS and IFF_UP of Linux
_REQUEST = "16sH14x"


def put_up():
    """Put up the loopback interface if it is down, as it is in a network namespace that is new (`unshare --net`).

    Raises RuntimeError when it is down and may not be put up.
    """
    if sys.platform != "linux":
        return
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        reply = fcntl.ioctl(any_socket, _READ_FLAGS, struct.pack(_REQUEST, b"lo", 0))
        flags = struct.unpack(_REQUEST, reply)[1]
        if flags & _UP:
            return
        try:
            fcntl.ioctl(any_socket, _WRITE_FLAGS, struct.pack(_REQUEST, b"lo", flags | _UP))
        except PermissionError:
            raise RuntimeError("the loopback interface is down: put it up first (ip link set lo up)") from None
