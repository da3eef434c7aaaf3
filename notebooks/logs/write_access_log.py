"""Writes access.log.gz: a quarter of an hour of the bookshop, as its Envoy would have logged it.

JSON lines with the names of Istio's default format, and x-canary, which the shop's Envoys log besides. Two rows
are none: the first lost its beginning when the log was rotated, and Envoy itself has written among the others.
"""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

ROWS = 400
#: Of a hundred requests: how many, method, path, and yesterday's answer.
KINDS = (
    (16, "GET", "/", 200, "storefront"),
    (25, "GET", "/catalog/books/{book}", 200, "books"),
    (12, "GET", "/catalog/search?q={word}", 200, "search"),
    (7, "GET", "/catalog/about", 200, "pages"),
    (13, "GET", "/checkout/cart", 200, "checkout"),
    (9, "POST", "/checkout/pay", 200, "checkout"),
    (4, "GET", "/blog/2026/{word}", 302, "-"),
    (3, "GET", "/reports/daily", 200, "reports"),
    (5, "GET", "/books/{book}", 200, "books"),  # how books were found before there was a catalog
    (2, "GET", "/catalog", 200, "pages"),
    (1, "GET", "/wp-login.php", 404, "-"),
    (3, "GET", "/healthz", 404, "-"),
)
AGENTS = ("Mozilla/5.0 (X11; Linux x86_64) Firefox/144.0", "BooksApp/7.2 (iOS)", "curl/8.14.1")
WORDS = ("maps", "birds", "bread", "stars")


def lines() -> list[str]:
    """The rows of the log, without their ends."""
    source = random.Random(1)  # noqa: S311 - invented visitors
    found = []
    for number, (_, method, path, status, service) in enumerate(
        source.choices(KINDS, [share for share, *_ in KINDS], k=ROWS)
    ):
        canary = source.choice(("true", "true", "True", "false")) if source.random() < 0.08 else None
        cluster = service
        if service == "checkout":
            cluster = "checkout-v2" if canary == "true" or source.random() < 0.05 else "checkout-v1"
        host = source.choice(("books.example", "books.example", "www.books.example"))
        row = {
            "start_time": f"2026-11-27T19:{number * 2 // 60 + 30:02}:{number * 2 % 60:02}.{number % 1000:03}Z",
            "method": method,
            "path": path.format(book=source.choice((7, 17, 404, 1729)), word=source.choice(WORDS)),
            "authority": "10.2.0.17:8080" if path == "/healthz" else host,
            "user_agent": "kube-probe/1.34" if path == "/healthz" else source.choice(AGENTS),
            "x_canary": canary,
            "response_code": status,
            "upstream_cluster": cluster,
            "duration": source.randrange(1, 90),
        }
        found.append(json.dumps(row, separators=(",", ":")))
    found[0] = found[0][found[0].index("19:30") :]
    found.insert(
        250, "[2026-11-27 19:38:20.117][1][warning][main] overload action envoy.overload_actions.shrink_heap"
    )
    return found


def main() -> None:
    data = "".join(f"{line}\n" for line in lines()).encode()
    # Without a time of writing: the same rows are the same file.
    Path(__file__).with_name("access.log.gz").write_bytes(gzip.compress(data, mtime=0))


if __name__ == "__main__":
    main()
