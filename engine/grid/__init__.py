"""The grid itself: pure functions over prices and quantities."""
