public import Foundation
public import HTTPTransport

/// The way to a cluster: where its API server is, whom we trust, who we are, and the namespace to work in.
public struct ClusterConfiguration: Sendable, Equatable {
    /// The API server's address without a slash at its end.
    public var server: String
    /// Who may vouch for the server.
    public var trust: TLSOptions.Trust
    /// Whether the server's certificate is checked.
    public var verifiesServer: Bool
    /// Who we are.
    public var credentials: Credentials
    /// The namespace to work in.
    public var namespace: String

    /// A way to a cluster.
    public init(
        server: String, trust: TLSOptions.Trust = .system, verifiesServer: Bool = true,
        credentials: Credentials = .anonymous, namespace: String = "default"
    ) {
        self.server = server.hasSuffix("/") ? String(server.dropLast()) : server
        self.trust = trust
        self.verifiesServer = verifiesServer
        self.credentials = credentials
        self.namespace = namespace
    }

    /// The way that this process is given: the files of `KUBECONFIG` if it is set, else the service account of the pod
    /// that this is, else `~/.kube/config`.
    ///
    /// - Parameter context: the kubeconfig's context to use instead of its current one.
    /// - Throws: ``KubernetesError/configuration(_:)``.
    public static func detect(
        context: String? = nil, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> ClusterConfiguration {
        let files = Kubeconfig.files(environment)
        if environment["KUBECONFIG"]?.isEmpty ?? true, environment["KUBERNETES_SERVICE_HOST"] != nil, context == nil {
            return try inCluster(environment: environment)
        }
        return try Kubeconfig(files: files).configuration(context: context)
    }
}

/// Who we are. A token goes before a plugin; a certificate is shown beside either.
public struct Credentials: Sendable, Equatable {
    /// Where a bearer token comes from.
    public enum Token: Sendable, Equatable {
        /// It is known.
        case value(String)
        /// It is in a file, which is read again as it changes.
        case file(String)
        /// A plugin makes it, or a certificate.
        case plugin(CredentialPlugin)
        /// A name and a password instead of a token.
        case basic(user: String, password: String)
    }

    /// Where a certificate with its key comes from.
    public enum Certificate: Sendable, Equatable {
        /// Both are known, as PEM text.
        case data(certificate: Data, key: Data)
        /// Both are in PEM files, which are read again as they change.
        case files(certificate: String, key: String)
    }

    /// What goes into the `Authorization` header.
    public var token: Token?
    /// What is shown in the TLS handshake.
    public var certificate: Certificate?

    /// Who we are.
    public init(token: Token? = nil, certificate: Certificate? = nil) {
        self.token = token
        self.certificate = certificate
    }

    /// Nobody in particular.
    public static let anonymous = Credentials()
}

extension ClusterConfiguration {
    /// Where a pod finds its service account.
    public static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The way from inside a pod, as its service account. The token's file is read again as the kubelet rotates it.
    ///
    /// Source: Kubernetes documentation, "Accessing the Kubernetes API from a Pod".
    /// - Throws: ``KubernetesError/configuration(_:)`` when this is no pod or its account is not mounted.
    public static func inCluster(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        directory: String = serviceAccountDirectory
    ) throws -> ClusterConfiguration {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            let port = environment["KUBERNETES_SERVICE_PORT"], Int(port).map((1...65_535).contains) == true
        else {
            throw KubernetesError.configuration(
                "This is no pod of a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set. "
                    + "Set KUBECONFIG to reach a cluster from outside.")
        }
        let (token, authority) = (directory + "/token", directory + "/ca.crt")
        for file in [token, authority] where !FileManager.default.isReadableFile(atPath: file) {
            throw KubernetesError.configuration(
                "The pod's service account is not mounted: \(file) cannot be read. "
                    + "Set automountServiceAccountToken: true in the pod.")
        }
        let namespace = try? String(contentsOfFile: directory + "/namespace", encoding: .utf8)
        let name = namespace?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
        return ClusterConfiguration(
            server: "https://\(host.contains(":") ? "[\(host)]" : host):\(port)", trust: .file(authority),
            credentials: Credentials(token: .file(token)), namespace: name.isEmpty ? "default" : name)
    }
}
