// HTDemucsTests
