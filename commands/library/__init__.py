"""The commands themselves, one file each, named as it is typed.

agents      see the agents, and restart one
balance     what the account holds
book        what rests in a market's book
bots        all bots, or one of them
cache       how often market data came from memory
chart       a market's candles with a bot's lines
confirm     run a plan that was shown
discard     drop a plan that was shown
doctor      what is wrong, and what to do
grid        start a grid, by questions or in one line
help        what may be asked
indicators  what the indicators say of a market
invite      make a one-time code for somebody
jobs        see, run, pause and resume scheduled jobs
logs        the program's own log
market      one market: price, day, spread, limits
markets     find a market
mode        where money is real, and letting it be
orders      the open orders
pair        let somebody in with a code
pairs       markets that are proposed, and why others are not
pause       take a bot's orders off the book
people      who may ask, and what
pnl         profit and loss, with its chart
positions   open positions on perpetuals
recentre    lay a grid anew
resume      let a paused bot trade again
settings    see the settings, change your own
sl          stop loss
start       the greeting
status      how everything is, on one card
stop        stop a bot, sell or keep
tp          take profit
trades      what was bought and sold
trading     halt, limit or free all trading
trail       let a grid follow the price
transfer    money between the wallets of an account
validate    whether a market suits a grid, and which
why         why the engine did what it did
"""
