"""The texts that tables and requests are made of: few, and alike, so that conditions collide and requests can
hit several routes. Simple ones stand first.
"""

from __future__ import annotations

__all__ = [
    "CLUSTERS",
    "DOMAINS",
    "FORMATS",
    "HEADERS",
    "HOSTS",
    "HOST_FORMATS",
    "KEYS",
    "METHODS",
    "MISSING_CLUSTER",
    "MUTATED",
    "MUTATED_IN_RESPONSES",
    "PATHS",
    "PATH_FORMATS",
    "PATH_REGEXES",
    "PREFIXES",
    "REPLACEMENTS",
    "TEMPLATES",
    "UNDETERMINED_FORMATS",
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
#: URI templates, some of which only 1.40 takes, and the last one no path fits.
TEMPLATES = (
    *("/{x}", "/a/{x}", "/{x}/b", "/{x=**}", "/a/{rest=**}", "/*", "/**", "/api/{x}/{rest=**}", "/a*", "/a"),
    *("/{x}.b", "/{x=*/b}", "/{x=a/*}/{y}", "/**b", "/api/*/pets", "/a{x}", "/api/v{x}/{rest=**}", "/{x}-b/c"),
    *("/x;y", "/{x}/", "/", "/p%20q", "/{x}/{y}", "/a***"),
)
#: What values of headers are made of; what is behind them no request tells.
FORMATS = (
    *("a", "b", "%REQ(x-a)%", "%REQ(X-User?x-b)%", "%REQ(x-b):1%", "", "100%%", "%PATH(NQ)%", "%REQ(:path)%"),
    *("%REQ(:authority)%", "%QUERY_PARAM(q)%", "[%REQ(x-a)%|%REQ(x-none)%]", "%RESP(x-r)%", "%PATH(WQ:ORIG)%"),
    *("%REQ(:method)%", "%REQ(user-agent?:scheme):3%", "é", "%PATH%", "%REQ(cookie)%", "%REQ(x-canary)%-%%-x"),
)
UNDETERMINED_FORMATS = ("%PROTOCOL%", "%ROUTE_NAME%", "a-%START_TIME%", "%UPSTREAM_HOST%")
PATH_FORMATS = (
    *("/%REQ(x-a)%", "/new%PATH(NQ)%", "%PATH(NQ)%/%REQ(x-user?x-b):2%", "%REQ(x-b)%", "/100%%", "/f"),
    *("/%QUERY_PARAM(q)%/%REQ(:method)%", "/p%REQ(:path)%", "/%ROUTE_NAME%"),
)
HOST_FORMATS = (
    *("new.example", "%REQ(x-a)%", "%REQ(x-a)%.example", "%REQ(:authority)%", "%QUERY_PARAM(v)%.x:%REQ(x-b):2%"),
    *("%REQ(x-user?:authority):3%", "%PROTOCOL%.x"),
)
#: Headers that tables change.
MUTATED = (
    *("x-a", "x-b", "x-new", "X-User", "x-a", "user-agent", "accept", "cookie", "content-type", "via", "referer"),
    *("x-envoy-original-path", "x-forwarded-host", "x-canary", "x-forwarded-proto", "x-envoy-retry-on"),
)
MUTATED_IN_RESPONSES = ("x-r", "x-a", "vary", "server", "content-type", "X-R", "cache-control")
