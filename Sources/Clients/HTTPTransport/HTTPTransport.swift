/// What sends one HTTP request and gives back the answer.
///
/// Clients of web services take one of these, so that their tests can answer without a network.
public protocol HTTPTransport: Sendable {
    /// Sends `request` and returns once the answer's head is there; its body streams while it is read.
    ///
    /// Every status is an answer, not an error. A streamed request body is read until the server has it all or has
    /// refused it with a status of 300 or more.
    /// - Throws: ``HTTPError`` when there is no answer, `CancellationError` when the task was cancelled (the transfer
    ///   is then aborted), and whatever a streamed request body itself throws.
    func send(_ request: HTTPRequest) async throws -> HTTPResponse
}
