"""Why a tag moved: one verdict a change."""
