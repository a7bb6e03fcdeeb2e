import Foundation

/// The kubeconfig files of somebody who uses `kubectl`, merged: whichever file names something first, wins.
///
/// Source: Kubernetes documentation, "Organizing Cluster Access Using kubeconfig Files".
public struct Kubeconfig: Sendable {
    /// Something of a file, with the file's folder, against which its relative paths are resolved.
    struct Entry<Value: Sendable>: Sendable {
        var value: Value
        var directory: String

        func path(_ relative: String) -> String {
            relative.hasPrefix("/") ? relative : directory + "/" + relative
        }
    }

    private var files: [String] = []
    private var contexts: [String: KubeconfigFile.Context] = [:]
    private var clusters: [String: Entry<KubeconfigFile.Cluster>] = [:]
    private var users: [String: Entry<KubeconfigFile.User>] = [:]
    /// The context that is used unless another is asked for.
    public private(set) var currentContext: String?

    /// The files to read: those of `KUBECONFIG`, separated by colons, or `~/.kube/config`.
    public static func files(_ environment: [String: String]) -> [String] {
        if let list = environment["KUBECONFIG"], !list.isEmpty {
            return list.split(separator: ":").map(String.init)
        }
        let home = environment["HOME"] ?? FileManager.default.homeDirectoryForCurrentUser.path
        return [home + "/.kube/config"]
    }

    /// Reads and merges files; those that do not exist are left out.
    ///
    /// - Throws: ``KubernetesError/configuration(_:)`` when none exists or one cannot be read.
    public init(files: [String]) throws {
        for path in files where FileManager.default.fileExists(atPath: path) {
            self.files.append(path)
            merge(try KubeconfigFile.read(path), directory: URL(filePath: path).deletingLastPathComponent().path)
        }
        if self.files.isEmpty {
            throw KubernetesError.configuration(
                "There is no kubeconfig: \(files.joined(separator: ", ")) does not exist. Set KUBECONFIG to the file "
                    + "that leads to the cluster.")
        }
    }

    private mutating func merge(_ file: KubeconfigFile, directory: String) {
        if currentContext == nil, let name = file.currentContext, !name.isEmpty { currentContext = name }
        for item in file.contexts ?? [] where contexts[item.name] == nil { contexts[item.name] = item.value }
        for item in file.clusters ?? [] where clusters[item.name] == nil {
            clusters[item.name] = Entry(value: item.value, directory: directory)
        }
        for item in file.users ?? [] where users[item.name] == nil {
            users[item.name] = Entry(value: item.value, directory: directory)
        }
    }

    /// The names of all contexts, sorted.
    public var contextNames: [String] { contexts.keys.sorted() }

    /// The way to the cluster of a context, by default the current one.
    ///
    /// - Throws: ``KubernetesError/configuration(_:)`` that names what is missing or not supported.
    public func configuration(context wanted: String? = nil) throws -> ClusterConfiguration {
        let place = files.joined(separator: ", ")
        guard let name = wanted ?? currentContext else {
            throw KubernetesError.configuration(
                "\(place) has no current-context: run kubectl config use-context NAME, with one of "
                    + "\(contextNames.joined(separator: ", ")).")
        }
        guard let context = contexts[name] else {
            throw KubernetesError.configuration(
                "\(place) has no context \(name); there is \(contextNames.joined(separator: ", ")).")
        }
        guard let cluster = context.cluster.flatMap({ clusters[$0] }) else {
            throw KubernetesError.configuration(
                "The context \(name) of \(place) names the cluster \(context.cluster ?? "\"\""), which is not there.")
        }
        let user = context.user.flatMap { users[$0] }
        if let wanted = context.user, !wanted.isEmpty, user == nil {
            throw KubernetesError.configuration(
                "The context \(name) of \(place) names the user \(wanted), who is not there.")
        }
        var configuration = try cluster.configuration()
        if let user { configuration.credentials = try user.credentials(for: cluster, of: configuration) }
        if let namespace = context.namespace, !namespace.isEmpty { configuration.namespace = namespace }
        return configuration
    }
}
