"""How messages come and go. Between the client and the handlers: frames, JSON, queues, threads, replies, the end."""
