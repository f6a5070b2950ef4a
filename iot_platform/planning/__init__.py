"""How much it takes: a capacity plan from measured rates, and the measuring of them."""
