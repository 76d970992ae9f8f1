"""The daemon: `watch` looks at the machine when it is asked, `server` answers over HTTP, `page` is for browsers."""
