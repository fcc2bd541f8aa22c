"""Files of jobs: temporary, derived, discarded."""
