public import Foundation

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
