-- Lightroom runs Lua 5.1; darktable's script runs in 5.4 and keeps to what both have.
std = "lua51"
max_line_length = 120
read_globals = { "import", "_PLUGIN" }
