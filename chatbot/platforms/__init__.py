"""One file or package per chat platform; none knows another.

telegram  Telegram
"""
