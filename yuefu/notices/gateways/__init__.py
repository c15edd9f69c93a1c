"""Who carries messages: a mail server, a provider of text messages, and for sandbox books a directory."""
