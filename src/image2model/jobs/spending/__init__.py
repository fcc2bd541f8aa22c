"""Money: what may be bought, what it costs, and the stop of all spending."""
