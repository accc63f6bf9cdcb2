"""The whole engine on a virtual clock, single-threaded, under seeded faults and crashes: one number tells everything.

virtual          time that jumps, an event loop that can be killed between any two steps, a clock that may be wrong
scenario         what a seed is about
weather          what goes wrong between engine and exchange
money            balances, positions and funding of the simulated account
truth            what really is on the exchange
exchange         the exchange as the engine sees it
life             one life of the engine
person           who starts and stops bots
neighbours       who else trades on the account
oracle           what must hold whatever happens
world            one seed from beginning to end
breaks           known defects, planted to show that they are found
test_simulation  seeds that must pass, alike in every process
test_breaks      defects that must be found
test_virtual     what time and the loop promise
"""
