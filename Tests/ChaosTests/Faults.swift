import Foundation
import HTTPTransport
import LocalStack
import ObjectStorage
import TestSupport

/// What goes wrong.
enum Fault: String, CaseIterable, Sendable {
    case killWorker, killHost, killStorage, killRedis, restartRedis, killAll
    case freezeWorker, freezeHost, freezeStorage, freezeRedis
    case fillWorker, fillStorage
    case repeatNotification, dropNotifications

    /// How often it comes, compared with the others.
    var weight: Int {
        switch self {
        case .killWorker, .freezeWorker: 6
        case .repeatNotification: 4
        case .killHost, .killStorage, .killRedis, .dropNotifications: 2
        case .fillWorker, .fillStorage, .restartRedis, .freezeHost, .freezeStorage, .freezeRedis: 2
        case .killAll: 1
        }
    }

    static func random(using numbers: inout SeededNumbers) -> Fault {
        let bag = allCases.flatMap { Array(repeating: $0, count: $0.weight) }
        return bag[Int.random(in: bag.indices, using: &numbers)]
    }
}

/// Makes faults happen, one after the other.
struct Vandal: Sendable {
    let service: ServiceUnderFire
    let load: Load
    let storage: S3Client
    let address: StackAddress
    let transport = CurlTransport()

    /// - Parameter luck: a number that chooses among several processes or songs.
    func commit(_ fault: Fault, for length: Duration, luck: Int) async {
        func send(_ number: Int32, to role: ServiceUnderFire.Role) -> Int32? {
            let all = service.processes(role)
            guard !all.isEmpty else { return nil }
            let one = all[luck % all.count]
            kill(one, number)
            return one
        }
        func freeze(_ role: ServiceUnderFire.Role) async {
            guard let frozen = send(SIGSTOP, to: role) else { return }
            try? await Task.sleep(for: length)
            kill(frozen, SIGCONT)
        }
        /// The disk is full for everything but small files.
        func fill(_ role: ServiceUnderFire.Role) async {
            guard let full = send(0, to: role) else { return }
            await limitFiles(of: full, to: 10_000)
            try? await Task.sleep(for: length)
            await limitFiles(of: full, to: nil)
        }
        switch fault {
        case .killWorker: _ = send(SIGKILL, to: .worker)
        case .killHost: _ = send(SIGKILL, to: .host)
        case .killStorage: _ = send(SIGKILL, to: .storage)
        case .killRedis: _ = send(SIGKILL, to: .redis)
        case .restartRedis: _ = send(SIGTERM, to: .redis)
        case .freezeWorker: await freeze(.worker)
        case .freezeHost: await freeze(.host)
        case .freezeStorage: await freeze(.storage)
        case .freezeRedis: await freeze(.redis)
        case .fillWorker: await fill(.worker)
        case .fillStorage: await fill(.storage)
        case .killAll:
            await service.killAll()
            _ = try? await service.start()
        case .repeatNotification: await repeatNotification(luck)
        case .dropNotifications:
            guard let wanted = try? await storage.notification(of: "queue"), !wanted.isEmpty else { return }
            try? await storage.setNotification("queue", [])
            try? await Task.sleep(for: length)
            while (try? await storage.setNotification("queue", wanted)) == nil {
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    /// No file of the process may grow beyond `size`; `nil` takes the limit back.
    private func limitFiles(of process: Int32, to size: Int?) async {
        let limit = size.map { "\($0)" } ?? "unlimited"
        _ = try? await ChildProcess(["prlimit", "--pid", "\(process)", "--fsize=\(limit):"]).wait()
    }

    /// Sends the notification of an earlier upload again, twice at once.
    private func repeatNotification(_ luck: Int) async {
        let all = await load.accepted
        guard !all.isEmpty, let token = webhookToken else { return }
        let upload = all[luck % all.count]
        let body = Data(#"{"bucket":"queue","key":"\#(upload.key)"}"#.utf8)
        let request = HTTPRequest(
            method: "POST", url: address.http + "/separate",
            headers: ["Authorization": "Bearer \(token)", "Content-Type": "application/json"], body: .bytes(body))
        async let first = try? transport.send(request).body.collect(limit: 1 << 16)
        async let second = try? transport.send(request).body.collect(limit: 1 << 16)
        _ = await (first, second)
    }

    private var webhookToken: String? {
        let file = service.data.appending(path: "secrets.json")
        return (try? Data(contentsOf: file)).flatMap { try? JSONDecoder().decode(StackSecrets.self, from: $0) }?
            .webhookToken
    }
}
