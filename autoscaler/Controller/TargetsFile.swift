import EnvironmentSettings
public import Policy
import Yams

/// Something that is scaled, and what by: of the file of targets, one item.
///
/// ```yaml
/// - deployment: worker
///   kind: queue
///   max-replicas: 50
/// - deployment: upload
///   kind: concurrency
///   min-replicas: 2
/// ```
public struct TargetConfiguration: Sendable, Equatable {
    /// What its number follows.
    public enum Kind: Sendable, Equatable {
        /// The jobs that wait in Redis.
        case queue(Settings)
        /// The requests that its pods have in flight.
        case concurrency(ConcurrencySettings)
    }

    /// The Deployment.
    public var deployment: String
    /// What its number follows, with what is set for it.
    public var kind: Kind

    /// A target of its parts.
    public init(deployment: String, kind: Kind) {
        self.deployment = deployment
        self.kind = kind
    }
}

extension ControllerConfiguration {
    /// Everything that is scaled: the workers, then the functions.
    public var targets: [TargetConfiguration] {
        [TargetConfiguration(deployment: deployment, kind: .queue(policy))] + functions
    }

    /// Takes the targets from a file, in place of the one that the other settings name. What an item says of the queue goes
    /// before those settings.
    ///
    /// - Throws: `ConfigurationError` that names the item, the setting, its value and what it may be.
    public mutating func take(targets text: String, path: String) throws(ConfigurationError) {
        let node: Node?
        do { node = try Yams.compose(yaml: text) } catch {
            throw ConfigurationError("The file \(path) is no YAML: \(error).")
        }
        guard let items = node?.sequence, !items.isEmpty else {
            throw ConfigurationError("The file \(path) must be a list of targets, such as \"- deployment: worker\".")
        }
        var (queues, functions): ([TargetConfiguration], [TargetConfiguration]) = ([], [])
        for (index, item) in items.enumerated() {
            let target = try TargetConfiguration(item, at: "target \(index + 1) of \(path)", queue: policy)
            if case .queue = target.kind { queues.append(target) } else { functions.append(target) }
        }
        guard queues.count == 1, let queue = queues.first, case .queue(let policy) = queue.kind else {
            throw ConfigurationError(
                "\(path) has \(queues.count) targets of the kind queue; write exactly one: there is one queue of jobs.")
        }
        let names = (queues + functions).map(\.deployment)
        if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw ConfigurationError("\(path) names the Deployment \(twice) twice; write one item for each.")
        }
        (deployment, self.policy, self.functions) = (queue.deployment, policy, functions)
    }
}

extension TargetConfiguration {
    fileprivate init(_ item: Node, at place: String, queue: Settings) throws(ConfigurationError) {
        guard let mapping = item.mapping else {
            throw ConfigurationError("\(place) is not a mapping, such as \"deployment: worker\".")
        }
        var values: [(name: String, text: String)] = []
        for (key, value) in mapping {
            guard let name = key.scalar?.string, let text = value.scalar?.string, !text.isEmpty else {
                throw ConfigurationError("\(place): \(key.scalar?.string ?? "a setting") must have a plain value.")
            }
            values.append((name, text))
        }
        func take(_ name: String) throws(ConfigurationError) -> String {
            guard let index = values.firstIndex(where: { $0.name == name }) else {
                throw ConfigurationError("\(place): \(name) is missing.")
            }
            return values.remove(at: index).text
        }
        deployment = try take("deployment")
        switch try take("kind") {
        case "queue": kind = .queue(try Self.read(values, at: place, into: queue) { $0.validate })
        case "concurrency":
            kind = .concurrency(try Self.read(values, at: place, into: ConcurrencySettings()) { $0.validate })
        case let other: throw ConfigurationError("\(place): kind", is: other, write: "queue or concurrency")
        }
    }

    private static func read<Chosen: Configurable>(
        _ values: [(name: String, text: String)], at place: String, into usual: Chosen,
        _ validation: (Chosen) -> () throws(SettingsError) -> Void
    ) throws(ConfigurationError) -> Chosen {
        var chosen = usual
        for (name, text) in values {
            guard let setting = Chosen.settings.first(where: { $0.name == name }) else {
                let known = Chosen.settings.map(\.name).joined(separator: ", ")
                throw ConfigurationError("\(place): there is no setting “\(name)” here. The settings are \(known).")
            }
            try setting.read(text, into: &chosen, from: place)
        }
        do { try validation(chosen)() } catch { throw ConfigurationError("\(place): \(error)") }
        return chosen
    }
}

extension ConcurrencySettings: Configurable {
    /// The defaults.
    public static var usual: ConcurrencySettings { ConcurrencySettings() }

    /// The settings of a target of the kind `concurrency` by their names in the file.
    public static var settings: [Setting<ConcurrencySettings>] {
        [
            Setting("min-replicas", \.minReplicas, .whole(.min ... .max)),
            Setting("max-replicas", \.maxReplicas, .whole(.min ... .max)),
            Setting("target-concurrency", \.targetConcurrency, .whole(.min ... .max)),
            Setting("stable-window", \.stableWindow, .timeOrSeconds),
            Setting("panic-window", \.panicWindow, .timeOrSeconds),
            Setting("panic-percent", \.panicPercent, .whole(.min ... .max)),
            Setting("longest-gap", \.longestGap, .timeOrSeconds),
            Setting("pending-grace", \.pendingGrace, .timeOrSeconds),
            Setting("start-grace", \.startGrace, .timeOrSeconds),
            Setting("memory-kill-pause", \.memoryKillPause, .timeOrSeconds),
        ]
    }
}
