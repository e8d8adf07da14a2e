"""What a caller sends, checked: one file for each part of a request.

A rule about what a caller may send belongs here, never in an API. The first fault, in the order of predict()'s inputs,
is raised as InvalidInput.
"""
