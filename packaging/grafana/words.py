"""What stands for the numbers of the metrics, and in which colour."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from model import Steps, Words

GREEN, BLUE, YELLOW, ORANGE, RED, PURPLE, GRAY = "green", "blue", "yellow", "orange", "red", "purple", "#808080"

STATUS: Words = {
    "0": ("ok", GREEN),
    "1": ("warning", ORANGE),
    "2": ("critical", RED),
    "3": ("unknown", PURPLE),
}
RULE: Words = {
    "-1": ("not judged", PURPLE),
    "0": ("ok", GREEN),
    "1": ("info", BLUE),
    "2": ("warning", ORANGE),
    "3": ("critical", RED),
}
READINESS: Words = {"1": ("ready", GREEN), "0": ("not ready", RED), "-1": ("unknown", PURPLE)}
CONFIDENCE: Words = {"1": ("low", ORANGE), "2": ("medium", YELLOW), "3": ("high", GREEN)}
FRONTEND: Words = {
    "0": ("Unknown", PURPLE),
    "1": ("Initialising", YELLOW),
    "2": ("InitWait", YELLOW),
    "3": ("Initialised", YELLOW),
    "4": ("Connected", GREEN),
    "5": ("Closing", ORANGE),
    "6": ("Closed", RED),
    "7": ("Reconfiguring", YELLOW),
    "8": ("Reconfigured", YELLOW),
}
ANSWERS: Words = {"1": ("answers", GREEN), "0": ("does not answer", RED)}
LIVE: Words = {"1": ("live", GREEN), "0": ("not live", RED)}
READ: Words = {"1": ("read", GREEN), "0": ("failed or hangs", RED)}
TAKEN: Words = {"1": ("taken", GREEN), "0": ("wrong, the one before is in force", RED)}
YES: Words = {"1": ("yes", BLUE), "0": ("no", GRAY)}

NEUTRAL: Steps = ((None, BLUE),)
ANY_IS_RED: Steps = ((None, GREEN), (1, RED))
ANY_IS_ORANGE: Steps = ((None, GREEN), (1, ORANGE))
ANY_IS_PURPLE: Steps = ((None, GREEN), (1, PURPLE))


def none_is(text: str) -> Words:
    """Zero in words."""
    return {"0": (text, GREEN)}
