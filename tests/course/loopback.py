"""The loopback interface, over which kernels and test servers talk."""

import contextlib
import socket
import struct
import sys


def put_up():
    """Puts it up if it is down, as it is where the network is cut (`unshare --net`), and if that is permitted."""
    if sys.platform != "linux":
        return
    import fcntl

    get_flags, set_flags, up, request = 0x8913, 0x8914, 0x1, "16sH14x"  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP, ifreq
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket, contextlib.suppress(OSError):
        _, flags = struct.unpack(request, fcntl.ioctl(any_socket, get_flags, struct.pack(request, b"lo", 0)))
        fcntl.ioctl(any_socket, set_flags, struct.pack(request, b"lo", flags | up))
