"""The texts that tables and requests are made of: few, and alike, so that conditions collide and requests can
hit several routes. Simple ones stand first.
"""

from __future__ import annotations

__all__ = [
    "CLUSTERS",
    "DOMAINS",
    "HEADERS",
    "HOSTS",
    "KEYS",
    "METHODS",
    "MISSING_CLUSTER",
    "PATHS",
    "PATH_REGEXES",
    "PREFIXES",
    "REPLACEMENTS",
    "VALUES",
    "VALUES_OF",
    "VALUE_REGEXES",
]

PATHS = (
    *("/", "/a", "/a", "/a/b", "/ab", "/a/", "/A", "/b", "/api/v1", "/api/v1/pets", "/api/v12", "/b/a/c"),
    *("/a.b", "/a-b/c", "/x;y", "/p%20q", "/a//b", "/a%2Fb", ""),
)
#: What ``path_separated_prefix`` takes.
PREFIXES = (*("/a", "/a/b", "/api/v1", "/b", "/ab") * 2, "/A", "/A", "/a.b", "/x;y", "ab")
PATH_REGEXES = (
    *("/a", "/.*", "/a/.*", "/[a-z]+", "/a|/b", "/api/v[0-9]+(/.*)?", "/(a|b)/c", "/a/[^/]+", "(?i)/A/B", "/.*b"),
    *("/a.b", "/x\\.y", "/\\w+", "^/a$", "/a(/b)*", "/[^;]*", ".*", "/é"),
)
HEADERS = (
    *("x-a", "x-a", "x-b", "x-b", "X-Canary", "x-user", "user-agent", "accept", "cookie", "content-type"),
    *(
        "x-a",
        "x-b",
        ":method",
        ":method",
        ":method",
        ":path",
        ":authority",
        "host",
        ":scheme",
        "referer",
        "te",
        "x-request-id",
    ),
    *("x-forwarded-proto", "x-envoy-original-path", "x-envoy-retry-on", "upgrade"),
)
VALUES = ("a", "b", "true", "A", "ab", "1", "7", "a,b", "a b", "canary", "shop.example", "GET", "é", "https", "/a")
#: What is asked of headers that have values of their own, and of the parts of a path.
VALUES_OF = {
    ":path": ("/a", "/", "/a?q=a", "/b", "a", "/api/v1"),
    ":authority": ("shop.example", "example", "a.shop.example", "shop", "SHOP.example", ":8080"),
    ":scheme": ("http", "https", "https", "HTTP", "ftp"),
    "content-type": ("application/grpc", "text/plain", "application/grpc+proto", "a"),
    "referer": ("/a", "https://shop.example/a", "a", "b"),
    "te": ("trailers", "trailers", "gzip"),
    "upgrade": ("websocket", "x", "WebSocket"),
    "cookie": ("a", "c=a", "c=a; session=1", "b"),
    "x-forwarded-proto": ("https", "http", "HTTPS"),
    "query": ("a", "b", "true", "A", "ab", "1", "7", "a,b", "canary", "%61", "a+b", "b=1", "https", "é"),
    "cookies": ("a", "b", "true", "A", "ab", "1", "a,b", "a b", "canary", '"a"', "a=b", "é"),
}
VALUE_REGEXES = (
    *("a", "a|b", "a.*", ".*", "[ab]+", "true", "(?i)TRUE", "\\d+", "a,.*", ".", "..", "[^a]*", "(a|b),?b?"),
    *("é+", ".+", "canary|true", "^a$"),
)
KEYS = (*("q", "v", "user") * 3, "Q", "Q", "a%62", "é")
DOMAINS = (
    *("shop.example", "*.example", "shop.*", "*.shop.example", "*-x.example", "Shop.Example.org", "api.*"),
    *("shop.example:8080", "*hop.example", "s*p.example", "*.org:8080", "shop.example.*", "*p*", "[::1]", "x", ""),
)
HOSTS = ("shop.example", "unknown", "", "SHOP.example", "a.shop.example", "shop.example:8080", "api.x", "x")
#: All of them are methods that HTTP/1 carries to Envoy.
METHODS = ("GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "PURGE", "PROPFIND")
CLUSTERS = ("v1", "v2", "v3", "old", "new")
#: A cluster that is there in no table.
MISSING_CLUSTER = "gone"
#: Regexes with what takes the place of their matches.
REPLACEMENTS = (
    *(("a", "b"), ("^/(.*)$", "/p/\\1"), ("/a/([^/]+)", "/\\1/a"), ("x*", "-"), ("/api/v([0-9]+)", "/v\\1/api")),
    *(("(?i)A", "\\0\\0"), ("nothing", "x"), ("/.*", ""), ("(a)", "\\10")),
)
