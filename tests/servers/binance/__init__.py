"""A loopback Binance: spot and USD-M futures over REST and WebSockets, as strict as the original, with a fault script.

- book: the outside ladder and own orders, in price-time order
- faults: what goes wrong with which request or event
- keys: API keys, their rights, signatures
- ledger: balances to the last unit
- limits: request weight and order counts
- market: the matching of one symbol
- orders: orders, fills, public trades
- parameters: the parameters of a call
- rest: the way of every REST request
- server: the server and what tests may ask of it
- socket_api: the calls of REST over a socket
- sockets: connections and subscriptions
- spot: accounts, markets and events of spot
- spot_account: one spot account
- spot_check: from parameters to an order; filters
- spot_public: public spot calls
- spot_rest: private spot calls
- spot_stream: spot streams, of the market and the user
- spot_words: the JSON of spot
- symbols: what exchangeInfo says of a symbol
- tape: public trades and candles
- usdm: the futures half, whole
- usdm_account: margin, positions, liquidation price of an account
- usdm_checks: from parameters to a futures order
- usdm_conditionals: stop orders resident on the exchange
- usdm_contracts: contracts and their brackets
- usdm_engine: accounts, markets and events of USD-M
- usdm_liquidation: positions closed by force
- usdm_member: one futures account and its orders
- usdm_orders: private futures calls about orders
- usdm_public: public futures calls
- usdm_settings: leverage, margin, position mode
- usdm_stream: futures market streams
- usdm_user: listen keys and the futures user stream
- usdm_views: what the futures account tells
- usdm_words: the JSON of USD-M
- walk: prices that move by themselves
- wallet: the calls above the products
- words: refusals, sides, numbers
"""

from tests.servers.binance.faults import Fault
from tests.servers.binance.server import BinanceServer
from tests.servers.binance.symbols import Spec

__all__ = ["BinanceServer", "Fault", "Spec"]
