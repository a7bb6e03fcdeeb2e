import Encodings
import Foundation
import Kubernetes

extension ClusterDouble {
    /// Answers a call and writes it into the log.
    func answer(_ question: Question) -> Reply {
        change { contents in
            var user: String?
            let reply: Reply
            do throws(Refusal) {
                if let outage = contents.trouble() {
                    guard case .refuse(let refusal) = outage else {
                        contents.log(question, user, 0)
                        return .hangUp
                    }
                    throw refusal
                }
                let account = try contents.account(question)
                user = account?.user
                reply = try contents.reply(question, account) { [weak self] identifier in
                    _ = self?.change { $0.watchers.removeValue(forKey: identifier) }
                }
            } catch {
                reply = .object(error.code, error.status, retryAfter: error.retryAfter)
            }
            let status = if case .object(let code, _, _) = reply { code } else { 200 }
            contents.log(question, user, status)
            return reply
        }
    }
}

extension ClusterDouble.Contents {
    fileprivate mutating func log(_ question: Question, _ user: String?, _ status: Int) {
        calls.append(
            .init(
                method: question.method, target: question.target, user: user, status: status,
                body: String(decoding: question.body, as: UTF8.self)))
    }

    fileprivate mutating func trouble() -> ClusterDouble.Outage? {
        if let end = outageEnd, ContinuousClock.now >= end { (outage, outageEnd) = (nil, nil) }
        if let outage { return outage }
        return failures.isEmpty ? nil : failures.removeFirst()
    }

    fileprivate func account(_ question: Question) throws(Refusal) -> ClusterDouble.Account? {
        guard let accounts else { return nil }
        let token = question.authorization.map { $0.hasPrefix("Bearer ") ? String($0.dropFirst(7)) : "" } ?? ""
        guard let account = accounts[token] else { throw .unauthorized }
        return account
    }

    fileprivate mutating func reply(
        _ question: Question, _ account: ClusterDouble.Account?, onEnd: @escaping @Sendable (Int) -> Void
    ) throws(Refusal) -> Reply {
        if question.method == "GET", let document = Discovery.document(question.path) { return .object(200, document) }
        guard let place = Place(question.path) else { throw .noSuchPath() }
        let permission = place.permission(question)
        if let allowed = account?.permissions, !allowed.contains(permission) {
            throw .forbidden(
                user: account?.user ?? "", permission, namespace: place.namespace, name: place.name)
        }
        if permission.verb == "watch" { return try watch(place, question, onEnd) }
        if place.subresource == "scale", place.resource == .deployments { return try scale(place, question) }
        guard place.subresource == nil else { throw .noSuchPath() }
        return try act(place, question)
    }

    private mutating func act(_ place: Place, _ question: Question) throws(Refusal) -> Reply {
        let namespace = place.namespace ?? ""
        switch (question.method, place.name) {
        case ("GET", let name?): return .object(200, try state.get(place.resource, namespace, name))
        case ("GET", nil): return .object(200, try list(place, question))
        case ("POST", nil):
            let object = try Self.object(question, patch: false)
            try Self.check(object, place)
            return .object(201, try state.create(place.resource, namespace, object, at: clock()))
        case ("PUT", let name?):
            return .object(
                200, try state.replace(place.resource, namespace, name, try Self.object(question, patch: false)))
        case ("PATCH", let name?):
            let patch = try Self.object(question, patch: true)
            return .object(200, try state.patch(place.resource, namespace, name, patch))
        case ("DELETE", let name?): return .object(200, try state.delete(place.resource, namespace, name))
        default:
            throw Refusal(
                code: 405, reason: "MethodNotAllowed",
                message: "the server does not allow this method on the requested "
                    + "resource", details: [:])
        }
    }

    /// The body of a request, if it is of the right type.
    static func object(_ question: Question, patch: Bool) throws(Refusal) -> JSONValue {
        let type = question.contentType?.split(separator: ";").first.map(String.init) ?? "application/json"
        let accepted =
            patch ? ["application/merge-patch+json", "application/strategic-merge-patch+json"] : ["application/json"]
        guard accepted.contains(type) else { throw .unsupportedMediaType }
        guard let object = try? JSONDecoder.kubernetes.decode(JSONValue.self, from: question.body),
            object.object != nil
        else { throw .badRequest("the object provided is unrecognized") }
        return object
    }

    /// What the API server checks of Events that we could get wrong.
    private static func check(_ object: JSONValue, _ place: Place) throws(Refusal) {
        guard place.resource == .events else { return }
        let name = object["metadata"]?["name"]?.string ?? ""
        for field in ["reportingController", "reportingInstance", "action", "reason", "type", "eventTime"]
        where object[field]?.string ?? "" == "" {
            throw .invalid("Event", group: "events.k8s.io", name, field: field, "Required value")
        }
        if (object["note"]?.string ?? "").utf8.count > 1024 {
            throw .invalid("Event", group: "events.k8s.io", name, field: "note", "can have at most 1024 bytes")
        }
        if object["regarding"]?["namespace"]?.string != place.namespace {
            throw .invalid(
                "Event", group: "events.k8s.io", name, field: "involvedObject.namespace",
                "does not match event.namespace")
        }
    }

