"""Recording calls and replaying them: `capture`, `compile` and `freeze`."""

from cygnet.replay.capture import Capture, capture, compile
from cygnet.replay.frozen import Frozen, freeze
from cygnet.replay.profile import Profile

__all__ = ["Capture", "Frozen", "Profile", "capture", "compile", "freeze"]
