"""Recipients: people who are paid again and again, at the Lightning Address that they registered by scanning (LUD-23)."""
