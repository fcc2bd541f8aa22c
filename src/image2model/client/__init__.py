"""The Python SDK: talks to a server over HTTP."""
