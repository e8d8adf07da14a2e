"""A mixed load on a real server, for minutes: nothing lost, nothing mixed up, nothing that grows."""
