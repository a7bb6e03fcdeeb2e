import Foundation
import HTTPTypes
import Hummingbird
import ObjectStorage

extension Response {
    /// An XML document.
    static func xml(_ text: String, status: Int = 200) -> Response {
        Response(
            status: .init(code: status), headers: [.contentType: "application/xml"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    /// A document with one root element in S3's namespace.
    static func xml(_ root: String, _ content: (inout XMLWriter) -> Void) -> Response {
        var xml = XMLWriter()
        xml.element(root, namespace: XMLWriter.s3, content)
        return .xml(xml.text)
    }

    /// No body.
    static func empty(_ status: Int = 200) -> Response { Response(status: .init(code: status)) }

    /// The document for a refusal. An answer to HEAD has no body.
    static func failure(_ failure: S3Failure, _ request: S3Request?, id: String, deployment: String, isHead: Bool)
        -> Response
    {
        guard !isHead else { return .empty(failure.status) }
        var xml = XMLWriter()
        xml.element("Error") { xml in
            xml.element("Code", failure.code)
            xml.element("Message", failure.message)
            if let key = request?.key { xml.element("Key", key) }
            if let bucket = request?.bucket { xml.element("BucketName", bucket) }
            xml.element("Resource", request?.path ?? "/")
            xml.element("RequestId", id)
            xml.element("HostId", deployment)
        }
        return .xml(xml.text, status: failure.status)
    }

    /// The same answer with one field set; names are our own constants or come from the request's own, valid, names.
    func with(_ name: String, _ value: String) -> Response {
        guard let name = HTTPField.Name(name) else { return self }
        var response = self
        response.headers[name] = value
        return response
    }
}

extension Date {
    /// Without the fraction of a second that HTTP dates do not have.
    var wholeSeconds: Date { Date(timeIntervalSince1970: timeIntervalSince1970.rounded(.down)) }
}
