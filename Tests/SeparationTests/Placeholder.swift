// SeparationTests
