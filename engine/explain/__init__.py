"""A local language model puts a stored decision into words, as far as the record bears them out.

model   a local language model puts a decision into words
claims  whether such words say only what the record bears out
"""
