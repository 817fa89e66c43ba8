"""The values that the judgement speaks in; they import no other floor of the room."""
