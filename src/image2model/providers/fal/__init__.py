"""The provider `fal`: image-to-3D models that fal.ai runs, paid per model made."""
