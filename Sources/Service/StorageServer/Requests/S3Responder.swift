import Foundation
import HTTPServer
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1

/// Answers requests: takes them apart, lets ``S3Service`` do the work, and turns errors into S3's documents.
struct S3Responder: HTTPResponder {
    typealias Context = StorageContext

    let service: S3Service

    func respond(to request: Request, context: StorageContext) async throws -> Response {
        let id = String(UInt64.random(in: .min ... .max), radix: 16, uppercase: true)
        let isHead = request.method == .head
        var parsed: S3Request?
        let response: Response
        do {
            let s3 = try S3Request(request.head, id: id, remoteAddress: context.remoteAddress)
            parsed = s3
            response = try await service.answer(s3, request.body, context)
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
        return common(response, id)
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
