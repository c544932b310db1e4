"""Everything that a support person would ask, asked by the program itself."""
