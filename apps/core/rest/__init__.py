"""What every address under /api/ shares. Settings name some of these classes, so this file imports none of them."""
