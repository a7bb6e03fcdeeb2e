import Hummingbird
import Logging

/// What the server knows of a request beside its head and body.
struct StorageContext: InitializableFromSource {
    let remoteAddress: String
    let logger: Logger

    init(source: ApplicationRequestContextSource) {
        remoteAddress = source.channel.remoteAddress?.ipAddress ?? ""
        logger = source.logger
    }
}
