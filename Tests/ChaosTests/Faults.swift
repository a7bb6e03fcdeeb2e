import Digests
import Foundation
import HTTPTransport
import LocalStack
import ObjectStorage
import Pacing
import TestSupport

/// What goes wrong.
enum Fault: String, CaseIterable, Sendable {
    case killWorker, killHost, killStorage, killRedis, restartRedis, killAll
    case freezeWorker, freezeHost, freezeStorage, freezeRedis
    case limitWorker, limitStorage, fillWorkerDisk, fillStorageDisk
    case repeatNotification, dropNotifications
    case damageRecord, damageBytes, strangers

    /// How often it comes, compared with the others.
    var weight: Int {
        switch self {
        case .killWorker, .freezeWorker: 6
        case .repeatNotification: 4
        case .killAll: 1
        default: 2
        }
    }

    static func random(using numbers: inout SeededGenerator) -> Fault {
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
    let strangers: Strangers
    let transport = CurlTransport()

    /// - Parameter luck: a number that chooses among several processes or songs.
    /// - Returns: what the service did that it must not do.
    func commit(_ fault: Fault, for length: Duration, luck: Int) async -> [String] {
        switch fault {
        case .killWorker: send(SIGKILL, to: .worker, luck)
        case .killHost: send(SIGKILL, to: .host, luck)
        case .killStorage: send(SIGKILL, to: .storage, luck)
        case .killRedis: send(SIGKILL, to: .redis, luck)
        case .restartRedis: send(SIGTERM, to: .redis, luck)
        case .freezeWorker: await freeze(.worker, length, luck)
        case .freezeHost: await freeze(.host, length, luck)
        case .freezeStorage: await freeze(.storage, length, luck)
        case .freezeRedis: await freeze(.redis, length, luck)
        case .limitWorker: await limitFiles(of: .worker, length, luck)
        case .limitStorage: await limitFiles(of: .storage, length, luck)
        case .fillWorkerDisk: await service.disks?.temporary.beFull(for: length)
        case .fillStorageDisk: await service.disks?.objects.beFull(for: length)
        case .killAll:
            await service.killAll()
            _ = try? await service.start()
        case .repeatNotification: await repeatNotification(luck)
        case .dropNotifications: await dropNotifications(for: length)
        case .damageRecord: await damage(luck) { record in try? Data("{\"size\": ".utf8).write(to: record) }
        case .damageBytes:
            await damage(luck) { record in
                let text = (try? String(contentsOf: record, encoding: .utf8)) ?? ""
                let data = service.data.appending(path: "objects/buckets/queue/data")
                let files = (try? FileManager.default.subpathsOfDirectory(atPath: data.path)) ?? []
                for file in files
                where text.contains(String(file.dropFirst(3).prefix { $0 != "." })) && file.contains(".") {
                    try? FileManager.default.removeItem(at: data.appending(path: file))
                }
            }
        case .strangers:
            return await strangers.attack(kinds: [Stranger.allCases[luck % Stranger.allCases.count]], for: length)
        }
        return []
    }

    @discardableResult private func send(_ number: Int32, to role: ServiceUnderFire.Role, _ luck: Int) -> Int32? {
        let all = service.processes(role)
        guard !all.isEmpty else { return nil }
        let one = all[luck % all.count]
        kill(one, number)
        return one
    }

    private func freeze(_ role: ServiceUnderFire.Role, _ length: Duration, _ luck: Int) async {
        guard let frozen = send(SIGSTOP, to: role, luck) else { return }
        try? await Task.sleep(for: length)
        kill(frozen, SIGCONT)
    }

    /// No file of a process may grow beyond 10 kB for a while.
    private func limitFiles(of role: ServiceUnderFire.Role, _ length: Duration, _ luck: Int) async {
        guard let process = send(0, to: role, luck) else { return }
        for limit in ["10000", "unlimited"] {
            _ = try? await ChildProcess(["prlimit", "--pid", "\(process)", "--fsize=\(limit):"]).wait()
            if limit != "unlimited" { try? await Task.sleep(for: length) }
        }
    }

    private func dropNotifications(for length: Duration) async {
        guard let wanted = try? await storage.notification(of: "queue"), !wanted.isEmpty else { return }
        try? await storage.setNotification("queue", [])
        try? await Task.sleep(for: length)
        while (try? await storage.setNotification("queue", wanted)) == nil {
            try? await Task.sleep(for: .milliseconds(200))
        }
    }

    /// Stores a song and damages at once what the storage's disk holds of it. Whether somebody has noticed it before is
    /// luck; nothing is promised, and nothing may wait for it.
    private func damage(_ luck: Int, _ how: (URL) -> Void) async {
        let key = "damaged/\(luck).mp3"
        let song = Data("ID3".utf8) + Data(count: 2000)
        guard (try? await storage.put("queue", key, body: .bytes(song))) != nil else { return }
        let name = key.sha256
        how(service.data.appending(path: "objects/buckets/queue/objects/\(name.prefix(2))/\(name).json"))
    }

    /// Sends the notification of an earlier upload again, twice at once.
    private func repeatNotification(_ luck: Int) async {
        let all = await load.accepted
        guard !all.isEmpty, let token = webhookToken else { return }
        let upload = all[luck % all.count]
        guard let body = try? JSONEncoder().encode(["bucket": "queue", "key": upload.key]) else { return }
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

/// A small file system in memory, mounted on a folder, that can be filled up. Only root may mount one.
final class SmallDisk: Sendable {
    private let folder: URL

    /// Mounts a disk of so many megabytes on `folder`; nil where that is not allowed.
    init?(_ folder: URL, megabytes: Int) async throws {
        self.folder = folder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let mount = try ChildProcess([
            "mount", "-t", "tmpfs", "-o", "size=\(megabytes)m,mode=0700", "msaas-chaos", folder.path,
        ])
        guard await mount.wait() == 0 else { return nil }
    }

    /// Takes the last bytes for a while. Somebody may remove something meanwhile: that room is taken as well.
    func beFull(for length: Duration) async {
        let filler = folder.appending(path: "filler").path
        defer { unlink(filler) }
        let end = ContinuousClock.now + length
        while ContinuousClock.now < end {
            let fill = ["dd", "if=/dev/zero", "of=\(filler)", "bs=64k", "oflag=append", "conv=notrunc"]
            _ = try? await ChildProcess(fill).wait()
            try? await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Takes the disk away.
    func unmount() async { _ = try? await ChildProcess(["umount", "-l", folder.path]).wait() }
}
