// StorageServerTests
