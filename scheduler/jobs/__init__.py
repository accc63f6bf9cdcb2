"""One file, one job.

agent_ticks         lets every agent look at its own interval
daily_digest        sends the summary of the day
equity_snapshot     adds a point to the equity curves
heartbeat           leaves a sign of life for the health check
hold_alive          keeps the exchange from cancelling orders on perpetuals
housekeeping        keeps the database small, saved and copied
memory              gives memory back that is not needed any more
reconcile           compares the books with the exchange
"""
