public import EnvironmentSettings
import Foundation
public import Logging
import Terminal

/// How a program's log is written: lines for people on a terminal, one JSON object a line elsewhere.
public struct LogSettings: Configurable {
    /// Lines below this level are not written.
    public var level: Logger.Level

    /// What every program begins with that serves; commands for people begin at `warning`.
    public static let usual = LogSettings(level: .info)
    /// `LOG_LEVEL`.
    public static let settings = [Setting<Self>("LOG_LEVEL", \.level, .choice)]

    /// Lines from `level` on.
    public init(level: Logger.Level) { self.level = level }

    /// Has all loggers of this process write so; to be called once, at the start.
    ///
    /// - Throws: an error when `LOG_LEVEL` names no level.
    public static func bootstrap(_ environment: [String: String]) throws(ConfigurationError) {
        let level = try reading(environment).level
        let isTerminal = isatty(STDERR_FILENO) == 1
        LoggingSystem.bootstrap { label in
            var handler: any LogHandler = isTerminal ? LineLogHandler(label: label) : JSONLogHandler(label: label)
            handler.logLevel = level
            return handler
        }
    }
}

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

    /// A handler whose lines go elsewhere.
    public init(label: String, write: @escaping @Sendable (String) -> Void) {
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
        write(String(decoding: line, as: UTF8.self).escapingControls { "\\u" + String(format: "%04x", $0) } + "\n")
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

/// One line for each message, on standard error. File names and what servers say come from strangers: line ends and other
/// control characters are written as escapes, so that nobody forges a line or commands the terminal that shows it.
public struct LineLogHandler: LogHandler {
    private var inner: StreamLogHandler

    /// A handler for `Logger(label:factory:)` or `LoggingSystem.bootstrap`.
    public init(label: String) { inner = .standardError(label: label) }

    /// Gives metadata from the surrounding task.
    public var metadataProvider: Logger.MetadataProvider? {
        get { inner.metadataProvider }
        set { inner.metadataProvider = newValue }
    }

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

    private static func escaped(_ text: String) -> String { text.escapingControls { "\\u{\(String($0, radix: 16))}" } }
}

extension String {
    /// Control, format and line-ending characters in another writing, by their UTF-16 units.
    fileprivate func escapingControls(_ writing: (UInt16) -> String) -> String {
        guard unicodeScalars.contains(where: Self.isControl) else { return self }
        return unicodeScalars.reduce(into: "") { result, scalar in
            if scalar == "\n" || scalar == "\r" || scalar == "\t" {
                result += scalar.escaped(asASCII: true)
            } else {
                result += Self.isControl(scalar) ? String(scalar).utf16.map(writing).joined() : String(scalar)
            }
        }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        [.control, .lineSeparator, .paragraphSeparator, .format].contains(scalar.properties.generalCategory)
    }
}
