"""Models that are not ours: fed as an `adapter` file says, held against it by `signature`, tried out by `probe`."""
