"""A model on another computer: what goes over the line, who serves it, who asks.

`wire` is the form of a message, `messages` what a question and an answer are in it. Needs the
extra ``server``.
"""
