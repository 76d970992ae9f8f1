"""The file of --web.config.file, in our own words; tests hold the keys against those that are read."""

from __future__ import annotations

ABOUT = """
The file that `--web.config.file` names is YAML, in the format of Prometheus' exporter-toolkit. It is read again when it
or one of its certificates changes, without a restart; where that has an error, what held before holds on and the log
says why. Paths are relative to it. A key of the format that is not supported is an error that names it:
`rate_limit` and `auth_excluded_paths` are such.
"""

EXAMPLE = """
tls_server_config:
  cert_file: server.pem
  key_file: server.key
basic_auth_users:
  prometheus: $2y$10$...      # htpasswd -nBC 10 prometheus
"""

TABLES = {
    "tls_server_config": "A certificate and its key are needed; then only TLS is spoken.",
    "http_server_config": "`headers`, and `http2`, which changes nothing: what is spoken is HTTP/1.1.",
    "basic_auth_users": "Users with the bcrypt hashes of their passwords. Every path asks for one then.",
}

TLS = {
    ("cert_file", "cert"): "The certificate, with those between it and the root: a file, or written out here.",
    ("key_file", "key"): "Its key.",
    ("client_auth_type",): "`NoClientCert`, `VerifyClientCertIfGiven` or `RequireAndVerifyClientCert`.",
    ("client_ca_file", "client_ca"): "Who must have signed the certificates of clients.",
    ("client_allowed_sans",): "Names of which a client's certificate must have one.",
    ("min_version", "max_version"): "`TLS12` or `TLS13`.",
    ("cipher_suites",): "Those of TLS 1.2 that may be used.",
    ("curve_preferences",): "One curve.",
    ("prefer_server_cipher_suites",): "`false` lets the client choose.",
}

HEADERS = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
)
