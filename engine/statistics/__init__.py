"""What bars say about a market, for whoever decides on a grid: floats in, advice out, money only in Decimal.

series        log returns at chosen scales, daily variances
outlook       the variance of the coming days from that of the past ones
diffusion     what a driftless diffusion does to a grid
crossings     fills and cycles a day to expect of a grid
regime        trend, range or volatile, with probabilities
reversion     half-life of mean reversion
stationarity  ADF and KPSS, and what they say together
volatility    realised at several scales, and forecast for the next day
description   all of it in one value
readings      what each number means for a grid, in plain words
recommend     a grid that suits a market and passes its planning
worker        the process that the heavy libraries run in
service       statistics on demand, from that process
"""
