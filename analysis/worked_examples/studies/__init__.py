"""Small experiments behind the rows that claim something about training or about large numbers."""
