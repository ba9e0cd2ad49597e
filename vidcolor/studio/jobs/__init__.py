"""Jobs: rows in the database, and the worker processes that run them."""
