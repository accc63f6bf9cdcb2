"""Killing the engine while it trades spot and perpetual markets through sockets: nothing lost, nothing doubled.

exchange        a loopback Binance with weather, somebody else's orders, and faults
witness         who looks on while orders arrive
truth           what that exchange knows of our orders and money
compare         the books on the disk against it
child           the engine with the live adapter, in a process that kills itself
test_kill_live  the test
"""
