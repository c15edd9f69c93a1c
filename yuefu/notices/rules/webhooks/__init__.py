"""Webhooks, pure: what events are told, how a message is signed, what an answer means and when it is tried again, where it may go."""
