"""One file, one indicator: a window computation for many bars at once, and a stream of one-bar updates.

The frame:

    base       what an indicator is, and how indicators are found
    board      the indicators of one market side by side
    columns    columns as the window computations want them
    extremes   rolling extremes at a constant cost per bar

The indicators:

    adx                  strength of a trend
    atr                  average true range
    bollinger            a mean and standard deviations around it
    donchian             highest high and lowest low
    ema                  exponential moving average
    fibonacci            levels of the last swing
    hurst                whether moves go on or are taken back
    keltner              an average and true ranges around it
    macd                 a fast average against a slow one
    obv                  on-balance volume
    realised_volatility  the typical return of a bar at three scales
    rsi                  relative strength index
    sma                  simple moving average
    stochastic           where the close lies in its range
    supertrend           a trailing line that turns with the trend
    vwap                 average price of the day, by volume
    zscore               standard deviations from the mean
"""
