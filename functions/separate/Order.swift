import Foundation
import FunctionHost
import HTTPTransport
import ObjectStorage

/// An object that somebody wants to be separated: an event, or a request of our own
/// (`{"bucket": …, "key": …, "options": {…}}`).
package struct Order: Sendable, Equatable {
    package var bucket: String
    package var key: String
    /// Whether the object is new; other events are ignored.
    package var isCreation = true
    /// Whether somebody asks for this object, and waits for the answer, rather than a storage that tells of it.
    package var isDirect = false
    /// Options that count more than the object's metadata.
    package var options: [String: String] = [:]

    /// The orders in a request's body.
    ///
    /// - Throws: ``BucketEventError`` or ``Malformed`` when the body is none of the known forms.
    package static func orders(in body: Data, headers: HTTPFields) throws -> [Order] {
        if let direct = try direct(body) { return [direct] }
        var fields = HTTPHeaders()
        for field in headers { fields.add(field.name.rawName, field.value) }
        return try BucketEvent.decode(body: body, headers: fields).map {
            Order(bucket: $0.bucket, key: $0.key, isCreation: $0.isCreation)
        }
    }

    private struct Direct: Decodable {
        var bucket: String
        var key: String
        var options: [String: Option]?

        /// A string, a number or a truth value, as text.
        struct Option: Decodable {
            var text: String

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let value = try? container.decode(String.self) {
                    text = value
                } else if let value = try? container.decode(Int.self) {
                    text = String(value)
                } else {
                    text = String(try container.decode(Double.self))
                }
            }
        }
    }

    /// A direct order's options are not a flat object of strings and numbers.
    package struct Malformed: Error, CustomStringConvertible {
        package let description: String
    }

    private struct Shape: Decodable {
        var bucket: String
        var key: String
    }

    private static func direct(_ body: Data) throws -> Order? {
        guard (try? JSONDecoder().decode(Shape.self, from: body)) != nil else { return nil }
        guard let direct = try? JSONDecoder().decode(Direct.self, from: body) else {
            throw Malformed(description: "“options” must be an object of strings and numbers.")
        }
        return Order(
            bucket: direct.bucket, key: direct.key, isDirect: true,
            options: (direct.options ?? [:]).mapValues(\.text))
    }
}
