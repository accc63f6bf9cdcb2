"""What we do about it: the core step, risk, execution, agents and exchanges.

explain      a local language model puts a decision into words
claims       whether such words say only what the record bears out
"""
