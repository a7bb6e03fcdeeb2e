import FunctionClients
import HTTPTransport
import ObjectStorage
import TestSupport
import UploadFunction

/// An upload function whose storage nobody answers for.
func unreachableStorage() throws -> UploadFunction {
    let port = try freePort()
    var client = S3Client(
        try S3Configuration(endpoint: "http://127.0.0.1:\(port)", accessKey: "key", secretKey: "secret"),
        transport: CurlTransport())
    client.retry.attempts = 1
    return UploadFunction(storage: StorageAccess(client: client))
}
