// HTDemucs
