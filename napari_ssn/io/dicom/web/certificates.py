"""What is said of a certificate that does not show who answers."""

from __future__ import annotations

# By what OpenSSL says of it.
_OLD = ("expired", "not yet valid")
_NAMED = "mismatch"


def unverified(who: str, reason: str, where: str) -> str:
    """Why who answers cannot be verified, and what helps.

    Args:
        who: is meant to.
        reason: that the library of TLS gives.
        where: the file of an authority of one's own can be named.

    Examples:
        >>> print(unverified("PACS", "certificate has expired", "with --certificates"))
        The certificate of PACS is too old, or this computer has a wrong date: tell who runs it.
    """
    if any(one in reason for one in _OLD):
        return (
            f"The certificate of {who} is too old, or this computer has a wrong date: tell who "
            "runs it."
        )
    if _NAMED in reason:
        return (
            f"The certificate of {who} is of another name than its address: look at the address, "
            "or tell who runs it."
        )
    return (
        f"Whether it is {who} that answers cannot be verified, its certificate is of an unknown "
        f"authority: name the file of your authority's certificates {where}."
    )
