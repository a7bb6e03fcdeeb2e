import Encodings
import Foundation
import HTTPTransport

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

extension Kubeconfig.Entry where Value == KubeconfigFile.Cluster {
    /// Where the server is and who vouches for it, yet without credentials.
    func configuration() throws(KubernetesError) -> ClusterConfiguration {
        guard let server = value.server, let url = URL(string: server), ["http", "https"].contains(url.scheme),
            url.host() != nil
        else {
            throw .configuration("The kubeconfig's cluster has no usable server: \(value.server ?? "it is missing").")
        }
        if let name = value.tlsServerName, !name.isEmpty {
            throw .configuration(
                "tls-server-name (\(name)) in a kubeconfig is not supported: use the server's own name.")
        }
        if let proxy = value.proxyURL, !proxy.isEmpty {
            throw .configuration("proxy-url in a kubeconfig is not supported: set HTTPS_PROXY and NO_PROXY instead.")
        }
        let trust = try trust()
        let isInsecure = value.insecureSkipTLSVerify ?? false
        if isInsecure, trust != .system {
            throw .configuration(
                "The kubeconfig has both a certificate authority and insecure-skip-tls-verify: remove the latter.")
        }
        return ClusterConfiguration(server: server, trust: trust, verifiesServer: !isInsecure)
    }

    private func trust() throws(KubernetesError) -> TLSOptions.Trust {
        if let data = value.certificateAuthorityData, !data.isEmpty {
            return .pem(try pem(data, "certificate-authority-data"))
        }
        guard let file = value.certificateAuthority, !file.isEmpty else { return .system }
        guard FileManager.default.isReadableFile(atPath: path(file)) else {
            throw .configuration("The kubeconfig's certificate-authority \(path(file)) cannot be read.")
        }
        return .file(path(file))
    }

    /// What a plugin is told about the cluster.
    fileprivate var information: JSONValue {
        var information: JSONValue = ["server": .string(value.server ?? "")]
        if value.insecureSkipTLSVerify == true { information["insecure-skip-tls-verify"] = true }
        if value.disableCompression == true { information["disable-compression"] = true }
        if let data = value.certificateAuthorityData, !data.isEmpty {
            information["certificate-authority-data"] = .string(data)
        } else if let file = value.certificateAuthority, let data = FileManager.default.contents(atPath: path(file)) {
            information["certificate-authority-data"] = .string(data.base64EncodedString())
        }
        let own = value.extensions?.first { $0.name == "client.authentication.k8s.io/exec" }
        information["config"] = own?.extension
        return information
    }
}

extension Kubeconfig.Entry where Value == KubeconfigFile.User {
    /// Who we are to the cluster.
    func credentials(
        for cluster: Kubeconfig.Entry<KubeconfigFile.Cluster>, of configuration: ClusterConfiguration
    ) throws(KubernetesError) -> Credentials {
        if value.authProvider != nil {
            throw .configuration(
                "auth-provider in a kubeconfig is no longer supported by Kubernetes: use an exec plugin, for GKE "
                    + "gke-gcloud-auth-plugin (gcloud container clusters get-credentials writes it).")
        }
        if let name = value.impersonated, !name.isEmpty {
            throw .configuration("Impersonation (as: \(name)) in a kubeconfig is not supported.")
        }
        let credentials = Credentials(token: try token(for: cluster), certificate: try certificate())
        if credentials.token != nil, !configuration.isPrivate {
            throw .configuration(
                "The kubeconfig would send credentials to \(configuration.server) in the clear: use https.")
        }
        return credentials
    }

    private func token(for cluster: Kubeconfig.Entry<KubeconfigFile.Cluster>) throws(KubernetesError)
        -> Credentials.Token?
    {
        if let file = value.tokenFile, !file.isEmpty { return .file(path(file)) }
        if let token = value.token, !token.isEmpty { return .value(token) }
        if let exec = value.exec { return .plugin(try plugin(exec, for: cluster)) }
        if let user = value.username, !user.isEmpty { return .basic(user: user, password: value.password ?? "") }
        return nil
    }

    private func certificate() throws(KubernetesError) -> Credentials.Certificate? {
        let data = value.clientCertificateData ?? ""
        let file = value.clientCertificate ?? ""
        let (keyData, keyFile) = (value.clientKeyData ?? "", value.clientKey ?? "")
        switch (data.isEmpty, file.isEmpty, keyData.isEmpty, keyFile.isEmpty) {
        case (true, true, true, true): return nil
        case (true, true, _, _): throw .configuration("The kubeconfig's user has a client-key without a certificate.")
        case (_, _, true, true): throw .configuration("The kubeconfig's user has a client-certificate without a key.")
        case (true, false, true, false): return .files(certificate: path(file), key: path(keyFile))
        default:
            let certificate =
                data.isEmpty ? try read(path(file), "client-certificate") : try pem(data, "client-certificate-data")
            let key = keyData.isEmpty ? try read(path(keyFile), "client-key") : try pem(keyData, "client-key-data")
            return .data(certificate: certificate, key: key)
        }
    }

    private func read(_ path: String, _ name: String) throws(KubernetesError) -> Data {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .configuration("The kubeconfig's \(name) \(path) cannot be read.")
        }
        return data
    }

    private func plugin(
        _ exec: KubeconfigFile.Exec, for cluster: Kubeconfig.Entry<KubeconfigFile.Cluster>
    ) throws(KubernetesError) -> CredentialPlugin {
        let version = exec.apiVersion ?? ""
        guard CredentialPlugin.versions.contains(version) else {
            throw .configuration(
                "The kubeconfig's exec plugin \(exec.command) has the apiVersion \(version.debugDescription); supported "
                    + "is \(CredentialPlugin.versions.joined(separator: " and ")).")
        }
        if version == CredentialPlugin.versions[0], exec.interactiveMode == nil {
            throw .configuration("The kubeconfig's exec plugin \(exec.command) has no interactiveMode, which v1 needs.")
        }
        var plugin = CredentialPlugin(
            apiVersion: version, command: exec.command.contains("/") ? path(exec.command) : exec.command,
            arguments: exec.args ?? [],
            environment: Dictionary((exec.env ?? []).map { ($0.name, $0.value) }) { $1 },
            interaction: exec.interactiveMode ?? .ifAvailable, installHint: exec.installHint)
        if exec.provideClusterInfo == true { plugin.cluster = cluster.information }
        return plugin
    }
}

extension ClusterConfiguration {
    /// Whether what is sent stays between us and the server.
    fileprivate var isPrivate: Bool {
        guard server.hasPrefix("http://") else { return true }
        let host = URL(string: server)?.host() ?? ""
        return ["localhost", "::1", "[::1]"].contains(host) || host.hasPrefix("127.")
    }
}

private func pem(_ base64: String, _ name: String) throws(KubernetesError) -> Data {
    guard let data = Data(base64Encoded: base64, options: .ignoreUnknownCharacters), !data.isEmpty else {
        throw .configuration("The kubeconfig's \(name) is not base64.")
    }
    return data
}
