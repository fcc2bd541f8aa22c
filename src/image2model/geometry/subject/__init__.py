"""Cut the subject out of a picture, and say how sure the cut is."""
