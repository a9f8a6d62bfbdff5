"""Tests of the labs, of utils and of themselves."""

from tests.loopback import put_up

put_up()