    /// A list, in pages if the call asks for them.
    private func list(_ place: Place, _ question: Question) throws(Refusal) -> JSONValue {
        var items = state.list(place.resource, place.namespace, selector: LabelMatch(question.query["labelSelector"]))
        var version = state.version
        if let token = question.query["continue"] {
            let parts = token.split(separator: "-", maxSplits: 1)
            guard parts.count == 2, let start = Int(parts[0]) else { throw .badRequest("continue key is not valid") }
            if start < state.compacted {
                throw Refusal(
                    code: 410, reason: "Expired",
                    message: "The provided continue parameter is too old to display a consistent list result.")
            }
            version = start
            items.removeAll { $0["metadata"]?["name"]?.string ?? "" <= parts[1] }
        }
        var metadata: JSONValue = ["resourceVersion": .string(String(version))]
        if let limit = question.query["limit"].flatMap({ Int($0) }), limit > 0, items.count > limit {
            let last = items[limit - 1]["metadata"]?["name"]?.string ?? ""
            metadata["continue"] = .string("\(version)-\(last)")
            items = Array(items.prefix(limit))
        }
        return [
            "kind": .string(place.resource.kind + "List"), "apiVersion": .string(place.resource.apiVersion),
            "metadata": metadata, "items": .array(items),
        ]
    }
}

extension ClusterDouble.Contents {
    /// The `scale` subresource of a Deployment: read, replaced, or patched.
    mutating func scale(_ place: Place, _ question: Question) throws(Refusal) -> Reply {
        guard let name = place.name else { throw .noSuchPath() }
        let namespace = place.namespace ?? ""
        let deployment = try state.get(.deployments, namespace, name)
        let old = Self.scale(of: deployment)
        let wanted: JSONValue
        switch question.method {
        case "GET": return .object(200, old)
        case "PATCH": wanted = old.merged(with: try Self.object(question, patch: true))
        case "PUT": wanted = try Self.object(question, patch: false)
        default: throw .noSuchPath()
        }
        let replicas = wanted["spec"]?["replicas"]?.int ?? 0
        guard replicas >= 0 else {
            throw .invalid(
                "Scale", group: "autoscaling", name, field: "spec.replicas",
                "Invalid value: \(replicas): must be greater than or equal to 0")
        }
        var change: JSONValue = ["spec": ["replicas": .int(replicas)]]
        if let version = wanted["metadata"]?["resourceVersion"] { change["metadata"] = ["resourceVersion": version] }
        return .object(200, Self.scale(of: try state.patch(.deployments, namespace, name, change)))
    }

    private static func scale(of deployment: JSONValue) -> JSONValue {
        var metadata: JSONValue = [:]
        for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            metadata[field] = deployment["metadata"]?[field]
        }
        let labels = deployment["spec"]?["selector"]?["matchLabels"]?.object ?? [:]
        let selector = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.string ?? "")" }
        let replicas = deployment["spec"]?["replicas"]?.int ?? 1
        return [
            "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
            "spec": replicas == 0 ? [:] : ["replicas": .int(replicas)],
            "status": [
                "replicas": deployment["status"]?["replicas"] ?? 0,
                "selector": .string(selector.joined(separator: ",")),
            ],
        ]
    }
}

extension ClusterDouble.Contents {
    /// Opens a watch: the history since its version, then what comes.
    mutating func watch(_ place: Place, _ question: Question, _ onEnd: @escaping @Sendable (Int) -> Void)
        throws(Refusal) -> Reply
    {
        let (stream, continuation) = AsyncStream.makeStream(of: ClusterDouble.WatchLine.self)
        let selector = LabelMatch(question.query["labelSelector"])
        let text = question.query["resourceVersion"] ?? ""
        guard let version = text.isEmpty ? 0 : Int(text) else { throw .badRequest("resourceVersion: Invalid value") }
        let watcher = ClusterDouble.Watcher(
            resource: place.resource, namespace: place.namespace, selector: selector,
            wantsBookmarks: ["1", "true"].contains(question.query["allowWatchBookmarks"] ?? ""), stream: continuation)
        if version == 0 {
            for object in state.list(place.resource, place.namespace, selector: selector) {
                continuation.yield(.line(ClusterDouble.line("ADDED", object)))
            }
        } else if version < state.compacted {
            // The status line is out before etcd says so.
            let refusal = Refusal.expired(version, oldest: state.compacted)
            continuation.yield(.line(ClusterDouble.line("ERROR", refusal.status)))
            continuation.finish()
            return .watch(stream, continuation)
        } else {
            for change in state.history where change.version > version && watcher.wants(change) {
                continuation.yield(.line(change.line))
            }
        }
        lastIdentifier += 1
        let identifier = lastIdentifier
        watchers[identifier] = watcher
        continuation.onTermination = { _ in onEnd(identifier) }
        return .watch(stream, continuation)
    }
}
