"""Where things are, shown to people."""


def without_secrets(url: str) -> str:
    """Leave user name, password and parameters, which may hold secrets, out of *url*."""
    scheme, separator, rest = url.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"
