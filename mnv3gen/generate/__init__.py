"""What the generators of `schedules/` are written with: vectors, register tiles, rings of rows."""
