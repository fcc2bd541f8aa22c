"""What the product is about: jobs, items, states, money, errors. Standard library only."""
