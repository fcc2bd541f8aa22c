"""Read the arguments of commands: pictures, options, spreadsheets."""
