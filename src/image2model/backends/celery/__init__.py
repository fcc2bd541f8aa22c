"""Ports over Celery: items as messages of a broker, and the processes that take them."""
