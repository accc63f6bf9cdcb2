"""What happened, booked in the state before anyone decides about it.

apply      what happened, booked in the state
controls   what people ask of a bot, booked in the state
fills      what executions did to cash, positions and slots
listing    new rules of a market, booked with its bots
payments   funding, deposits and withdrawals, booked
arming     whether bots of real money may trade, and with how much
allowance  what an agent may start by itself
reshaping  what people ask of a bot's grid, booked in the state
"""
