"""The wires' own formats, read: bytes become items, and items events.

One module a format, each pure: it opens no file and asks no clock. What an item means is decided once, in `wires.events`.
"""
