"""Times of kernels and networks on devices: how they are taken, kept, summed up and guessed."""
