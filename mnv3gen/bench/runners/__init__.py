"""What runs in a process of its own for each engine, with nothing of mnv3gen's dependencies.

`serve` reads requests; every other module has the `Runner` of one engine and imports that engine
only when the runner is made, so that what it takes is seen.
"""
