"""Work beside requests: tasks that keep running, signals to runs, previews to draw."""
