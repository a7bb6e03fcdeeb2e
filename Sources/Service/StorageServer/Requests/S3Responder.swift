import Foundation
import HTTPServer
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import ObjectStorage

/// Answers requests: takes them apart, lets ``S3Service`` do the work, and turns errors into S3's documents.
struct S3Responder: HTTPResponder {
    typealias Context = StorageContext

    let service: S3Service
    /// Whose pages may call from a browser.
    let origins: AllowedOrigins

    func respond(to request: Request, context: StorageContext) async throws -> Response {
        let id = String(UInt64.random(in: .min ... .max), radix: 16, uppercase: true)
        let isHead = request.method == .head
        var parsed: S3Request?
        var response: Response
        do {
            let s3 = try S3Request(request.head, id: id, remoteAddress: context.remoteAddress)
            parsed = s3
            if let answer = try preflight(request) {
                response = answer
            } else {
                response = try await service.answer(s3, request.body, context)
            }
        } catch {
            let failure = try failure(for: error, context.logger)
            response = .failure(failure, parsed, id: id, deployment: service.deploymentID, isHead: isHead)
        }
        context.logger.debug(
            "storage request",
            metadata: [
                "method": "\(request.method)", "path": "\(parsed?.path ?? "")", "status": "\(response.status.code)",
                "request": "\(id)",
            ])
        response = common(response, id)
        origins.mark(&response.headers, for: request.headers[.origin], exposing: Self.exposedHeaders)
        return response
    }

    /// What pages of other origins may read of an answer.
    private static let exposedHeaders =
        "ETag, Accept-Ranges, Content-Range, Content-Length, Last-Modified, X-Amz-Request-Id"

    /// The answer to a browser that asks before it sends something for a page of another origin; it brings no signature.
    private func preflight(_ request: Request) throws -> Response? {
        guard AllowedOrigins.isPreflight(request.method.rawValue, request.headers) else { return nil }
        let methods = ["GET", "HEAD", "PUT", "POST", "DELETE"]
        guard let fields = origins.preflight(request.headers, methods: methods) else { throw S3Failure.foreignPage }
        return Response(status: .ok, headers: fields)
    }

    private func failure(for error: any Error, _ logger: Logger) throws -> S3Failure {
        switch error {
        case let failure as S3Failure: return failure
        case is CancellationError, is ChannelError, is IOError, is HTTPParserError, is BodyTooSlow: throw error
        case let error as DiskError where error.isFull:
            logger.error("the storage's disk is full", metadata: ["reason": "\(error)"])
            return .diskFull
        default:
            logger.error("storage request failed", metadata: ["reason": "\(error)"])
            return .internalError
        }
    }

    private func common(_ response: Response, _ id: String) -> Response {
        response
            .with("Accept-Ranges", "bytes").with("Content-Security-Policy", "block-all-mixed-content")
            .with("Vary", "Origin").with("X-Amz-Request-Id", id).with("X-Content-Type-Options", "nosniff")
            .with("X-Minio-Deployment-Id", service.deploymentID).with("X-Xss-Protection", "1; mode=block")
    }
}

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
