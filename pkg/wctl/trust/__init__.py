"""Where root meets what other users control: files, commands, text. See SECURITY.md."""
