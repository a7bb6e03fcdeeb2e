// StorageServer
