import Foundation
import HTTPTypes
import Hummingbird
import Observability

/// What is no S3: health and metrics, which need no signature and tell only numbers, and the events that were set aside, which do.
extension S3Service {
    /// Below `/minio/`, which can be no bucket.
    func admin(_ request: S3Request, _ body: RequestBody) async throws -> Response {
        switch (request.method, request.path) {
        case ("GET", "/minio/health/live"), ("HEAD", "/minio/health/live"): return .empty()
        case ("GET", "/minio/health/ready"), ("HEAD", "/minio/health/ready"), ("GET", "/minio/health/cluster"),
            ("HEAD", "/minio/health/cluster"):
            return await readiness(isHead: request.method == "HEAD")
        case ("GET", "/minio/v2/metrics/cluster"):
            return Response(
                status: .ok, headers: [.contentType: PrometheusText.contentType],
                body: ResponseBody(byteBuffer: ByteBuffer(string: await metrics.text())))
        case (_, "/minio/events"):
            _ = try authenticator.authenticate(request, now: now())
            return try await events(request)
        default: return .empty(404)
        }
    }

    /// 200 without a body, as MinIO; 503 and why when uploads would be refused or events do not get through.
    private func readiness(isHead: Bool) async -> Response {
        let space = space
        var problems = [try? await Disk.run { space.problem() }].compactMap { $0 ?? nil }
        for delivery in deliveries {
            if let problem = await delivery.problem() { problems.append(problem) }
        }
        guard !problems.isEmpty else { return .empty() }
        return isHead ? .empty(503) : .json(["status": ["unavailable"], "problems": problems], status: 503)
    }

    /// What is read of the storage when metrics are asked for.
    func write(to text: inout PrometheusText) async {
        var (waiting, setAside) = (0, 0)
        for delivery in deliveries {
            guard let counts = try? await delivery.counts() else { continue }
            waiting += counts.waiting
            setAside += counts.setAside
        }
        let space = space
        let room = try? await Disk.run { try space.measure() }
        let faults = rules.counts
        text.gauge("msaas_storage_events_waiting", "Bucket events that their targets have not taken yet.", waiting)
        text.gauge(
            "msaas_storage_events_set_aside", "Bucket events that were given up until somebody retries them.", setAside)
        text.gauge("msaas_storage_free_bytes", "Free bytes of the storage's disk.", room?.free)
        text.gauge("msaas_storage_kept_free_bytes", "Bytes of it that uploads may not use.", room?.kept)
        text.counter(
            "msaas_storage_slow_bodies_total", "Uploads cut off because they came too slowly.", faults.slowBodies)
        text.counter(
            "msaas_storage_refused_connections_total", "Connections refused because their address had enough.",
            faults.refusedConnections)
    }

    /// GET lists the events that were set aside, POST sends them again, DELETE forgets them; `?id=` chooses some.
    private func events(_ request: S3Request) async throws -> Response {
        let chosen = request.query.filter { $0.name == "id" }.map(\.value)
        let ids = chosen.isEmpty ? nil : Set(chosen)
        var (count, entries) = (0, [EventDelivery.Entry]())
        for delivery in deliveries {
            switch request.method {
            case "GET": entries += try await delivery.setAside(limit: 1000)
            case "POST": count += try await delivery.retry(ids)
            case "DELETE": count += try await delivery.forget(ids)
            default: throw S3Failure.methodNotAllowed
            }
        }
        return request.method == "GET" ? .json(entries) : .json(["count": count])
    }
}

extension Response {
    fileprivate static func json(_ value: some Encodable, status: Int = 200) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        let text = (try? encoder.encode(value)) ?? Data()
        return Response(
            status: .init(code: status), headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: text)))
    }
}
