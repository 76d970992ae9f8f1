"""The web layer of the daemon, each module with what it knows.

address      where it listens: TCP and unix sockets
document     the web configuration's YAML, with bounds
settings     what that says, in the terms of Prometheus' exporter-toolkit
tls          certificates, versions, ciphers, client certificates
hashes       bcrypt, by libcrypt or the bcrypt module
passwords    who is let in, and how many hashes are computed for it
access       all of that, read again when the files change
connections  how many there may be, and who has to go
handshake    TLS, in the client's own time
reader       a request, which has to arrive in time and within bounds
head         its form, by RFC 9112, and what its fields may be believed
handler      one connection from its first request to its end
site         the paths and what they answer
"""
