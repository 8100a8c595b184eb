"""NetAdapt (section 4.2 of the paper): a network is shrunk layer by layer to a latency."""
