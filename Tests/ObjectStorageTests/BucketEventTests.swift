import Foundation
import HTTPTransport
import ObjectStorage
import Testing

@Suite struct BucketEventTests {
    private func fixture(_ name: String) throws -> Data {
        try Data(contentsOf: Bundle.module.bundleURL.appending(path: "Fixtures/\(name)"))
    }

    private func decode(_ json: String, _ headers: HTTPHeaders = [:]) throws -> [BucketEvent] {
        try BucketEvent.decode(body: Data(json.utf8), headers: headers)
    }

    @Test func minio() throws {
        let events = try BucketEvent.decode(body: fixture("minio-event.json"))
        #expect(
            events == [
                BucketEvent(name: "s3:ObjectCreated:Put", bucket: "queue", key: "dir one/my song+é.mp3")
            ])
        #expect(events[0].isCreation)
    }

    @Test func minioMultipart() throws {
        let event = try #require(try BucketEvent.decode(body: fixture("minio-event-multipart.json")).first)
        #expect(event.name == "s3:ObjectCreated:CompleteMultipartUpload")
        #expect(event.key == "j2/big.mp3")
    }

    @Test func awsRecordWithoutSize() throws {
        let events = try decode(
            """
            {"Records":[{"eventSource":"aws:s3","eventName":"ObjectRemoved:Delete","s3":{"bucket":{"name":"b"},
            "object":{"key":"a+b%2Bc/%C3%A9","sequencer":"0055AED6DCD90281E5"}}}]}
            """)
        #expect(
            events == [
                BucketEvent(name: "s3:ObjectRemoved:Delete", bucket: "b", key: "a b+c/é")
            ])
        #expect(!events[0].isCreation)
    }

    @Test func cloudEventBinary() throws {
        let records = try fixture("minio-event.json")
        let headers: HTTPHeaders = [
            "ce-specversion": "1.0", "ce-type": "com.amazonaws.s3.ObjectCreated.Put", "ce-source": "minio:s3.queue",
            "ce-id": "1", "content-type": "application/json",
        ]
        #expect(try BucketEvent.decode(body: records, headers: headers).first?.key == "dir one/my song+é.mp3")
    }

    @Test func cloudEventBinaryWithStoragePart() throws {
        let events = try decode(
            #"{"s3SchemaVersion":"1.0","bucket":{"name":"b"},"object":{"key":"a+b","size":"7","eTag":"x"}}"#,
            ["CE-Type": "com.amazonaws.s3.ObjectCreated.Put", "CE-SpecVersion": "1.0"])
        #expect(
            events == [BucketEvent(name: "s3:ObjectCreated:Put", bucket: "b", key: "a b")])
    }

    @Test func cloudEventStructured() throws {
        let body = """
            {"specversion":"1.0","type":"com.amazonaws.s3.ObjectCreated.Copy","source":"s","id":"1",
            "data":{"s3":{"bucket":{"name":"b"},"object":{"key":"k"}},"eventName":"ObjectCreated:Copy"}}
            """
        let expected = BucketEvent(name: "s3:ObjectCreated:Copy", bucket: "b", key: "k")
        #expect(try decode(body, ["Content-Type": "application/cloudevents+json; charset=utf-8"]) == [expected])
        #expect(try decode(body) == [expected])
        #expect(try decode("[\(body),\(body)]", ["Content-Type": "application/cloudevents-batch+json"]).count == 2)
    }

    @Test func cloudEventInBase64() throws {
        let data = Data(#"{"Records":[]}"#.utf8).base64EncodedString()
        #expect(try decode(#"{"specversion":"1.0","type":"t","data_base64":"\#(data)"}"#) == [])
    }

    @Test func eventBridge() throws {
        let events = try decode(
            """
            {"version":"0","detail-type":"Object Created","source":"aws.s3","detail":{"bucket":{"name":"b"},
            "object":{"key":"a+b c","size":5,"etag":"e","version-id":"v"},"reason":"PutObject"}}
            """)
        #expect(
            events == [
                BucketEvent(name: "s3:ObjectCreated:Put", bucket: "b", key: "a+b c")
            ])
    }

    @Test func googleCloudStorage() throws {
        let events = try decode(
            #"{"bucket":"b","name":"dir/a+b","size":"9","contentType":"audio/mpeg","metadata":{"Model":"m"}}"#,
            ["ce-type": "google.cloud.storage.object.v1.finalized"])
        #expect(
            events == [
                BucketEvent(name: "s3:ObjectCreated:Put", bucket: "b", key: "dir/a+b")
            ])
    }

    @Test(arguments: ["", " \n", "{}", #"{"Records":[]}"#, #"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#])
    func noEvents(body: String) throws {
        #expect(try decode(body) == [])
    }

    @Test(arguments: [
        "no", "[1]", "7", "null", #"{"a":1}"#, #"{"Records":{}}"#, #"{"Records":[{}]}"#, #"{"Records":[7]}"#,
        #"{"Records":[{"eventName":"x","s3":{"bucket":{"name":"b"},"object":{"key":"%zz"}}}]}"#,
        #"{"Records":[{"eventName":"x","s3":{"bucket":{"name":"b"},"object":{"key":""}}}]}"#,
        #"{"Records":[{"eventName":"x","s3":{"bucket":{},"object":{"key":"k"}}}]}"#,
        #"{"specversion":"1.0","type":"t","data_base64":"!"}"#, "\u{FEFF}{", #"{"s3":[]}"#,
    ])
    func notAnEvent(body: String) {
        #expect(throws: BucketEventError.self) { try decode(body) }
    }

    @Test func tooDeep() {
        for text in [String(repeating: "[", count: 100_000), String(repeating: #"{"Records":"#, count: 100_000)] {
            #expect(throws: BucketEventError.self) { try decode(text) }
        }
    }

    @Test func deepButBalanced() {
        let depth = 100_000
        let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        #expect(throws: BucketEventError.self) { try decode(text) }
    }
}
