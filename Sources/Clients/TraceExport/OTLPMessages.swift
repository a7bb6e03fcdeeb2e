import Encodings
import Foundation
import Observability

// The messages of OpenTelemetry's protocol (opentelemetry-proto, trace/v1 and collector/trace/v1) that a span needs, as
// Protocol Buffers. They are few and only written, so they are written by hand; a test reads them with the official
// definitions. Field numbers stand beside the names that the definitions have.

/// `ExportTraceServiceRequest` with one resource and one scope.
func exportRequest(_ spans: [Span], service: String, version: String, instance: String) -> Data {
    let resource = [
        "service.name": Span.Value.text(service), "service.version": .text(version),
        "service.instance.id": .text(instance),
    ]
    var request = ProtobufWriter()
    request.message(1) { resourceSpans in
        resourceSpans.message(1) { $0.attributes(1, resource) }  // resource.attributes
        resourceSpans.message(2) { scopeSpans in
            scopeSpans.message(1) { scope in
                scope.text(1, "msaas")  // name
                scope.text(2, version)
            }
            for span in spans { scopeSpans.message(2) { $0.span(span) } }
        }
    }
    return Data(request.data)
}

extension ProtobufWriter {
    /// What strangers write may be long.
    private static let textLimit = 1024

    fileprivate mutating func span(_ span: Span) {
        bytes(1, Self.bytes(span.place.traceID))
        bytes(2, Self.bytes(span.place.spanID))
        if let parent = span.place.parentID { bytes(4, Self.bytes(parent)) }
        text(5, span.name)
        varint(6, UInt64(span.kind.rawValue))
        fixed64(7, Self.nanoseconds(span.start))  // start_time_unix_nano
        fixed64(8, Self.nanoseconds(max(span.start, span.end)))  // end_time_unix_nano
        attributes(9, span.attributes)
        if let error = span.error {
            message(15) { status in
                status.text(2, String(error.prefix(Self.textLimit)))  // message
                status.varint(3, 2)  // code: STATUS_CODE_ERROR
            }
        }
        fixed32(16, span.place.isSampled ? 1 : 0)  // flags
    }

    fileprivate mutating func attributes(_ field: UInt64, _ attributes: [String: Span.Value]) {
        for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
            message(field) { pair in
                pair.text(1, name)  // key
                pair.message(2) { any in
                    switch value {
                    case .text(let text): any.text(1, String(text.prefix(Self.textLimit)))  // string_value
                    case .truth(let truth): any.varint(2, truth ? 1 : 0)  // bool_value
                    case .integer(let number): any.varint(3, UInt64(bitPattern: Int64(number)))  // int_value
                    case .number(let number): any.fixed64(4, number.bitPattern)  // double_value
                    }
                }
            }
        }
    }

    private static func nanoseconds(_ time: Date) -> UInt64 {
        UInt64(exactly: (time.timeIntervalSince1970 * 1e9).rounded()) ?? 0
    }

    private static func bytes(_ digits: String) -> [UInt8] {
        let digits = Array(digits.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)
        }
    }
}
