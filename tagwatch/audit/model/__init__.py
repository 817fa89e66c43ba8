"""The values that all of the judgement uses; this floor imports no other floor of the room."""
