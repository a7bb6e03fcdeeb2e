// separate
