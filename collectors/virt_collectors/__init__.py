"""What the machine says: the Host, readers, parsers and the facts they make.

No judgement and no output lives here. `collect` runs the collectors over a `host`,
each module named for a topic holds that topic's facts, its reader (which touches the
Host) and its parser (which takes text or bytes), and `facts` is all of them together.
"""
