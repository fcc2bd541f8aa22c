"""Read untrusted pictures: types, headers, limits, decoding, colour."""
