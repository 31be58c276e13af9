"""What each editor is told, as data: a TOML file by the name of the editor."""
