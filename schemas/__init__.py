"""What may be said: the events, their content, their Avro and JSON forms, and the rules that every desk is held to."""
