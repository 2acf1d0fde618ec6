"""Tables that people upload, workbooks and delimited text: read with limits, row by row, and without trust."""
