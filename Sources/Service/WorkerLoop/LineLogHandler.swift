public import Logging

/// One line for each message, on standard error. File names and what servers say come from strangers: line ends and other
/// control characters are written as escapes, so that nobody forges a line or commands the terminal that shows it.
public struct LineLogHandler: LogHandler {
    private var inner: StreamLogHandler

    /// A handler for `Logger(label:factory:)` or `LoggingSystem.bootstrap`.
    public init(label: String) { inner = .standardError(label: label) }

    /// The least level that is written.
    public var logLevel: Logger.Level {
        get { inner.logLevel }
        set { inner.logLevel = newValue }
    }

    /// What is written with every message.
    public var metadata: Logger.Metadata {
        get { inner.metadata }
        set { inner.metadata = newValue.mapValues { "\(Self.escaped("\($0)"))" } }
    }

    /// One of these values.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { inner[metadataKey: key] }
        set { inner[metadataKey: key] = newValue.map { "\(Self.escaped("\($0)"))" } }
    }

    /// Writes one line.
    public func log(event: LogEvent) {
        var event = event
        event.message = "\(Self.escaped(event.message.description))"
        event.metadata = event.metadata?.mapValues { "\(Self.escaped("\($0)"))" }
        inner.log(event: event)
    }

    private static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return text.unicodeScalars.reduce(into: "") { result, scalar in
            result += isControl(scalar) ? scalar.escaped(asASCII: true) : String(scalar)
        }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        [.control, .lineSeparator, .paragraphSeparator, .format].contains(scalar.properties.generalCategory)
    }
}
