"""Discord: slash commands with completion, buttons, embeds and pictures, pushes as direct messages.

platform   the platform itself: connects, watches over the connection, pushes
client     what arrives from Discord, and the way back of each answer
tree       slash commands made from the registry
messages   replies as Discord shows them
failures   what Discord's errors mean to whoever sends
"""
