"""RabbitMQ as the carrier of messages: what is in its place where Redis has a module of its own."""
