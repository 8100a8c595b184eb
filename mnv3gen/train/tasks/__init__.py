"""What a network learns: classes, the classes of pixels, or boxes."""
