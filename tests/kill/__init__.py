"""Killing the engine at every awkward instant, hundreds of times, against an exchange that lives on.

wire        what travels between the two
exchange    the recording exchange, in the test's process
reaper      the instants of death
nursery     the process that forks the children
child       the engine, in a process that kills itself
test_kill   the test
"""
