"""What a caller asked, checked: one file for each kind of thing that a request holds."""
