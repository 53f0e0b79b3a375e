"""A pretend phone wallet: its own node, a balance, a page and a small API. It reaches loopback addresses only."""
