import HTTPServer
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTPTypes

/// What the server knows of a request beside its head and body.
struct StorageContext: InitializableFromSource {
    let remoteAddress: String
    let logger: Logger
    private let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        remoteAddress = source.channel.remoteAddress?.ipAddress ?? ""
        logger = source.logger
        channel = source.channel
    }

    /// Tells a client that waits with its body (RFC 9110, section 10.1.1; AWS clients do) to send it. It is told when the body is
    /// wanted, so that a refused one is never sent.
    func sendContinue() async {
        // A failure shows when the body is read.
        try? await channel.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: .continue)))
    }
}
