"""The one place where everybody asks about markets; the exchange hears each question once.

service      what may be asked, answered from memory, from streams, or by one question
kinds        what is kept, for how long, and what asking for it costs
candles      bars kept whole: asked for once, extended by streams, gaps filled
demand       what is wanted often enough to be streamed
streams      what is streamed, what it told last, and what of it is in doubt
suitability  whether a market suits a grid, check by check
"""
