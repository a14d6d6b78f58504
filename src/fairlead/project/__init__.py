"""What the user writes: the project file, its expressions, and how both are read."""

FILE_NAME = "fairlead.yaml"
