"""One file, one agent; each only advises.

base   what an agent is, and how agents are found
grid   notices orders that should rest and do not
pairs  proposes markets that suit a grid
risk   watches losses and the age of what is known
"""
