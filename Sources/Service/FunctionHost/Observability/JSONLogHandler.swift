import Foundation
import Logging
import Terminal

/// Writes each log line as one JSON object to standard error: `time`, `level`, `message`, `label` and the metadata.
public struct JSONLogHandler: LogHandler {
    /// Goes with every line.
    public var metadata: Logger.Metadata = [:]
    /// Lines below this level are not written.
    public var logLevel: Logger.Level = .info
    /// Gives metadata from the surrounding task.
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let write: @Sendable (String) -> Void

    /// A handler for the logger called `label`.
    public init(label: String) {
        self.init(label: label) { StandardStreams.show($0) }
    }

    package init(label: String, write: @escaping @Sendable (String) -> Void) {
        self.label = label
        self.write = write
    }

    /// The metadata that goes with every line.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line.
    public func log(event: LogEvent) {
        var fields: [String: LogField] = [:]
        for (key, value) in metadataProvider?.get() ?? [:] { fields[key] = LogField(value) }
        for (key, value) in metadata { fields[key] = LogField(value) }
        for (key, value) in event.metadata ?? [:] { fields[key] = LogField(value) }
        if let error = event.error { fields["error"] = .text("\(error)") }
        fields["time"] = .text(Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
        fields["level"] = .text(event.level.rawValue)
        fields["message"] = .text("\(event.message)")
        fields["label"] = .text(label)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let line = try? encoder.encode(fields) else { return }
        write(String(decoding: line, as: UTF8.self) + "\n")
    }

    /// Lines for people on a terminal, JSON elsewhere; the level from `LOG_LEVEL`.
    public static func bootstrap(environment: [String: String]) {
        let level = environment["LOG_LEVEL"].flatMap { Logger.Level(rawValue: $0.lowercased()) } ?? .info
        let isTerminal = isatty(STDERR_FILENO) == 1
        LoggingSystem.bootstrap { label in
            var handler: any LogHandler =
                isTerminal ? StreamLogHandler.standardError(label: label) : JSONLogHandler(label: label)
            handler.logLevel = level
            return handler
        }
    }
}

/// A value in a log line: numbers and truth values stay what they are, everything else is text.
private enum LogField: Encodable {
    case text(String)
    case integer(Int)
    case number(Double)
    case truth(Bool)

    init(_ value: Logger.MetadataValue) {
        guard case .stringConvertible(let value) = value else {
            self = .text("\(value)")
            return
        }
        switch value {
        case let value as Int: self = .integer(value)
        case let value as Double where value.isFinite: self = .number(value)
        case let value as Bool: self = .truth(value)
        default: self = .text("\(value)")
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .truth(let value): try container.encode(value)
        }
    }
}
